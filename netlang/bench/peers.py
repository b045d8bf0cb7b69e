"""PyTorch in each of its modes, computing the same net from the same weights: what netlang is measured against."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.bench.measure import interleaved
from netlang.files import Problem

Array = NDArray[Any]
Work = Callable[[], object]
LAYOUTS = {"torch eager": False, "torch channels-last": True}
TRIALS = 3  # rounds in which the ways to update compete, before the fastest is measured


@dataclass(frozen=True)
class Case:
    """What all contenders compute.

    weights: by public name and in public shape; target: class numbers [n] or values in the shape of the output
    train: the settings of the optimizer
    """

    net: Any
    weights: dict[str, Array]
    x: Array
    target: Array
    train: dict[str, Any]
    threads: int


def available() -> bool:
    """Whether PyTorch is installed."""
    import importlib.util

    return importlib.util.find_spec("torch") is not None


def inference(case: Case, note: Callable[[str], None]) -> dict[str, Work]:
    """A call per mode that computes the output of the batch. note: told which modes do not work here, and why."""
    import torch

    torch.set_num_threads(case.threads)
    found: dict[str, Work] = {}
    for name, module, x in _modules(case, False, note):

        def work(module: Any = module, x: Any = x) -> object:
            with torch.inference_mode():
                return module(x)

        if _works(name, work, note):
            found[name] = work
    return found


def training(case: Case, note: Callable[[str], None]) -> dict[str, Work]:
    """A call per mode that takes one optimizer step: forward, loss, backward, update, gradients forgotten."""
    import torch

    torch.set_num_threads(case.threads)
    found: dict[str, Work] = {}
    for name, module, x in _modules(case, True, note):
        ways = {how: _step(module, x, case, optimizer) for how, optimizer in optimizers(module, case.train).items()}
        working = {how: work for how, work in ways.items() if _works(f"{name} ({how})", work, note)}
        if working:
            timings = interleaved(working, TRIALS)
            found[name] = working[min(working, key=lambda how: timings[how].median)]
    return found


def optimizers(module: Any, train: dict[str, Any]) -> dict[str, Any]:
    """The optimizer of the settings in each implementation PyTorch has of it: loops, foreach, fused."""
    import torch

    word = str(train.get("optimizer", "sgd"))
    rate, weights = float(train.get("lr", 0.01)), list(module.parameters())
    ways: dict[str, Any] = {}
    for how in ("foreach", "fused"):
        options: dict[str, Any] = {"lr": rate, how: True}
        if word in ("adam",):
            ways[how] = torch.optim.Adam(weights, **options)
        elif word in ("sgd", "momentum", "nesterov"):
            momentum = float(train.get("momentum", 0.0 if word == "sgd" else 0.9))
            ways[how] = torch.optim.SGD(weights, momentum=momentum, nesterov=word == "nesterov", **options)
        else:
            raise Problem(
                f"bench has no PyTorch twin of the optimizer `{word}` yet; leave training out by --mode infer"
            )
    return ways


def _modules(case: Case, training: bool, note: Callable[[str], None]) -> Iterator[tuple[str, Any, Any]]:
    """Name, module and input of each mode."""
    import torch

    compile_note = _no_compiler()
    for name, last in LAYOUTS.items():
        yield name, *_twin(case, last, training)
    if compile_note:
        note(f"torch compiled: left out, {compile_note}")
        return
    for name, last in LAYOUTS.items():
        module, x = _twin(case, last, training)
        yield (
            name.replace("eager", "compiled").replace("channels-last", "compiled channels-last"),
            torch.compile(module),
            x,
        )


def _twin(case: Case, channels_last: bool, training: bool) -> tuple[Any, Any]:
    import torch

    from netlang.layers.twin import twin

    layout = "channels-last" if channels_last else "channels-first"
    module = twin(case.net, torch.float32, layout)
    module.set_weights(case.weights)
    module.train(training)
    return module, module.input(case.x)


def _step(module: Any, x: Any, case: Case, optimizer: Any) -> Work:
    import torch

    target = torch.from_numpy(case.target.astype(np.int64) if case.target.dtype.kind in "iu" else case.target)

    def work() -> object:
        loss = module.loss(x, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

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
