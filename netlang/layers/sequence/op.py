"""Layers that take one step of a sequence."""

from dataclasses import dataclass

from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.primitives.gather.op import Reshape, Slice
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


@register
@dataclass(frozen=True)
class Last(Pick):
    """y[n,c] = x[n,t,c] at the last step t"""

    word = "last"
    final = True

    def step(self, steps: int) -> int:
        return steps - 1


@register
@dataclass(frozen=True)
class First(Pick):
    """y[n,c] = x[n,0,c]"""

    word = "first"

    def step(self, steps: int) -> int:
        return 0
