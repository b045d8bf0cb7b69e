"""Constants: `w = 64`, and `--set w=32` in their place (RULINGS 26)."""

from collections.abc import Mapping
from fractions import Fraction

from netlang.check import values, words
from netlang.check.problems import Problems
from netlang.check.values import Value
from netlang.diagnostics import error, meant
from netlang.source import Source, Span
from netlang.syntax import ast


def gathered(file: ast.File, settings: Mapping[str, str], problems: Problems) -> dict[str, Value]:
    """The constants of a file, in the order of the text; those in `settings` have their new values throughout."""
    known: dict[str, Value] = {}
    seen: dict[str, Span] = {}
    asked = {name: _parsed(name, text, problems) for name, text in settings.items()}
    for statement in file.statements:
        if not isinstance(statement, ast.Constant):
            continue
        with problems.collected():
            words.free(statement.name)
            if statement.name.text in seen:
                raise error(
                    "twice",
                    f"the constant `{statement.name.text}` is there already",
                    statement.name.span,
                    help=f"its first value stands on line {seen[statement.name.text].row}",
                )
            seen[statement.name.text] = statement.name.span
            known[statement.name.text] = 1  # so that what reads a wrong constant is not called wrong too
            value = values.listed(statement.value, known)
            replaced = asked.get(statement.name.text)
            known[statement.name.text] = value if replaced is None else replaced
    for name in settings:
        with problems.collected():
            if name not in seen:
                raise error(
                    "set",
                    f"{file.source.name} has no constant `{name}`",
                    _span(name, settings[name]),
                    help=meant(name, seen, "`--set` replaces constants such as `w = 64`"),
                )
    return known


def _parsed(name: str, text: str, problems: Problems) -> Value | None:
    """The value of `--set name=text`: a number, or sizes joined by `x`."""
    with problems.collected():
        try:
            if "x" in text:
                return tuple(int(size) for size in text.split("x"))
            return int(text) if text.lstrip("+-").isdecimal() else Fraction(text[:24])
        except (ValueError, ZeroDivisionError):
            raise error(
                "set", f"`{text}` is no value", _span(name, text, len(name) + 1), help="a number, or sizes such as 3x3"
            ) from None
    return None


def _span(name: str, text: str, start: int = 0) -> Span:
    source = Source("--set", f"{name}={text}", of_file=False)
    return Span(source, start, len(source.text) if start else len(name))
