"""Every gradient of a net beside central differences of its loss, both as compiled for float64.

    gradcheck(net) -> Gradients: .ok, .worst, .rows; prints as a table and a sentence

The loss is that of training: dropout drops the same numbers at every step, batch norm takes the batch's own statistics.
Where a gradient is a convention, it is compared away from the corner or jump. `step` has no gradient, and no change
either; `loss=perceptron` changes as Rosenblatt's rule says. Where something is wrong, each layer is checked by itself.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netlang.files import Problem
from netlang.gradcheck.alone import alone, kinds
from netlang.gradcheck.found import Blamed, Gradients, Row
from netlang.gradcheck.point import Point, moved, point, small, usual_batch
from netlang.gradcheck.tensor import Outcome, Walk, scale
from netlang.graph import Input, Node
from netlang.layer import Layer, Weight
from netlang.net import Net
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang import graph
    from netlang.program import Program

Array = NDArray[Any]
Watch = Callable[[int, int, str], None]  # tensors done, of so many, and the one at hand
TOLERANCE = 1e-6
TIME = 300.0  # seconds
FLOOR = 1e-6  # of the largest slope of all tensors: what is smaller counts as nothing
STIR = 1e-15  # a relative change that no loss should feel: what it does is rounding


def gradcheck(
    net: Net,
    batch: int | None = None,
    size: tuple[int, ...] | None = None,
    seed: int = 0,
    tolerance: float = TOLERANCE,
    seconds: float = TIME,
    threads: int | None = None,
    lengths: bool = False,
    watch: Watch | None = None,
    device: str = "cpu",
) -> Gradients:
    """Compare the gradient by each weight and input with differences, for random weights, inputs and targets.

    batch: examples at once; None for 4, or fewer of a net that is large
    size: height and width of images, or length of sequences; None makes large nets smaller where they allow it
    seconds: after so many, what is left is named in `late`
    lengths: whether the examples of sequences have different lengths
    device: what computes gradients and losses
    Raises NetError or Problem.
    """
    batch = batch or usual_batch(net.checked, size)
    until = time.monotonic() + seconds
    how = _How(batch, seed, tolerance, until, threads, lengths, device)
    found = _checked(net, small(net.checked, size, batch), how, watch)
    if found.wrong:
        found = replace(found, blamed=_blamed(net, how))
    return replace(found, seconds=seconds - until + time.monotonic())


@dataclass(frozen=True)
class _How:
    """How a net is checked: see `gradcheck`. until: of the monotonic clock"""

    batch: int
    seed: int
    tolerance: float
    until: float
    threads: int | None
    lengths: bool
    device: str


def _checked(net: Net, checked: "graph.Net", how: _How, watch: Watch | None = None) -> Gradients:
    program = Net(checked).compile(how.batch, how.device, seed=how.seed, threads=how.threads, dtype="f64")
    try:
        if not program.stages("gradients").gradient.outputs.keys() - set(checked.graph.outputs) - {"loss"}:
            raise Problem(f"{net.name} has no weights, and no inputs of numbers: there is no gradient to check")
        at = _At(program, point(checked, how.batch, how.seed, lengths=how.lengths), how.seed)
        rows, late = [], []
        for k, name in enumerate(at.gradients):
            if watch is not None:
                watch(k, len(at.gradients), name)
            if time.monotonic() > how.until:
                late.append(name)
            else:
                rows.append(_row(checked, name, at.values[name].shape, at.checked(name, how.tolerance)))
    finally:
        program.close()
    shapes = {node.id: node.type.arrayed(how.batch)[1:] for node in checked.graph.made_by(Input)}
    smaller = any(net.graph[name].type.fixed and net.graph[name].type.arrayed(0)[1:] != s for name, s in shapes.items())
    done = tuple(rows), tuple(late), 0.0
    return Gradients(net.name, net.variant, how.batch, how.seed, how.tolerance, shapes, smaller, at.loss, *done)


class _At:
    """A program at one point: weights moved away from where they start, inputs, targets.

    values, gradients: of weights and inputs, by name
    noise: how far rounding moves the loss
    """

    def __init__(self, program: "Program", where: Point, seed: int) -> None:
        self.program, self.seed = program, seed
        self.inputs, self.targets = dict(where.inputs), where.targets
        for name in program.weights:
            program.weights[name] = moved(program.net.checked, name, program.weights[name], seed)
        self.told: dict[str, int] = {}
        self.lengths = where.lengths or None
        self.loss, self.gradients = program.gradients(self.inputs, self._targets(), self.lengths)
        given: dict[str, Array] = {**{name: program.weights[name] for name in program.weights}, **self.inputs}
        self.values = {name: given[name] for name in self.gradients}
        if not np.isfinite(self.loss):
            raise Problem(f"the loss of {program.net.name} is {self.loss} for random weights: nothing can be compared")
        self.base = program.loss(self.inputs, self._targets(), self.lengths)
        self.noise = self._noise()
        slopes = (scale(v) * float(np.linalg.norm(self.gradients[name])) for name, v in self.values.items())
        self.floor = FLOOR * max((s for s in slopes if np.isfinite(s)), default=0.0)

    def _targets(self) -> Any:
        return self.targets if len(self.targets) > 1 else next(iter(self.targets.values()))

    def _noise(self) -> float:
        rng = np.random.default_rng((self.seed, 2))
        found = [4 * float(np.finfo(np.float64).eps) * abs(self.base)]
        for name in list(self.values)[:: max(1, len(self.values) // 8)]:
            stirred = self.values[name] * (1 + STIR * rng.choice((-1.0, 1.0), self.values[name].shape))
            found.append(2 * abs(self.moved(name, stirred) - self.base))
        return max(found)

    def moved(self, name: str, value: Array) -> float:
        """The loss with another value of a weight or an input."""
        if name in self.inputs:
            return self.program.loss({**self.inputs, name: value}, self._targets(), self.lengths)
        self.program.weights[name] = value
        return self.program.loss(self.inputs, self._targets(), self.lengths)

    def checked(self, name: str, tolerance: float) -> Outcome:
        """What is to be said of one weight or input."""
        rng = np.random.default_rng((self.seed, 3))
        value = self.values[name]
        walk = Walk(
            value,
            self.gradients[name],
            lambda v: self.moved(name, v),
            self.base,
            self.noise,
            self.floor,
            tolerance,
            rng,
            self.told,
        )
        found = walk.checked()
        self.moved(name, value)
        return found


def _row(net: "graph.Net", name: str, shape: tuple[int, ...], found: Outcome) -> Row:
    node = net.graph[name]
    layer = node
    if isinstance(node.made_by, Weight):
        layer = net.graph.readers(name)[0]
    return Row(name, str(layer.made_by) if isinstance(layer.made_by, Layer) else "input", _line(node), shape, found)


def _line(node: Node) -> int | None:
    return node.span.row if node.span.source.of_file else None


def _blamed(net: Net, how: _How) -> tuple[Blamed, ...] | None:
    """The layers that are wrong by themselves; None where the time does not suffice to look."""
    checked = small(net.checked, None, how.batch)
    blamed: list[Blamed] = []
    for node in kinds(checked):
        if time.monotonic() > how.until:
            return tuple(blamed) or None
        only = alone(checked, node)
        if _checked(Net(only), only, replace(how, lengths=False)).wrong:
            blamed.append(Blamed(node.id, str(node.made_by), _line(node)))
    return tuple(blamed)


__all__ = ["Gradients", "gradcheck"]
