"""The Python face of a checked net: what `netlang.load` returns."""

import hashlib
import operator
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlang import graph
from netlang.check.train import MOST
from netlang.graph import Input
from netlang.layer import Layer
from netlang.lower import loss_of
from netlang.types import Tensor

if TYPE_CHECKING:  # Program brings Numba with it: imported where a net is compiled
    from netlang.export.operators import Scaling
    from netlang.gradcheck import Gradients
    from netlang.program import Program
    from netlang.report import Summary

MOST_MEMORY = 1 << 60  # bytes
LARGEST_BATCH, LARGEST_SEED = MOST["batch"], MOST["seed"]


def load(path: str | Path, variant: str | None = None, **settings: object) -> "Net":
    """The net of a `.net` file, checked. settings replace its constants. Raises NetError."""
    from netlang.check import check
    from netlang.syntax.parse import parse
    from netlang.syntax.read import read

    return Net(check(parse(read(path)), variant=variant, settings={k: str(v) for k, v in settings.items()}))


def from_text(text: str, variant: str | None = None, **settings: object) -> "Net":
    """The net of a text, checked: as `load` does with a file's."""
    from netlang.check import check
    from netlang.source import Source, unified
    from netlang.syntax.parse import parse

    source = Source("<text>", unified(text))
    return Net(check(parse(source), variant=variant, settings={k: str(v) for k, v in settings.items()}))


class Net:
    """A checked net. `graph` is the graph of its layers; `train` what its `train:` statement says."""

    def __init__(self, checked: graph.Net, identity: str | None = None) -> None:
        self.checked, self._identity = checked, identity
        self.name, self.variant, self.text = checked.name, checked.variant, checked.text
        self.graph, self.train = checked.graph, checked.train

    @property
    def input(self) -> Tensor:
        """The type of what it reads."""
        return next(self.graph.made_by(Input)).type

    @property
    def output(self) -> Tensor:
        """The type of what it answers."""
        return self.graph[next(iter(self.graph.outputs.values()))].type

    @property
    def labelled(self) -> bool:
        """Whether its loss takes class numbers [n] rather than values in the shape of the output."""
        return loss_of(self.checked).target == "labels"

    def suited(self, targets: str) -> None:
        """Raise Misfit where neither loss nor last layer of an output is made for data of "labels" (RULINGS 37)."""
        for output in self.graph.outputs:
            loss_of(self.checked, output, targets)

    @cached_property
    def identity(self) -> str:
        """Changes when what is computed changes, not when comments, `train:` or names of constants do.

        A net of chosen sizes has that of the net that leaves them open: their weights are the same.
        """
        if self._identity:
            return self._identity
        own = dict.fromkeys(line for node in self.graph.made_by(Layer) for line in node.made_by.statement())
        return hashlib.sha256("\n".join([*own, str(self.graph)]).encode()).hexdigest()[:16]

    def sized(self, sizes: Mapping[str, int]) -> "Net":
        """The net for these sizes of the letters in its shapes, {"T": 64}. Raises NetError where they do not suit."""
        from netlang.check import sized

        if not isinstance(sizes, Mapping):
            raise TypeError(f'`sizes` holds whole numbers by letter, {{"T": 64}}, not {sizes!r}')
        return Net(sized(self.checked, sizes), self.identity)

    def summary(self, batch: int = 1) -> "Summary":
        """Parameters, MACs, shapes: prints as the table of `netlang summary`."""
        from netlang.report import summary

        return summary(self.checked, batch)

    def compile(
        self,
        batch: int,
        device: str = "cpu",
        training: bool = False,
        seed: int = 0,
        threads: int | None = None,
        train: Mapping[str, Any] | None = None,
        check_memory: bool = False,
        check_nan: bool = False,
        dtype: str = "f32",
        precision: str | None = None,
        sizes: Mapping[str, int] | None = None,
        *,
        memory: int | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> "Program":
        """A program for batches of up to `batch` examples.

        training: whether `step` will be called; train: settings that replace those of the file's `train:`
        threads: None for all the machine grants; memory: bytes for training and evaluation, the rest computed again
        check_memory, check_nan: look at every buffer after every launch (slow); NETLANG_CHECK_MEMORY=1 does the former
        precision: "fast", "strict": as written, or "bf16" (`docs/training.md`); None for what `train` says, or "fast"
        sizes: of the letters in the net's shapes, {"T": 64}; another size is another plan, for the same kernels
        choices: the ways of convolutions (`netlang tune`); None for those of this machine, {} for the same on all
        Raises NetError, or ValueError or TypeError for an argument that cannot be, or OutOfMemoryError.
        """
        from netlang.check.train import given
        from netlang.program import Options, Program

        if sizes:
            said = threads, train, check_memory, check_nan, dtype, precision
            return self.sized(sizes).compile(batch, device, training, seed, *said, memory=memory, choices=choices)
        check_memory = check_memory or os.environ.get("NETLANG_CHECK_MEMORY") == "1"
        _whole("batch", batch, 1, LARGEST_BATCH)
        _whole("seed", seed, 0, LARGEST_SEED)
        _whole("threads", 1 if threads is None else threads, 1, LARGEST_BATCH)
        _whole("memory", 1 if memory is None else memory, 1, MOST_MEMORY)
        rest = check_memory, check_nan, dtype, device, precision, memory, choices
        return Program(self, given(train or {}, self.train), Options(batch, training, seed, threads, *rest))

    def gradcheck(
        self,
        batch: int | None = None,
        size: tuple[int, ...] | None = None,
        seed: int = 0,
        tolerance: float = 1e-6,
        seconds: float = 300,
        threads: int | None = None,
        lengths: bool = False,
        device: str = "cpu",
    ) -> "Gradients":
        """Every gradient beside central differences, in float64, with random numbers for everything.

        batch: examples at once, 4 by default, 2 of large nets
        size: height and width of images, or length of sequences; by default large nets are made smaller
        seconds: how long it may take; what is not done then stands in `.late`
        lengths: whether the examples of sequences have different lengths
        device: "cpu" or "cuda", what computes gradients and losses
        Returns what was found: `.ok`, `.worst`, `.rows`; it prints as the table of `netlang gradcheck`.
        Raises NetError, or Problem where the size does not suit.
        """
        from netlang.gradcheck import gradcheck

        _whole("batch", 1 if batch is None else batch, 1, LARGEST_BATCH)
        return gradcheck(self, batch, size, seed, tolerance, seconds, threads, lengths, device=device)

    def export(
        self,
        path: str | Path,
        weights: Mapping[str, Any] | str | Path | None = None,
        *,
        opset: int = 18,
        external: bool = False,
        channels_first: bool = False,
        scaling: "Scaling | None" = None,
        sizes: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> None:
        """Write the net in evaluation mode as `x.onnx`, or its weights as `x.safetensors`.

        weights: `prog.weights` or another mapping by name, or a safetensors file; else as the net starts with `seed`
        opset: the version of ONNX's operators; the batch is free, and so are sizes that neither file nor `sizes` fix
        external: put the weights into `x.onnx.data` beside the model; more than 2 GiB of them must lie there
        channels_first: images as [n, c, h, w] and sequences as [n, c, t] at inputs and outputs, unlike in netlang
        scaling: what the model does to the numbers of its first input before all else
        Raises NetError where ONNX cannot say a line of the net, Problem for a file or where `onnx` is not installed,
        ValueError for weights that do not fit, or an opset that is not known.
        """
        from netlang.export import export, given
        from netlang.export.onnx import Form

        net = self.sized(sizes).checked if sizes else self.checked
        form = Form(opset, external, channels_first, scaling)
        export(net, self.identity, Path(path), given(net, weights, seed), form, {})

    def _repr_html_(self) -> str:
        return f"<pre>{self.summary()}</pre>"

    def _repr_svg_(self) -> str:
        from netlang.draw import svg

        return svg(self.checked, live="titles")


def _whole(name: str, value: Any, least: int, most: int) -> None:
    """Raise TypeError or ValueError unless an argument is a whole number in its range."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` is a whole number, not {value!r}")
    if not least <= number <= most:
        raise ValueError(f"`{name}` is from {least} to {most}, not {number}")
