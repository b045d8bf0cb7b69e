"""Convolutions whose places do not share weights, and both their gradients."""

from netlang.primitives.contraction.op import Contraction, Pair
from netlang.primitives.trilinear import Trilinear
from netlang.record import dataclass
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Unshared(Trilinear):
    """One trilinear form between x[n,h,w,c], w[i,j,u,v,c,f] and y[n,i,j,f], seen from one of its three sides.

    role "out":    y[n,i,j,f] = sum over u,v,c   x[n, i*sh + u - top, j*sw + v - left, c] * w[i,j,u,v,c,f] inputs x, w
    role "data":   x[n,h,w,c] = sum over i,j,u,v,f of the same pairs                                       inputs y, w
    role "weight": w[i,j,u,v,c,f] = sum over n     of the same pairs                                       inputs x, y

    kernel, stride, pad, size: as in `Contraction`

    "Unshared convolution" (Goodfellow et al. 2016, section 9.5).
    """

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
    def window(self) -> Contraction:
        """The contraction whose pixels and taps meet as these do; of a weight gradient the one forward."""
        role = "data" if self.role == "data" else "out"
        return Contraction(role, self.kernel, self.stride, self.pad, (1, 1), self.size)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        return self.window.windows
