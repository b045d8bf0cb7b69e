"""Convolutions of 3x3 and 5x5 windows by fewer products.

F(4x4, 3x3) takes 36 products for 16 output pixels, 2.25 a pixel instead of 9; F(2x2, 5x5) 36 for 4, 9 instead of 25.
y = At [ (G w Gt) * (Bt x B) ] A for every tile of output pixels and 6x6 input pixels, `*` summed over the channels
(Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308, section 4.1). The matrices are those of Toom and Cook for the
points below: exact in exact arithmetic.
"""

from dataclasses import dataclass
from fractions import Fraction

from netlang.primitives.launch import LANES
from netlang.primitives.primitive import Primitive
from netlang.types import BATCH, Tensor

SPAN = 6  # input pixels of a tile along each axis, whatever the window: output pixels and window's pixels less 1
# and infinity. 0, ±1, ±2 has an error half as large again (Barabasz et al. 2020, arXiv:1803.10986)
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Form:
    """F(tile x tile, window x window): pixels along each axis, and the matrices; Bt is that of all forms.

    at[i, a] takes products at the points to output pixels, g[a, u] the window's pixels to the points
    """

    tile: int
    window: int
    at: Matrix
    g: Matrix


@dataclass(frozen=True)
class WinogradWeights(Primitive):
    """u[f / 16, a, b, c, f % 16] = sum over u,v of G[a,u] * w[u,v,c,f] * G[b,v], zeros behind the last filter

    In panels of 16 filters, whose numbers at a point stand side by side: so products read them.
    window: height and width of the windows, in pixels
    """

    window: int = 3

    def infer(self, w: Tensor) -> Tensor:
        return w.with_shape(-(-w.channels // LANES), SPAN, SPAN, w.shape[2], LANES)


@dataclass(frozen=True)
class Winograd(Primitive):
    """y[n,i,j,f] = sum over u,v,c of x[n, i + u - top, j + v - left, c] * w[u,v,c,f]

    pad: rows above, columns left, rows below, columns right, of zeros around x
    size: height and width of x, in pixels
    filters: how many there are where w is what `WinogradWeights` makes of them; 0 where it is w itself
    block: about how many tiles are transformed before their products; 0 for the usual number
    window: height and width of the windows, in pixels

    Formed by `passes/winograd.py`, behind differentiation: it needs no gradient.
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    filters: int = 0
    block: int = 0
    window: int = 3

    def infer(self, x: Tensor, w: Tensor) -> Tensor:
        return x.with_shape(BATCH, *self.windows, self.filters or w.channels)

    @property
    def windows(self) -> tuple[int, int]:
        """Height and width of y."""
        top, left, bottom, right = self.pad
        return self.size[0] + top + bottom - self.window + 1, self.size[1] + left + right - self.window + 1


@dataclass(frozen=True)
class WinogradGradient(Primitive):
    """dw[u,v,c,f] = sum over n,i,j of x[n, i + u - top, j + v - left, c] * dy[n,i,j,f]

    dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G: the adjoint of the above, of each c with each f.
    pad, size, block, window: as in `Winograd`
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    block: int = 0
    window: int = 3

    def infer(self, x: Tensor, dy: Tensor) -> Tensor:
        return x.with_shape(self.window, self.window, x.channels, dy.channels)


def _form(window: int) -> Form:
    """Values of polynomials at the points, and the way back; the last point is infinity."""
    tile = SPAN + 1 - window
    at = [(*(p**k for p in POINTS), Fraction(k == tile - 1)) for k in range(tile)]
    g = [tuple(p**k / _apart(p) for k in range(window)) for p in POINTS]
    last = tuple(Fraction(k == window - 1) for k in range(window))
    return Form(tile, window, tuple(at), (*g, last))


def _apart(p: Fraction) -> Fraction:
    """The product of the distances of a point from the others."""
    found = Fraction(1)
    for q in POINTS:
        found *= p - q if q != p else 1
    return found


def _product(roots: list[Fraction]) -> list[Fraction]:
    """The coefficients of the polynomial with these roots, lowest first."""
    found = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *found], [*(-root * c for c in found), Fraction(0)]
        found = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return found


BT: Matrix = (
    *((*_product([q for q in POINTS if q != p]), Fraction(0)) for p in POINTS),
    tuple(_product(list(POINTS))),
)
FORMS = {window: _form(window) for window in (3, 5)}
