"""Values and shapes as `.net` files write them."""

from collections.abc import Sequence
from typing import Any

from netlang.sizes import Ceil, Dim, Size
from netlang.types import decimal


def promise(shape: Sequence[Dim]) -> str:
    """A shape behind `->`: `28x28x6`, `Tx28`, `(2*T)x64`; `?` for a size the language cannot write, `ceil(T/2)`."""
    return "x".join(map(_size, shape))


def _size(dim: Dim) -> str:
    if not isinstance(dim, Size):
        return str(dim)
    rounded = any(isinstance(atom, Ceil) for monomial, _ in dim.terms for atom in monomial)
    return "?" if rounded else f"({str(dim).replace(' ', '')})"


def value(of: Any, *, exact: bool = False) -> str:
    """A setting behind `=`: `yes`, `3x1`, `0.5`, `same`. One number stands for a pair of it, unless exact."""
    match of:
        case bool():
            return "yes" if of else "no"
        case tuple():
            return str(of[0]) if not exact and len(of) == 2 and len(set(of)) == 1 else "x".join(map(str, of))
        case float():
            return decimal(of)
    return str(of)


def bare(of: Any, *, exact: bool = False) -> str:
    """A setting without its name, as in `dropout 0.5`: negative numbers stand in brackets."""
    text = value(of, exact=exact)
    return f"({text})" if text.startswith("-") else text
