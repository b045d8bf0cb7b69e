"""Layers that take one step of a sequence."""

from netlang.formula import Channel, Name, equal, where
from netlang.layer import Emit, Ends, Layer, Misfit, Value, register
from netlang.primitives.gather.op import Reshape, Slice
from netlang.primitives.map.op import Map
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass
from netlang.types import BATCH, Tensor, shown


@dataclass(frozen=True)
class Pick(Layer):
    """One step of a sequence, a vector."""

    def infer(self, x: Tensor) -> Tensor:
        if len(x.shape) != 3:
            raise Misfit(f"`{self.word}` reads a sequence, and this is {shown(x.shape)}")
        return x.with_shape(BATCH, x.channels)

    def step(self, steps: int) -> int:
        """Which of so many steps, from 0."""
        raise TypeError(f"{type(self).__name__} must say which step it takes")

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return at_step(emit, x, self.step(x.type.arrayed(0)[1]))


def at_step(emit: Emit, x: Value, step: int) -> Value:
    """One step of a sequence, from 0 or, as Python counts, from the end."""
    _, steps, c = x.type.arrayed(0)
    start = step % steps * c
    return emit(Slice(start, start + c), emit(Reshape((steps * c,)), x))


def last_step(emit: Emit, x: Value, ends: Ends | None) -> Value:
    """The last step of each example."""
    if ends is None:
        return at_step(emit, x, -1)
    _, steps, c = x.type.arrayed(0)
    is_last = emit(Map(where(equal(Channel() + 1, Name("i0")), 1, 0), (BATCH, steps)), ends.count)
    picked = where(Name("i1") > 0, Name("i0"), 0)
    return emit(Reshape((c,)), emit(Sum(picked, "positions"), x, emit(Reshape((steps, 1)), is_last)))


@register
@dataclass(frozen=True)
class Last(Pick):
    """y[n,c] = x[n,t,c] at the last step t

    For example:

        input Tx4
        rnn-8   -> Tx8
        last    -> 8
    """

    word = "last"
    final = True

    def step(self, steps: int) -> int:
        return steps - 1

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return last_step(emit, x, x.ends)


@register
@dataclass(frozen=True)
class First(Pick):
    """y[n,c] = x[n,0,c]

    For example:

        input Tx4
        lstm-8 reverse, first   -> 8
    """

    word = "first"

    def step(self, steps: int) -> int:
        return 0
