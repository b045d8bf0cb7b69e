"""PyTorch in each of its modes, computing the same net from the same weights: what netlang is measured against."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.bench.measure import interleaved
from netlang.files import Problem
from netlang.pipeline import optimizer_of
from netlang.record import dataclass

Array = NDArray[Any]
Work = Callable[[], object]
TRIALS = 3  # rounds in which the ways to update compete, before the fastest is measured


def silent(what: str) -> None:
    """Tell nobody what is under way."""


@dataclass(frozen=True)
class Case:
    """What all contenders compute.

    weights: by public name and in public shape; target: class numbers [n] or values in the shape of the output
    x, target: an array; of several inputs or outputs, one by name
    train: the settings of the optimizer; device: "cpu" or "cuda", where the examples lie before the clock starts
    precision: of products: "fast" is tf32 on CUDA, and as they are written on the CPU; "strict"; "bf16", on CUDA
    tell: told what is under way
    """

    net: Any
    weights: dict[str, Array]
    x: Any
    target: Any
    train: dict[str, Any]
    threads: int
    device: str = "cpu"
    precision: str = "fast"
    tell: Callable[[str], None] = silent

    @property
    def inputs(self) -> list[Array]:
        """All of them, in the order of the file."""
        return list(self.x.values()) if isinstance(self.x, dict) else [self.x]

    @property
    def targets(self) -> dict[str, Array]:
        """Of each output."""
        return self.target if isinstance(self.target, dict) else dict.fromkeys(self.net.graph.outputs, self.target)

    def prepare(self) -> None:
        """Threads and precision, of the whole process."""
        import torch

        torch.set_num_threads(self.threads)
        if self.device == "cuda":
            torch.set_float32_matmul_precision("highest" if self.precision == "strict" else "high")
            torch.backends.cudnn.allow_tf32 = self.precision != "strict"
            torch.backends.cudnn.benchmark = True

    def mixed(self) -> AbstractContextManager[object]:
        """Around forward passes: products in bf16, if those are asked for, from weights in float32."""
        import torch

        asked = self.precision == "bf16"
        return torch.autocast(self.device, dtype=torch.bfloat16) if asked else nullcontext()

    def finished(self) -> None:
        """Wait for what was only set going."""
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()


def available(device: str = "cpu") -> bool:
    """Whether PyTorch is installed, and made for a device."""
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return device == "cpu" or torch.cuda.is_available()


def inference(case: Case, note: Callable[[str], None], only: str | None = None) -> dict[str, Work]:
    """A call per mode that computes the output of the batch.

    note: told which modes do not work here, and why; only: the name of one mode, if the others are not wanted
    """
    import torch

    case.prepare()
    found: dict[str, Work] = {}
    for name, twin, inputs, compiled in _modes(case, note, only):
        case.tell(f"{name}: its first call")
        run = compiled(twin.eval())

        def work(run: Any = run, inputs: Any = inputs) -> object:
            with torch.inference_mode(), case.mixed():
                made = run(*inputs)
            case.finished()
            return made

        if _works(name, work, note):
            found[name] = work
    return found


def training(case: Case, note: Callable[[str], None], only: str | None = None) -> dict[str, Work]:
    """A call per mode that takes one optimizer step: forward, loss, backward, update, gradients forgotten."""
    case.prepare()
    found: dict[str, Work] = {}
    for name, twin, inputs, compiled in _modes(case, note, only):
        case.tell(f"{name}: its first call")
        loss = compiled(_loss(case, twin.train()))
        ways = {how: _step(loss, inputs, case, optimizer) for how, optimizer in optimizers(twin, case.train).items()}
        working = {how: work for how, work in ways.items() if _works(f"{name} ({how})", work, note)}
        if working:
            timings = interleaved(working, TRIALS)
            found[name] = working[min(working, key=lambda how: timings[how].median)]
    return found


def optimizers(module: Any, train: dict[str, Any]) -> dict[str, Any]:
    """The optimizer of the settings, or the one netlang takes without, in two implementations PyTorch has of it."""
    import torch

    chosen: Any = optimizer_of(train)  # of netlang: a file that names none is trained by its usual one
    word, rate = chosen.word, float(train.get("lr") or chosen.rate)
    weights = list(module.parameters())
    ways: dict[str, Any] = {}
    for how in ("foreach", "fused"):
        options: dict[str, Any] = {"lr": rate, how: True}
        if word == "adam":
            ways[how] = torch.optim.Adam(weights, betas=(chosen.beta1, chosen.beta2), eps=chosen.eps, **options)
        elif word in ("sgd", "momentum", "nesterov"):
            momentum = getattr(chosen, "momentum", 0.0)
            ways[how] = torch.optim.SGD(weights, momentum=momentum, nesterov=word == "nesterov", **options)
        else:
            raise Problem(
                f"bench has no PyTorch twin of the optimizer `{word}` yet; leave training out by --mode infer"
            )
    return ways


def _modes(
    case: Case, note: Callable[[str], None], only: str | None = None
) -> Iterator[tuple[str, Any, Any, Callable[[Any], Any]]]:
    """Name, twin, inputs, and what makes the twin's functions ready: nothing, or `torch.compile`."""
    import torch

    from netlang.layers.twin import twin

    missing = _no_compiler()
    if missing:
        note(f"torch compiled: left out, {missing}")
    images = any(x.ndim == 4 for x in case.inputs)
    layouts = {" channels-first": "nchw", " channels-last": "nhwc"} if images else {"": "nchw"}
    for ready, (called, layout) in product(("", " compiled")[: 1 if missing else 2], layouts.items()):
        name = f"torch{ready}{called}"
        if only in (None, name):
            made = twin(case.net, "f32", layout).load(case.weights).to(case.device)
            placed = [_placed(x, layout).to(case.device) for x in case.inputs]
            yield name, made, placed, torch.compile if ready else _as_it_is


def _placed(x: Array, layout: str) -> Any:
    """x[n, h, w, c] as a view of memory that already lies as the mode likes it: no copy is timed."""
    import torch

    tensor = torch.from_numpy(x)
    if x.ndim != 4 or layout == "nhwc":
        return tensor
    return tensor.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)


def _as_it_is(function: Any) -> Any:
    return function


def _loss(case: Case, twin: Any) -> Callable[[Any, Any], Any]:
    from netlang.lower import loss_of

    net = case.net.checked
    shares = {output.name: output.weight for output in net.outputs}
    losses = {name: (loss_of(net, name), shares.get(name, 1.0)) for name in net.graph.outputs}

    def total(inputs: Any, targets: Any) -> Any:
        with case.mixed():
            return twin.total(losses, targets, *inputs)

    return total


def _step(loss: Any, inputs: Any, case: Case, optimizer: Any) -> Work:
    import torch

    def wanted(target: Array) -> Any:
        labels = target.dtype.kind in "iu"
        return torch.from_numpy(target.astype(np.int64)[..., None] if labels else target).to(case.device)

    targets = {name: wanted(target) for name, target in case.targets.items()}

    def work() -> object:
        value = loss(inputs, targets)
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        case.finished()
        return value

    return work


def _works(name: str, work: Work, note: Callable[[str], None]) -> bool:
    """Whether a mode runs at all; the first call also compiles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
    except Exception as error:  # whatever a mode of another program raises, the other modes still count
        note(f"{name}: left out, {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        return False
    return True


def _no_compiler() -> str:
    """Why torch.compile cannot work here; "" if it may."""
    import os
    import shutil

    compiler = os.environ.get("CXX") or "g++"
    found = shutil.which(compiler) or shutil.which("clang++")
    return "" if found else "there is no C++ compiler on this machine"
