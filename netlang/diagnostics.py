"""What netlang says when a file is wrong, and how it looks."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from netlang.record import dataclass
from netlang.sizes import Count
from netlang.source import Span

WIDTH = 110  # columns of a quoted line; a longer one is cut around its caret
SHORTEST = 3  # letters that say which word is meant
ELSEWHERE = {  # what other libraries call settings and their words, without `_` and `-`; layers know their own
    "activation": "act", "crossentropyloss": "cross_entropy", "decay": "l2", "false": "no", "filters": "width",
    "glorot": "xavier", "kaiming": "he", "learningrate": "lr", "off": "no", "on": "yes", "p": "rate", "true": "yes",
    "units": "width", "weightdecay": "l2",
}  # fmt: skip
_COLOURS = {"error": "\033[1;31m", "note": "\033[1;36m"}
_BOLD, _BLUE, _PLAIN = "\033[1m", "\033[1;34m", "\033[0m"


@dataclass(frozen=True, slots=True)
class Label:
    """A remark written under a piece of the user's text."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: a title, where it is, why it is one, and what to do.

    code: a stable kebab-case name; `docs/errors/<code>.md` explains it at length
    inside: the chain of uses that led here, innermost first: "copy 1 of 4, from vgg.net:11"
    severity: "error", or "note" for what is allowed but rarely meant
    """

    code: str
    title: str
    at: Label
    also: tuple[Label, ...] = ()
    help: str | None = None
    inside: tuple[str, ...] = ()
    severity: str = "error"


class NetError(Exception):
    """One or more diagnostics. The only exception a wrong file may raise."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("\n\n".join(map(render, diagnostics)))
        self.diagnostics = diagnostics


def error(
    code: str, title: str, span: Span, remark: str = "", *, help: str | None = None, also: tuple[Label, ...] = ()
) -> NetError:
    """A `NetError` of one diagnostic."""
    return NetError(Diagnostic(code, title, Label(span, remark), also, help))


def render(problem: Diagnostic, colour: bool = False) -> str:
    """The diagnostic as text that quotes the lines it talks about."""
    labels = (problem.at, *problem.also)
    gutter = max(4, *(len(str(label.span.row)) for label in labels))
    paint = _Paint(problem.severity if colour else None)
    out = [paint.head(f"{problem.severity}[{problem.code}]") + paint.bold(f": {problem.title}")]
    for label in labels:
        out += _quote(label, gutter, paint)
    out += [f"  in {use}" for use in problem.inside]
    if problem.help is not None:
        out.append(f"  {paint.blue('help:')} {problem.help}")
    return "\n".join(out)


@dataclass(frozen=True)
class _Paint:
    severity: str | None

    def _in(self, code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if self.severity else text

    def head(self, text: str) -> str:
        return self._in(_COLOURS[self.severity or "error"], text)

    def bold(self, text: str) -> str:
        return self._in(_BOLD, text)

    def blue(self, text: str) -> str:
        return self._in(_BLUE, text)


def _quote(label: Label, gutter: int, paint: _Paint) -> list[str]:
    source = label.span.source
    row, column = source.position(label.span.start)
    line = source.line(row)
    before, marked, behind = _window(line, column - 1, label.span.end - label.span.start)
    carets = "^" * max(1, columns(marked))
    place = f"{source.name}:{row}:{column}" if source.of_file else source.name
    return [
        f"{paint.blue('  -->')} {place}",
        f"{paint.blue(f'{row:>{gutter}} |')} {before}{marked}{behind}".rstrip(),
        f"{paint.blue(' ' * gutter + ' |')} {' ' * columns(before)}{paint.head(carets)} {label.text}".rstrip(),
    ]


def _window(line: str, start: int, length: int) -> tuple[str, str, str]:
    """The parts of a line before, under and behind the carets, cut to `WIDTH`."""
    start = min(start, len(line))
    end = min(start + max(0, length), len(line))
    marked = line[start:end]
    if len(line) <= WIDTH:
        return _clean(line[:start]), _clean(marked), _clean(line[end:])
    left = max(0, start - WIDTH // 3)
    right = max(left + WIDTH, min(end, start + WIDTH // 2))
    before = ("…" if left else "") + line[left:start]
    return _clean(before), _clean(line[start : min(end, right)]), _clean(line[min(end, right) : right])


def _clean(text: str) -> str:
    """Tabs as one blank, control characters as a sign that something is there."""
    return "".join(" " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def columns(text: str) -> int:
    """Columns a terminal gives the text: wide East Asian letters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def closest(word: str, known: Iterable[str], elsewhere: Mapping[str, str] = ELSEWHERE) -> str | None:
    """The known word the user most likely meant, if one is near. elsewhere: the words for what others call so

    Nearest is what differs in case and signs; then what others call so, what differs by a slip, what is longer or
    shorter, what is somewhat alike.
    """
    written, words = word.lower(), {one.lower(): one for one in known}
    found = next((one for one in (written, plain(written), elsewhere.get(plain(written))) if one in words), None)
    found = found or _alike(written, words, 0.8) or _extended(written, words) or _alike(written, words, 0.65)
    return words[found] if found else None


def plain(word: str) -> str:
    """A word without `_`, `-` and `2d`."""
    return re.sub(r"[_-]|(?<=[a-z])[123]d$", "", word)


def _alike(word: str, known: Iterable[str], cutoff: float) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)), None)


def _extended(word: str, known: Iterable[str]) -> str | None:
    """The shortest word that goes on where this one ends, or the longest that ends where this one goes on."""
    longer = sorted((one for one in known if len(word) >= SHORTEST and one.startswith(word)), key=len)
    shorter = sorted((one for one in known if len(one) >= SHORTEST and word.startswith(one)), key=len)
    return next(iter(longer or shorter[::-1]), None)


def meant(word: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """A help line that offers the nearest known word."""
    near = closest(word, known)
    return f"did you mean `{near}`?" if near else otherwise


def either(words: Iterable[str], last: str = "or") -> str:
    """`a`, `b` or `c`."""
    quoted = [f"`{word}`" for word in words]
    return f"{', '.join(quoted[:-1])} {last} {quoted[-1]}" if len(quoted) > 1 else "".join(quoted)


def count(number: Count, thing: str, plural: str | None = None) -> str:
    """As in 1 copy, 2 copies, T copies."""
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"
