"""Expressions to values: exact arithmetic on constants (RULINGS 10, 21, 26, 32)."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

from netlang.diagnostics import error
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast

Exact = int | Fraction
Value = Exact | tuple[int, ...] | list["Value"]  # a number; sizes joined by `x`; one value per copy

LARGEST = 10**15  # more than any size, count or seed; keeps products from filling the memory


class Names(Protocol):
    """What a word may stand for where an expression is written: constants, and the parameters of a block."""

    def look_up(self, word: ast.Word) -> Value:
        """The value of a word. Raises NetError where there is none."""
        ...

    def names(self) -> Iterable[str]:
        """All that could be looked up, for a message."""
        ...

    def __contains__(self, text: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class Copy:
    """Which copy of the nearest repeat an expression stands in, from 0; times 0: in none."""

    index: int = 0
    times: int = 0


NO_COPY = Copy()


def evaluate(value: ast.Value, names: Names, copy: Copy = NO_COPY) -> Exact | tuple[int, ...]:
    """The number or sizes of an expression; of a list, the value for this copy."""
    result = listed(value, names)
    while isinstance(result, list):
        if not copy.times:
            raise error(
                "list",
                "a list gives one value per copy, but nothing repeats here",
                value.span,
                help="add a repeat such as `x4`, or write one value",
            )
        result = result[min(copy.index, len(result) - 1)]
    return result


def listed(value: ast.Value, names: Names) -> Value:
    """The value of an expression; a list stays one."""
    match value:
        case ast.Number():
            return value.value
        case ast.Pair():
            return value.sizes
        case ast.Word():
            return names.look_up(value)
        case ast.Items():
            return [listed(item, names) for item in value.items]
        case ast.Negative():
            return _negated(value, names)
        case ast.Chained():
            return _chained(value, names)
    raise error("value", "here stands a number or a constant", value.span, f"not `{value.span.text}`")


def number(value: ast.Value, names: Names, copy: Copy = NO_COPY) -> Exact:
    """Like `evaluate`, for one number."""
    result = evaluate(value, names, copy)
    if isinstance(result, tuple):
        raise error("value", "here stands one number, not sizes joined by `x`", value.span)
    return result


def integer(value: ast.Value, names: Names, copy: Copy = NO_COPY) -> int:
    """Like `evaluate`, for one whole number."""
    result = number(value, names, copy)
    if not isinstance(result, int):
        raise error("value", "here stands a whole number", value.span, f"this is {shown(result)}")
    return result


def shown(value: Value) -> str:
    """A value as the language writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, int):
        return str(value)
    text = f"{float(value):g}"
    return f"{text}.0" if text.lstrip("-").isdecimal() else text  # a decimal, whose value is whole


def _number(value: ast.Value, names: Names) -> Exact:
    result = listed(value, names)
    if isinstance(result, tuple | list):
        raise error("value", "numbers are computed with, lists and joined sizes are not", value.span)
    return result


def _negated(value: ast.Negative, names: Names) -> Exact:
    """In a loop: thousands of signs must not overflow Python's stack."""
    sign, inner = -1, value.value
    while isinstance(inner, ast.Negative):
        sign, inner = -sign, inner.value
    return sign * _number(inner, names)


def _chained(chain: ast.Chained, names: Names) -> Exact:
    result = _number(chain.first, names)
    for sign, value in chain.rest:
        result = applied(sign, result, _number(value, names), chain.span, value.span)
        if not -LARGEST <= result <= LARGEST:
            raise error("value", "this is larger than any number a net needs", chain.span)
    return result


def applied(sign: str, a: Exact, b: Exact, span: Span, right: Span) -> Exact:
    """A op b, exact. span: of both; right: of b."""
    if sign == "+":
        return a + b
    if sign == "-":
        return a - b
    if sign == "*":
        return a * b
    if b == 0:
        raise error("division", "this divides by zero", right)
    if isinstance(a, int) and isinstance(b, int):
        if a % b:
            raise error(
                "division",
                f"{a} / {b} leaves a remainder of {a % b}",
                span,
                help="sizes are whole numbers: choose a divisor, or write a decimal point",
            )
        return a // b
    return Fraction(a) / b
