"""Convolutions of 3x3 and 5x5 windows, and of lines of 3, 5 and 7 pixels, by fewer products.

F(4x4, 3x3) takes 36 products for 16 output pixels, 2.25 a pixel instead of 9; F(2x2, 5x5) 36 for 4, 9 instead of 25;
F(1x4, 1x7) 10 for 4, 2.5 instead of 7; F(1x8, 1x3) 10 for 8, 1.25 instead of 3.
y = At [ (G w Gt) * (Bt x B) ] A for every tile of output pixels and its input pixels, `*` summed over the channels
(Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308, section 4.1). The matrices are those of Toom and Cook for the
points below: exact in exact arithmetic.
"""

from dataclasses import dataclass
from fractions import Fraction

from netlang.primitives.launch import LANES
from netlang.primitives.primitive import Primitive
from netlang.types import BATCH, Tensor

# By how many there are with infinity. Six: 0, ±1, ±2 has an error half as large again (Barabasz et al. 2020,
# arXiv:1803.10986). Ten: of 0, ±a, ±b and what they are the inverse of, these had the least in float32; where p and -p
# are points, even and odd powers are shared
POINTS = {
    1: (),
    6: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2"))),
    10: tuple(map(Fraction, ("0", "2/5", "-2/5", "4/5", "-4/5", "5/4", "-5/4", "5/2", "-5/2"))),
}

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Axis:
    """F(tile, window): output pixels of a tile, pixels of a window, and the matrices of as many points as both less 1.

    at[i, a] takes products at the points to output pixels, g[a, u] the window's pixels to the points, and bt[a, k] the
    tile's input pixels, as many as there are points
    """

    tile: int
    window: int
    at: Matrix
    g: Matrix
    bt: Matrix

    @property
    def span(self) -> int:
        return len(self.bt)


@dataclass(frozen=True)
class Form:
    """F(tile, window) along both axes: `high` down the image, `wide` across it."""

    high: Axis
    wide: Axis

    @property
    def points(self) -> int:
        """Products of a tile."""
        return self.high.span * self.wide.span


@dataclass(frozen=True)
class WinogradWeights(Primitive):
    """u[f / 16, a, b, c, f % 16] = sum over u,v of G[a,u] * w[u,v,c,f] * G[b,v], zeros behind the last filter

    In panels of 16 filters, whose numbers at a point stand side by side: so products read them.
    window: height and width of the windows, in pixels
    """

    window: tuple[int, int] = (3, 3)

    def infer(self, w: Tensor) -> Tensor:
        form = FORMS[self.window]
        return w.with_shape(-(-w.channels // LANES), form.high.span, form.wide.span, w.shape[2], LANES)


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
    window: tuple[int, int] = (3, 3)

    def infer(self, x: Tensor, w: Tensor) -> Tensor:
        return x.with_shape(BATCH, *self.windows, self.filters or w.channels)

    @property
    def windows(self) -> tuple[int, int]:
        """Height and width of y."""
        top, left, bottom, right = self.pad
        high, wide = self.window
        return self.size[0] + top + bottom - high + 1, self.size[1] + left + right - wide + 1


@dataclass(frozen=True)
class WinogradGradient(Primitive):
    """dw[u,v,c,f] = sum over n,i,j of x[n, i + u - top, j + v - left, c] * dy[n,i,j,f]

    dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G: the adjoint of the above, of each c with each f.
    pad, size, block, window: as in `Winograd`
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    block: int = 0
    window: tuple[int, int] = (3, 3)

    def infer(self, x: Tensor, dy: Tensor) -> Tensor:
        return x.with_shape(*self.window, x.channels, dy.channels)


def _axis(tile: int, window: int) -> Axis:
    """Values of polynomials at the points, and the way back; the last point is infinity."""
    points = POINTS[tile + window - 1]
    at = [(*(p**k for p in points), Fraction(k == tile - 1)) for k in range(tile)]
    g = [tuple(p**k / _apart(p, points) for k in range(window)) for p in points]
    last = tuple(Fraction(k == window - 1) for k in range(window))
    bt = [(*_product([q for q in points if q != p]), Fraction(0)) for p in points]
    return Axis(tile, window, tuple(at), (*g, last), (*bt, tuple(_product(list(points)))))


def _apart(p: Fraction, points: tuple[Fraction, ...]) -> Fraction:
    """The product of the distances of a point from the others."""
    found = Fraction(1)
    for q in points:
        found *= p - q if q != p else 1
    return found


def _product(roots: list[Fraction]) -> list[Fraction]:
    """The coefficients of the polynomial with these roots, lowest first."""
    found = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *found], [*(-root * c for c in found), Fraction(0)]
        found = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return found


def _lines() -> dict[tuple[int, int], Form]:
    """Those of windows that are lines, across the image and down it."""
    one, made = _axis(1, 1), {}
    for window in (3, 5, 7):
        axis = _axis(11 - window, window)
        made[1, window], made[window, 1] = Form(one, axis), Form(axis, one)
    return made


FORMS = {
    **{(window, window): Form(_axis(7 - window, window), _axis(7 - window, window)) for window in (3, 5)},
    **_lines(),
}
