"""Convolutions whose places do not share weights, and both their gradients."""

from dataclasses import replace

from netlang.layer import Emit, Value
from netlang.primitives.contraction.op import Contraction, Pair
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Unshared(Primitive):
    """One trilinear form between x[n,h,w,c], w[i,j,u,v,c,f] and y[n,i,j,f], seen from one of its three sides.

    role "out":    y[n,i,j,f] = sum over u,v,c   x[n, i*sh + u - top, j*sw + v - left, c] * w[i,j,u,v,c,f] inputs x, w
    role "data":   x[n,h,w,c] = sum over i,j,u,v,f of the same pairs                                       inputs y, w
    role "weight": w[i,j,u,v,c,f] = sum over n     of the same pairs                                       inputs x, y

    kernel, stride, pad, size: as in `Contraction`

    "Unshared convolution" (Goodfellow et al. 2016, section 9.5).
    """

    role: str
    kernel: Pair
    stride: Pair
    pad: tuple[int, int, int, int]
    size: Pair

    def infer(self, a: Tensor, b: Tensor) -> Tensor:
        if self.role == "weight":
            return a.with_shape(*self.windows, *self.kernel, a.channels, b.channels)
        if self.role == "data":
            return a.with_shape(BATCH, *self.size, b.shape[-2])
        return a.with_shape(BATCH, *self.windows, b.channels)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        return Contraction("out", self.kernel, self.stride, self.pad, (1, 1), self.size).windows

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        out, data, weight = (replace(self, role=role) for role in ("out", "data", "weight"))
        a, b = inputs
        if self.role == "out":
            return emit(data, dy, b), emit(weight, a, dy)
        if self.role == "data":
            return emit(out, dy, b), emit(weight, dy, a)
        return emit(data, b, dy), emit(out, a, dy)
