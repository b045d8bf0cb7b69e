"""Constants: `w = 64`, `variant D: w=64`, and `--set w=32` in their place (RULINGS 26)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from fractions import Fraction

from netlang.check import values, words
from netlang.check.problems import Problems
from netlang.check.values import Value
from netlang.diagnostics import error, meant
from netlang.record import dataclass
from netlang.source import Source, Span
from netlang.syntax import ast

MOST = 40  # characters of a wrong value that a message repeats
_SIZES = re.compile(r"[0-9]{1,12}(x[0-9]{1,12})+")
_NUMBER = re.compile(r"[+-]?[0-9.]{1,24}(e[+-]?[0-9]{1,2})?", re.IGNORECASE)  # short: a fraction is exact


@dataclass
class Definition:
    """A constant: where it is defined, and its value once it is known.

    span: in the file that sees it; written: its expression, or None where the value is given from outside
    origin: what tells the constants of two files apart
    """

    span: Span
    written: ast.Value | None = None
    value: Value | None = None
    computing: bool = False
    origin: object = None

    def __post_init__(self) -> None:
        self.origin = self.origin or self.span


@dataclass
class Constants:
    """The constants of one file; a word sees those defined above it."""

    known: dict[str, Definition] = field(default_factory=dict)

    def look_up(self, word: ast.Word) -> Value:
        """The value of the constant a word names."""
        found = self.known.get(word.text)
        if found is None:
            raise error(
                "unknown-constant",
                f"no constant is called `{word.text}`",
                word.span,
                help=meant(word.text, self.known, f"write `{word.text} = …` on a line above"),
            )
        if found.span.source is word.span.source and found.span.start > word.span.start:
            raise error(
                "unknown-constant",
                f"the constant `{word.text}` is defined below, on line {found.span.row}",
                word.span,
                help="move its line above this one",
            )
        return self.computed(word.text, found, word.span)

    def computed(self, name: str, found: Definition, span: Span) -> Value:
        """The value of a definition, computed when it is first asked for."""
        if found.value is None:
            if found.computing or found.written is None:
                raise error("unknown-constant", f"the value of `{name}` is told by itself", span)
            found.computing = True
            try:
                found.value = values.listed(found.written, self)
            finally:
                found.computing = False
        return found.value

    def names(self) -> Iterable[str]:
        """All constants."""
        return self.known

    def __contains__(self, text: object) -> bool:
        return text in self.known


def gathered(
    file: ast.File, variant: ast.Variant | None, asked: Mapping[str, Value], problems: Problems, start: Constants
) -> Constants:
    """The constants of a file: `asked` values first, then the variant's, then the constants'.

    start: those of the files it uses
    """
    seen: dict[str, Span] = {}
    for statement in file.statements:
        if isinstance(statement, ast.Constant):
            with problems.collected():
                _define(statement.name, statement.value, start, seen)
    if variant is not None:
        _overlay(variant, start, seen, problems)
    for name, value in asked.items():
        if name in start.known:
            start.known[name].value = value
    for name, found in start.known.items():
        with problems.collected():
            if found.value is None:
                start.computed(name, found, found.span)
        if found.value is None:
            found.value = 1  # so that what reads a wrong constant is not called wrong too
    return start


def _define(name: ast.Name, value: ast.Value, into: Constants, seen: dict[str, Span]) -> None:
    words.free(name)
    if name.text in seen:
        raise error(
            "twice",
            f"the constant `{name.text}` is there already",
            name.span,
            help=f"its first value stands on line {seen[name.text].row}",
        )
    if name.text in into.known:
        raise error(
            "twice",
            f"`{name.text}` is a constant of a used file already",
            name.span,
            help=f"it comes from line {into.known[name.text].span.row}: `{into.known[name.text].span.text}`",
        )
    seen[name.text] = name.span
    into.known[name.text] = Definition(name.span, value)


def _overlay(variant: ast.Variant, known: Constants, seen: Mapping[str, Span], problems: Problems) -> None:
    """Put the values of the variant over those of the constants."""
    for name, value in assignments(variant, problems):
        if name.text in seen:  # visible from where it is written first
            known.known[name.text] = Definition(min(seen[name.text], name.span, key=lambda s: s.start), value)
        elif name.text in known.known:
            with problems.collected():
                _define(name, value, known, {})
        else:
            known.known[name.text] = Definition(name.span, value)


def assignments(variant: ast.Variant, problems: Problems) -> list[tuple[ast.Name, ast.Value]]:
    """The names and values of a variant."""
    found: dict[str, tuple[ast.Name, ast.Value]] = {}
    for option in variant.constants:
        with problems.collected():
            if isinstance(option, ast.Arguments) or option.name is None or option.value is None:
                raise error(
                    "variant-form", "a variant sets constants", option.span, help="as in `variant D: n1=2 n3=3`"
                )
            words.free(option.name)
            if option.name.text in found:
                raise error("twice", f"this variant sets `{option.name.text}` twice", option.name.span)
            found[option.name.text] = (option.name, option.value)
    return list(found.values())


def asked(settings: Mapping[str, str], problems: Problems) -> dict[str, Value]:
    """The values of `--set name=text`."""
    found: dict[str, Value] = {}
    for name, text in settings.items():
        with problems.collected():
            found[name] = _parsed(name, text)
    return found


def refuse_unknown(
    file: ast.File, settings: Mapping[str, str], known: Constants, letters: Iterable[str], problems: Problems
) -> None:
    """Report settings that replace nothing, or a size by what is none."""
    taken = [*known.known, *letters]
    for name, text in settings.items():
        with problems.collected():
            if name not in taken:
                raise error(
                    "set",
                    f"{file.source.name} has no constant `{name}`",
                    _span(name, text),
                    help=meant(name, taken, "`--set` replaces constants such as `w = 64`"),
                )
            if name not in known.known and not text.lstrip("+-").isdecimal():
                raise error("set", f"`{name}` is a size: a whole number", _span(name, text, len(name) + 1))


def _parsed(name: str, text: str) -> Value:
    """The value of `--set name=text`: a number, or sizes joined by `x`."""
    try:
        if _SIZES.fullmatch(text):
            return tuple(int(size) for size in text.split("x"))
        if _NUMBER.fullmatch(text):
            return int(text) if text.lstrip("+-").isdecimal() else Fraction(text)
    except (ValueError, ZeroDivisionError):
        pass
    shown = text if len(text) <= MOST else text[: MOST - 1] + "…"
    raise error(
        "set", f"`{shown}` is no value", _span(name, text, len(name) + 1), help="a number, or sizes such as 3x3"
    )


def _span(name: str, text: str, start: int = 0) -> Span:
    source = Source("--set", f"{name}={text}", of_file=False)
    return Span(source, start, len(source.text) if start else len(name))
