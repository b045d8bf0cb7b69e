"""Contractions: convolutions and dense products, and both their gradients, which are contractions again."""

from dataclasses import dataclass

from netlang.primitives.primitive import Primitive

Pair = tuple[int, int]


@dataclass(frozen=True)
class Contraction(Primitive):
    """One trilinear form between x[n,h,w,c], w[u,v,c,f] and y[n,i,j,f], seen from one of its three sides.

    role "out":    y[n,i,j,f]  = sum over u,v,c    x[n, i*sh + u*dh - top, j*sw + v*dw - left, c] * w[u,v,c,f]   inputs x, w
    role "data":   x[n,h,w,c]  = sum over i,j,u,v,f of the same pairs                                            inputs y, w
    role "weight": w[u,v,c,f]  = sum over n,i,j     of the same pairs                                            inputs x, y

    kernel, stride, dilation: height and width, in pixels
    pad: rows above, columns left, rows below, columns right, of zeros around x
    size: height and width of x (read by role "data" only)

    Vectors x[n,c], w[c,f], y[n,f] are the case with no u, v, i, j and a kernel of (1, 1).
    """

    role: str = "out"
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    size: Pair = (1, 1)
