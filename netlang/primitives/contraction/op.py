"""Contractions: convolutions and dense products, and both their gradients, which are contractions again."""

from math import prod

from netlang.primitives.trilinear import Trilinear
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

Pair = tuple[int, int]


@dataclass(frozen=True)
class Contraction(Trilinear):
    """One trilinear form between x[n,h,w,c], w[u,v,c,f] and y[n,i,j,f], seen from one of its three sides.

    role "out":    y[n,i,j,f] = sum over u,v,c x[n, i*sh + u*dh - top, j*sw + v*dw - left, c] * w[u,v,c,f] inputs x, w
    role "data":   x[n,h,w,c] = sum over i,j,u,v,f of the same pairs                                         inputs y, w
    role "weight": w[u,v,c,f] = sum over n,i,j     of the same pairs                                         inputs x, y
        a flat one takes any number of x, whose channels lie one behind the other (set by `passes/assemble.py`)

    kernel, stride, dilation: height and width, in pixels
    pad: rows above, columns left, rows below, columns right, of zeros around x
    size: height and width of x (read where it is not given, or comes as rows)
    transposed: role "data" reads Transpose(w) in place of w (set by `passes/layout.py`)
    rows: x comes as rows x[n, h*w*c], as callers have them (set by `passes/layout.py`)
    filters: of the weights, where they are given as Panels (`passes/panels.py`); channels, where role "data" is
    channels: the first of y's channels that a flat role "weight" reads, and how many; all if None (set there too)

    Vectors x[n,c], w[c,f], y[n,f] are the case with no u, v, i, j and a kernel of (1, 1); so are sequences x[n,t,c],
    y[n,t,f], with j as t.
    """

    role: str = "out"
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    size: Pair = (1, 1)
    transposed: bool = False
    rows: bool = False
    filters: int = 0
    channels: Pair | None = None

    def infer(self, a: Tensor, *others: Tensor) -> Tensor:
        b = others[-1]
        axes = 0 if self.rows else 4 - len(a.shape)  # that vectors and sequences lack
        if self.role == "weight":
            filters = self.channels[1] if self.channels else b.channels
            channels = sum(x.channels for x in (a, *others[:-1])) // (prod(self.size) if self.rows else 1)
            return a.with_shape(*(() if axes else self.kernel), channels, filters)
        if self.role == "data":
            return a.with_shape(BATCH, *self.size[axes:], self.filters or b.shape[-1 if self.transposed else -2])
        return a.with_shape(BATCH, *self.windows[axes:], self.filters or b.channels)

    @property
    def flat(self) -> bool:
        """Whether it is the role "weight", and each pixel of x meets the one of y in its place alone."""
        return self.role == "weight" and self.kernel == self.stride == (1, 1) and not any(self.pad)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        top, left, bottom, right = self.pad
        spans = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        return (
            (self.size[0] + top + bottom - spans[0]) // self.stride[0] + 1,
            (self.size[1] + left + right - spans[1]) // self.stride[1] + 1,
        )
