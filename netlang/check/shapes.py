"""Shapes as files write them: sizes, letters for sizes that are not fixed yet, and `?` (RULINGS 27, 35)."""

import re
from collections.abc import Mapping
from dataclasses import field

from netlang import sizes
from netlang.check import values
from netlang.check.values import Names
from netlang.diagnostics import error
from netlang.record import dataclass
from netlang.sizes import Count, Dim
from netlang.syntax import ast

_LETTER = re.compile("[A-Z]")


@dataclass
class Letters:
    """The sizes that are fixed when the net is compiled. fixed: those that `--set` gives; seen: those of inputs."""

    fixed: Mapping[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def of(self, text: str) -> Dim:
        """The size a letter stands for."""
        return self.fixed.get(text, text)


def is_letter(value: ast.Value, names: Names) -> bool:
    """Whether a value is a free size: one capital letter that is no constant."""
    return isinstance(value, ast.Word) and bool(_LETTER.fullmatch(value.text)) and value.text not in names


def free(file: ast.File, names: Names) -> set[str]:
    """The letters in the inputs of a file."""
    inputs = [s for s in file.statements if isinstance(s, ast.Input)]
    return {
        size.text for s in inputs for size in s.shape.sizes if isinstance(size, ast.Word) and is_letter(size, names)
    }


def dim(value: ast.Value, names: Names, letters: Letters) -> Dim:
    """The size of an expression that may hold letters."""
    return sizes.dim(_count(value, names, letters))


def _count(value: ast.Value, names: Names, letters: Letters) -> Count:
    if isinstance(value, ast.Word) and is_letter(value, names) and value.text in letters.seen:
        return sizes.counted(letters.of(value.text))
    if isinstance(value, ast.Chained) and _lettered(value, names, letters):
        total = _count(value.first, names, letters)
        for sign, right in value.rest:
            total = _applied(sign, total, _count(right, names, letters), value)
        return total
    return values.integer(value, names)


def _lettered(value: ast.Value, names: Names, letters: Letters) -> bool:
    """Whether a letter stands anywhere in an expression."""
    if isinstance(value, ast.Chained):
        return any(_lettered(part, names, letters) for part in (value.first, *(right for _, right in value.rest)))
    return is_letter(value, names) and getattr(value, "text", "") in letters.seen


def _applied(sign: str, a: Count, b: Count, whole: ast.Value) -> Count:
    if sign == "+":
        return a + b
    if sign == "-":
        return a - b
    if sign == "*":
        return a * b
    if not isinstance(b, int) or b < 1:
        raise error("division", "sizes are divided by whole numbers above 0", whole.span)
    if isinstance(a, int):
        return int(values.applied(sign, a, b, whole.span, whole.span))
    found = sizes.ceil_div(a, b)
    if found * b != a:
        raise error("division", f"{a} / {b} leaves a remainder for some sizes", whole.span, help="`?` fits any size")
    return found
