"""Depthwise convolutions and both their gradients: each channel by a window of its own."""

from dataclasses import replace

from netlang.layer import Emit, Value
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

Pair = tuple[int, int]


@dataclass(frozen=True)
class Depthwise(Primitive):
    """One trilinear form between x[n,h,w,c], w[u,v,0,c] and y[n,i,j,c], seen from one of its three sides.

    role "out":    y[n,i,j,c] = sum over u,v   x[n, i*sh + u*dh - top, j*sw + v*dw - left, c] * w[u,v,0,c]  inputs x, w
    role "data":   x[n,h,w,c] = sum over i,j,u,v of the same pairs                                          inputs y, w
    role "weight": w[u,v,0,c] = sum over n,i,j   of the same pairs                                          inputs x, y

    kernel, stride, pad, dilation, size: as in `Contraction`
    """

    role: str
    kernel: Pair
    stride: Pair
    pad: tuple[int, int, int, int]
    dilation: Pair
    size: Pair

    def infer(self, a: Tensor, b: Tensor) -> Tensor:
        if self.role == "weight":
            return a.with_shape(*self.kernel, 1, a.channels)
        return a.with_shape(BATCH, *(self.size if self.role == "data" else self.windows), a.channels)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        return Contraction("out", self.kernel, self.stride, self.pad, self.dilation, self.size).windows

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        out, data, weight = (replace(self, role=role) for role in ("out", "data", "weight"))
        a, b = inputs
        if self.role == "out":
            return emit(data, dy, b), emit(weight, a, dy)
        if self.role == "data":
            return emit(out, dy, b), emit(weight, dy, a)
        return emit(data, b, dy), emit(out, a, dy)
