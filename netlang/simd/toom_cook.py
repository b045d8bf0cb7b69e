"""The matrices of Toom and Cook: short convolutions as products at points. Loads nothing.

F(tile, window) = At [(G w) * (Bt x)] along one axis. The axes of an image take the same, or one of them takes none.
"""

from fractions import Fraction
from functools import cache

from netlang.record import dataclass

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
        """How many points there are, and input pixels of a tile."""
        return len(self.bt)


@cache
def axis(tile: int, window: int) -> Axis:
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


def _turned(matrix: Matrix) -> Matrix:
    """Rows as columns."""
    return tuple(zip(*matrix, strict=True))


def _transforms() -> dict[str, tuple[Matrix, Matrix]]:
    made = {"bt6": (axis(4, 3).bt,) * 2, "bt10": (axis(1, 1).bt, axis(8, 3).bt)}
    for each in (axis(4, 3), axis(2, 5)):
        tile, window = {"at": each.at, "a": _turned(each.at)}, {"g": each.g, "gt": _turned(each.g)}
        made |= {f"{name}{each.tile}": (matrix, matrix) for name, matrix in tile.items()}
        made |= {f"{name}{each.window}": (matrix, matrix) for name, matrix in window.items()}
    return made


# Those that `simd/transform.py` has functions of, down and across: bt by points, at and a by pixels of a tile, g and gt
# by those of a window; bt10 is for lines, across alone
TRANSFORMS = _transforms()
PAST = "g3", "g5"  # those that also write past the caches: a layer's weights become four times as many
