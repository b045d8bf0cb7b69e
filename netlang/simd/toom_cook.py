"""The matrices of Toom and Cook: short convolutions as products at points. Loads nothing.

F(tile, window) = At [(G w) * (Bt x)] along one axis. The axes of an image take the same, or one of them takes none.
"""

from fractions import Fraction
from functools import cached_property

from netlang.record import dataclass

# By how many there are with infinity. Five: with 1/2, 2 or -2 in place of -1/2 the error is a sixth to a whole larger.
# Six, of which 0, ±1, ±2 have an error half as large again (Barabasz et al. 2020, arXiv:1803.10986). Ten: of 0, ±a, ±b
# and what they are the inverse of, these had the least in float32; where p and -p are points, even and odd powers are
# shared
POINTS = {
    1: (),
    5: tuple(map(Fraction, ("0", "1", "-1", "-1/2"))),
    6: tuple(map(Fraction, ("0", "1", "-1", "1/2", "-2"))),
    10: tuple(map(Fraction, ("0", "2/5", "-2/5", "4/5", "-4/5", "5/4", "-5/4", "5/2", "-5/2"))),
}

Matrix = tuple[tuple[Fraction, ...], ...]


@dataclass(frozen=True)
class Axis:
    """F(tile, window): output pixels of a tile, pixels of a window, and the matrices of as many points as both less 1.

    at[i, a] takes products at the points to output pixels, g[a, u] the window's pixels to the points, and bt[a, k] the
    tile's input pixels, as many as there are points; the last point is infinity
    short: the window is the longer one of F(tile, window + 1) less its last pixel, which has no part in infinity: of
        its points these are all others
    """

    tile: int
    window: int
    short: bool = False

    @property
    def span(self) -> int:
        """How many points there are, and input pixels of a tile."""
        return self.tile + self.window - 1

    @property
    def points(self) -> tuple[Fraction, ...]:
        """All but infinity."""
        return POINTS[self.span + self.short]

    @cached_property
    def at(self) -> Matrix:
        """Powers of the points, by output pixels."""
        ends = [[Fraction(k == self.tile - 1)] * (not self.short) for k in range(self.tile)]
        return tuple((*(p**k for p in self.points), *end) for k, end in enumerate(ends))

    @cached_property
    def g(self) -> Matrix:
        """Powers of the points over their distances, by the window's pixels."""
        rows = [tuple(p**k / _apart(p, self.points) for k in range(self.window)) for p in self.points]
        return (*rows, *[tuple(Fraction(k == self.window - 1) for k in range(self.window))] * (not self.short))

    @cached_property
    def bt(self) -> Matrix:
        """The coefficients of the polynomials that are 0 at all other points, by input pixels."""
        end = [Fraction(0)] * (not self.short)
        rows = [(*_product([q for q in self.points if q != p]), *end) for p in self.points]
        return (*rows, *[tuple(_product(list(self.points)))] * (not self.short))

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


def transform_name(which: str, high: Axis, wide: Axis) -> str:
    """What `simd/transform.py` calls it: bt by points, the others by pixels of a tile and of a window."""
    if which == "bt" and not (high.short or wide.short):
        return f"bt{wide.span}"
    if high == wide and not high.short:
        return f"{which}{high.tile}{high.window}"
    return f"{which}{high.tile}{high.window}{wide.window}"


def halves(axis: Axis) -> tuple[Axis, Axis]:
    """The pixels of even and of odd number of a window with one less than twice as many."""
    return axis, Axis(axis.tile, axis.window - 1, short=True)


def _transforms() -> dict[str, Transform]:
    made = {"bt10": Transform(Axis(1, 1), Axis(8, 3), "bt")}
    pairs = [(each, each) for each in SQUARES]
    pairs += [(high, wide) for each in STRIDED.values() for high in halves(each) for wide in halves(each)]
    for high, wide in pairs:
        for which in ("bt", "at", "a", "g", "gt"):
            made[transform_name(which, high, wide)] = Transform(high, wide, which)
    return made


# The forms that go as far down the image as across
SQUARES = Axis(4, 3), Axis(3, 4), Axis(2, 5), Axis(4, 2)
# Those that windows with a stride of 2 become: of their pixels of even number
STRIDED = {3: Axis(4, 2)}
# Those that `simd/transform.py` has functions of; bt10 is for lines, across alone
TRANSFORMS = _transforms()
# Those that also write past the caches: a layer's weights become four times as many, and more
PAST = tuple(name for name, each in TRANSFORMS.items() if each.which == "g")
