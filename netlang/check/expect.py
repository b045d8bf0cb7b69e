"""The `expect` statement: figures of the paper, compared with those of the net."""

from collections.abc import Collection
from fractions import Fraction

from netlang.check import values
from netlang.check.counts import FIGURES
from netlang.check.problems import Problems
from netlang.check.values import Names
from netlang.diagnostics import either, error, meant
from netlang.graph import Graph, NodeId
from netlang.syntax import ast


def expected(statement: ast.Expect, names: Names, problems: Problems) -> dict[str, tuple[int, ast.Value]]:
    """The figures a statement names, and where their values stand."""
    found: dict[str, tuple[int, ast.Value]] = {}
    for option in statement.figures:
        with problems.collected():
            name, value = _named(option)
            if name.text.lower() in found:
                raise error("twice", f"`{name.text}` is expected twice", name.span)
            found[name.text.lower()] = (_figure(value, names), value)
    return found


def compare(name: str, wanted: int, value: ast.Value, graph: Graph, run: Collection[NodeId]) -> None:
    """Raise NetError unless the net has the figure, to the digits given. run: what is there when the net is run."""
    count, training = FIGURES[name]
    have = count(graph, None if training else run)
    if not isinstance(have, int):
        raise error(
            "expect",
            f"the net has {have:,} {name}",
            value.span,
            "no number is expected of sizes that are not fixed",
        )
    if isinstance(value, ast.Quantity):
        half = (
            Fraction(value.unit, 2 * value.digits.denominator)
            if value.digits.denominator > 1
            else Fraction(value.unit, 2)
        )
        if abs(have - value.digits * value.unit) <= half:
            return
    elif have == wanted:
        return
    raise error("expect", f"the net has {have:,} {name}", value.span, f"{have - wanted:+,} against what is expected")


def _named(option: ast.Option | ast.Arguments) -> tuple[ast.Name, ast.Value]:
    if isinstance(option, ast.Arguments) or option.name is None or option.value is None:
        suffix = option.span.text in ("k", "m", "g", "K", "M", "G")
        advice = f"a suffix is a capital right behind the digits: `84{option.span.text.upper()}`"
        names = f"the names are {either(FIGURES, 'and')}"
        raise error("expect-form", "`expect` takes `name=value`", option.span, help=advice if suffix else names)
    if option.name.text.lower() not in FIGURES:
        raise error(
            "expect-form",
            f"nothing called `{option.name.text}` is counted",
            option.name.span,
            help=meant(option.name.text, FIGURES, f"there are {either(FIGURES, 'and')}"),
        )
    return option.name, option.value


def _figure(value: ast.Value, names: Names) -> int:
    if isinstance(value, ast.Quantity):
        return round(value.digits * value.unit)
    return values.integer(value, names)
