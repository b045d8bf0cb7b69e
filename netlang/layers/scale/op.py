"""Multiplication by a number."""

from netlang.formula import Name
from netlang.layer import Emit, Layer, Value, register
from netlang.primitives.map.op import Map
from netlang.record import dataclass
from netlang.types import Count, Tensor


@register
@dataclass(frozen=True)
class Scale(Layer):
    """y = factor * x        (Szegedy et al. 2017, section 3.3: residuals times 0.17)

    factor: what every number is multiplied by; it is not learned

    For example:

        input 8x8x4
        add[ identity | conv3-4, scale 0.17 ] relu  -> 8x8x4
    """

    word = "scale"
    positional = "factor"
    transparent = True
    factor: float

    def infer(self, x: Tensor) -> Tensor:
        return x

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return y.count if self.factor != 1 else 0

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return x if self.factor == 1 else emit(Map(Name("i0") * self.factor), x)
