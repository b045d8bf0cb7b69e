"""Images in another height and width, and the gradient: each pixel is a weighted sum of others, axis by axis."""

from dataclasses import replace

from netlang.layer import Emit, Value
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

Pair = tuple[int, int]


@dataclass(frozen=True)
class Resample(Primitive):
    """role "out":  y[n,i,j,c] = sum over h,w of R[i,h] * S[j,w] * x[n,h,w,c]
    role "data": x[n,h,w,c] = sum over i,j of the same pairs

    size, to: height and width of x and of y, in pixels
    how: "bilinear": R[i,h] = max(0, 1 - |p - h|), p = (i + 1/2) * size/to - 1/2 held between 0 and size - 1: pixel
         centres lie at i + 1/2 (RULINGS 52); "nearest": R[i,h] = 1 where h = floor(i * size/to). S likewise
    """

    size: Pair
    to: Pair
    how: str
    role: str = "out"

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(BATCH, *(self.to if self.role == "out" else self.size), x.channels)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        return (emit(replace(self, role="data" if self.role == "out" else "out"), dy),)
