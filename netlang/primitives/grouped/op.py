"""Grouped convolutions and both their gradients: each group of channels by filters of its own."""

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import LANES
from netlang.primitives.trilinear import Trilinear
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

Pair = tuple[int, int]
WIDEST = 2 * LANES  # channels of a group; of wider ones each makes a product that fills the tiles


@dataclass(frozen=True)
class Grouped(Trilinear):
    """One trilinear form between x[n,h,w,c], w[u,v,k,f] and y[n,i,j,f], seen from one of its three sides.

    Groups have as many filters as channels: filter f reads the channels of its group, f0 + k with f0 = f - f mod width.

    role "out":    y[n,i,j,f] = sum over u,v,k x[n, i*sh + u*dh - top, j*sw + v*dw - left, f0 + k] * w[u,v,k,f]
        inputs x, w
    role "data":   x[n,h,w,c] = sum over i,j,u,v,f of the same pairs    inputs y, w
    role "weight": w[u,v,k,f] = sum over n,i,j     of the same pairs    inputs x, y

    kernel, stride, pad, dilation, size: as in `Contraction`
    width: channels of a group, as `suits` says; 1 is a depthwise convolution
    """

    kernel: Pair
    stride: Pair
    pad: tuple[int, int, int, int]
    dilation: Pair
    size: Pair
    width: int = 1

    def infer(self, a: Tensor, b: Tensor) -> Tensor:
        if self.role == "weight":
            return a.with_shape(*self.kernel, self.width, a.channels)
        return a.with_shape(BATCH, *(self.size if self.role == "data" else self.windows), a.channels)

    @property
    def window(self) -> Contraction:
        """The contraction whose pixels and taps meet as these do; of a weight gradient the one forward."""
        role = "data" if self.role == "data" else "out"
        return Contraction(role, self.kernel, self.stride, self.pad, self.dilation, self.size)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        return self.window.windows


def suits(channels: int, filters: int) -> bool:
    """Whether groups of so many channels and filters are one launch: a vector has whole groups, or a group vectors."""
    return channels == filters <= WIDEST and (LANES % channels == 0 or channels % LANES == 0)
