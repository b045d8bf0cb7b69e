"""Sizes that are not fixed yet: exact polynomials over letters, such as 65536*T.

A division that is not exact for every letter stays as it is written, `ceil(H/2)`; floors are turned into ceilings,
so that one size has one form.
"""

from collections.abc import Iterable, Mapping
from itertools import product as every
from typing import Union

from netlang.record import dataclass

TRIED = 24  # values of each letter that are tried to see when two sizes agree
MULTIPLES = 32  # the largest "needs H to be a multiple of"


@dataclass(frozen=True, slots=True)
class Ceil:
    """⌈of / by⌉, where the division is not exact for every letter."""

    of: "Size"
    by: int

    def __str__(self) -> str:
        inner = str(self.of)
        return f"ceil({f'({inner})' if ' ' in inner or '*' in inner else inner}/{self.by})"


Atom = str | Ceil
Monomial = tuple[Atom, ...]  # factors, sorted by how they print; () for the constant


@dataclass(frozen=True, slots=True)
class Size:
    """A sum of whole numbers times letters and ceilings. Made by arithmetic: `letter("T") * 3 + 1`.

    terms: each product of letters once with its factor, sorted by how it prints, none of factor 0
    """

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: "Dim") -> "Count":
        return _made([*self.terms, *_terms(other)])

    def __sub__(self, other: "Dim") -> "Count":
        return _made([*self.terms, *((m, -k) for m, k in _terms(other))])

    def __rsub__(self, other: "Dim") -> "Count":
        return _made([*_terms(other), *((m, -k) for m, k in self.terms)])

    def __mul__(self, other: "Dim") -> "Count":
        return _made([(_sorted(m + n), k * j) for (m, k), (n, j) in every(self.terms, _terms(other))])

    __radd__, __rmul__ = __add__, __mul__

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, spec: str) -> str:
        text = " + ".join(_product(m, k, spec) for m, k in self.terms)
        return text.replace("+ -", "- ")

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters it is made of, sorted."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                found.update((atom,) if isinstance(atom, str) else atom.of.letters)
        return tuple(sorted(found))


Dim = Union[int, str, "Size"]
Count = Union[int, "Size"]


def letter(name: str) -> Size:
    """The size a letter stands for."""
    return Size((((name,), 1),))


def counted(dim: Dim) -> Count:
    """A dimension as something to compute with."""
    return letter(dim) if isinstance(dim, str) else dim


def dim(size: Count) -> Dim:
    """A size as shapes hold it: a letter alone is a string."""
    match size:
        case Size((((str() as name,), 1),)):
            return name
    return size


def product(dims: Iterable[Dim]) -> Count:
    """The product of dimensions."""
    total: Count = 1
    for size in dims:
        total = total * counted(size)
    return total


def ceil_div(a: Dim, by: int) -> Count:
    """⌈a / by⌉"""
    size = counted(a)
    if isinstance(size, int):
        return -(-size // by)
    whole = _made([(m, k // by) for m, k in size.terms])
    rest = _made([(m, k % by) for m, k in size.terms])
    if isinstance(rest, int):
        return whole + -(-rest // by)
    match rest:
        case Size((((Ceil(of=of, by=inner),), 1), *constant)) if not constant or constant[0][0] == ():
            outer = ceil_div(of + inner * (constant[0][1] if constant else 0), by * inner)
            return whole + outer
    return whole + Size((((Ceil(rest, by),), 1),))


def floor_div(a: Dim, by: int) -> Count:
    """⌊a / by⌋ = ⌈(a - by + 1) / by⌉"""
    return ceil_div(counted(a) - (by - 1), by)


def letters(*dims: Dim) -> tuple[str, ...]:
    """The letters in some dimensions, sorted."""
    return tuple(sorted({name for d in dims if isinstance(s := counted(d), Size) for name in s.letters}))


def fixed(size: Dim, values: Mapping[str, int]) -> int:
    """The size for these values of all its letters."""
    found = counted(size)
    if isinstance(found, int):
        return found
    total = 0
    for monomial, factor in found.terms:
        for atom in monomial:
            factor *= values[atom] if isinstance(atom, str) else -(-fixed(atom.of, values) // atom.by)
        total += factor
    return total


def agreement(a: Dim, b: Dim) -> str | None:
    """When two sizes are the same: "" always, None never or not told by one letter alone, else as in "needs H even"."""
    difference = counted(a) - counted(b)
    if isinstance(difference, int):
        return None if difference else ""
    if len(difference.letters) != 1:
        return None
    name = difference.letters[0]
    for step in range(2, MULTIPLES + 1):
        if not any(fixed(difference, {name: step * k}) for k in range(1, TRIED + 1)):
            return f"needs {name} even" if step == 2 else f"needs {name} to be a multiple of {step}"
    return None


def _terms(other: Dim) -> tuple[tuple[Monomial, int], ...]:
    size = counted(other)
    return (((), size),) if isinstance(size, int) else size.terms


def _sorted(monomial: Monomial) -> Monomial:
    return tuple(sorted(monomial, key=str))


def _made(parts: Iterable[tuple[Monomial, int]]) -> Count:
    """The sum of products; a number where no letter is left. The constant stands last."""
    total: dict[Monomial, int] = {}
    for monomial, factor in parts:
        total[monomial] = total.get(monomial, 0) + factor
    kept = {m: k for m, k in total.items() if k}
    if not kept.keys() - {()}:
        return kept.get((), 0)
    return Size(tuple(sorted(kept.items(), key=lambda item: (-len(item[0]), [str(a) for a in item[0]]))))


def _product(monomial: Monomial, factor: int, spec: str) -> str:
    text = "*".join(map(str, monomial))
    if not monomial:
        return format(factor, spec)
    if abs(factor) == 1:
        return text if factor == 1 else f"-{text}"
    return f"{factor:{spec}}*{text}"
