"""The matrices of Toom and Cook: short convolutions as products at points. Loads nothing.

F(tile, window) = At [(G w) * (Bt x)] along one axis. The axes of an image take the same, or one of them takes none.
"""

from fractions import Fraction
from functools import cached_property

from netlang.record import dataclass

# By how many there are with infinity. Six, of which 0, ±1, ±2 have an error half as large again (Barabasz et al. 2020,
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
    tile's input pixels, as many as there are points; the last point is infinity
    """

    tile: int
    window: int

    @property
    def span(self) -> int:
        """How many points there are, and input pixels of a tile."""
        return self.tile + self.window - 1

    @cached_property
    def at(self) -> Matrix:
        """Powers of the points, by output pixels."""
        return tuple((*(p**k for p in POINTS[self.span]), Fraction(k == self.tile - 1)) for k in range(self.tile))

    @cached_property
    def g(self) -> Matrix:
        """Powers of the points over their distances, by the window's pixels."""
        points, last = POINTS[self.span], tuple(Fraction(k == self.window - 1) for k in range(self.window))
        return (*(tuple(p**k / _apart(p, points) for k in range(self.window)) for p in points), last)

    @cached_property
    def bt(self) -> Matrix:
        """The coefficients of the polynomials that are 0 at all other points, by input pixels."""
        points = POINTS[self.span]
        rows = [(*_product([q for q in points if q != p]), Fraction(0)) for p in points]
        return (*rows, tuple(_product(list(points))))

    @property
    def a(self) -> Matrix:
        """Of `at`, the transpose."""
        return tuple(zip(*self.at, strict=True))

    @property
    def gt(self) -> Matrix:
        """Of `g`, the transpose."""
        return tuple(zip(*self.g, strict=True))


@dataclass(frozen=True)
class Transform:
    """A matrix down the image and one across it. which: their name in `Axis`"""

    high: Axis
    wide: Axis
    which: str

    @property
    def matrices(self) -> tuple[Matrix, Matrix]:
        """Down and across."""
        return getattr(self.high, self.which), getattr(self.wide, self.which)


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


def _transforms() -> dict[str, Transform]:
    made = {"bt10": Transform(Axis(1, 1), Axis(8, 3), "bt")}
    for each in SQUARES:
        made[f"bt{each.span}"] = Transform(each, each, "bt")
        sizes = f"{each.tile}{each.window}"
        made |= {which + sizes: Transform(each, each, which) for which in ("at", "a", "g", "gt")}
    return made


# The forms that go as far down the image as across
SQUARES = Axis(4, 3), Axis(3, 4), Axis(2, 5)
# Those that `simd/transform.py` has functions of: bt by points, the others by pixels of a tile and of a window; bt10 is
# for lines, across alone
TRANSFORMS = _transforms()
PAST = "g43", "g34", "g25"  # those that also write past the caches: a layer's weights become four times as many
