"""Layers that move numbers and compute none."""

from dataclasses import dataclass

from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.primitives.gather.op import Reshape
from netlang.types import BATCH, Tensor, shown


@register
@dataclass(frozen=True)
class Flatten(Layer):
    """A vector of all numbers: rows, then columns, then channels."""

    word = "flatten"
    transparent = True

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(BATCH, flat(x, self.word))

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return flattened(emit, x)


@register
@dataclass(frozen=True)
class Identity(Layer):
    """y = x"""

    word = "identity"
    transparent = True

    def infer(self, x: Tensor) -> Tensor:
        return x

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return x


def flat(x: Tensor, word: str) -> int:
    """How many numbers an example has; `Misfit` where a size is not fixed."""
    if not all(isinstance(d, int) for d in x.shape[1:]):
        raise Misfit(f"`{word}` needs a fixed size, not {shown(x.shape)}")
    return x.size


def flattened(emit: Emit, x: Value) -> Value:
    """X as vectors."""
    return x if len(x.type.shape) == 2 else emit(Reshape((x.type.size,)), x)
