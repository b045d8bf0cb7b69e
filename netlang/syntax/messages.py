"""What is said of a text that is no program: one message per way to fail.

Lark's parser knows which tokens it would have taken; `situations.py` turns that into words.
"""

import re
import unicodedata
from typing import Any

import lark

from netlang.diagnostics import Diagnostic, Label
from netlang.source import Source, Span
from netlang.syntax.layout import DEEPEST, Layout, LayoutError
from netlang.syntax.situations import ARROW, Situation, State, situation
from netlang.syntax.slips import slip

LAYOUT = {
    "never-closed": ("this bracket is never closed", None),
    "never-opened": ("this bracket closes nothing", None),
    "crossed": ("this bracket closes one of another kind", None),
    "trailing-comma": ("the file ends after a comma", 'a comma means "then": name the next step, or take it away'),
    "too-deep": (f"more than {DEEPEST} brackets within one another", None),
    "uneven": (
        "this line is indented less than the line above, but no line starts there",
        "lines that belong together start in the same column",
    ),
}
CHARACTERS = {
    "–—−‐‑": ("this is a typographic dash", "write the plain `-` of the keyboard"),
    "“”„‘’'`": ("this is not the quote of the language", 'write the plain `"`'),
    '"': ("this string never ends", 'close it with `"` on the same line'),
    ";": ("steps are not separated by `;`", "write a comma, or start a new line"),
    "{}": ("there are no braces in the language", "write `[` and `]`"),
    "@": ("a label needs a name right behind the `@`", "for example `@skip`"),
    "→⟶⇒➔": ("this is a typographic arrow", "write `->`"),
    "^": ("there are no powers", "write `2*2*2`"),
    "%$&!~\\": ("this sign means nothing in a .net file", None),
    "<>": ("this sign stands only in the arrow `->`", None),
}


STATEMENTS = (
    "VERSION", "USE", "INPUT", "TRAIN", "EXPECT", "VARIANT", "DEFAULT", "BLOCK", "CELL", "STATE", "OUTPUT",
)  # fmt: skip
LONGEST = 20  # letters of a word that a message repeats
_FOUND = {"_NL": "the end of the line", "$END": "the end of the file", "_INDENT": "an indented line",
          "_DEDENT": "the end of the indented lines"}  # fmt: skip


def syntax(problem: lark.UnexpectedInput, tokens: Layout, source: Source) -> Diagnostic:
    """The message for a token or a character the grammar has no place for."""
    if isinstance(problem, lark.UnexpectedCharacters):
        return _character(problem.pos_in_stream, source)
    assert isinstance(problem, lark.UnexpectedToken)
    refused = problem.token
    last = tokens.previous if tokens.last is refused else tokens.last
    state = State(accepted(problem), last.type if last is not None else "", _within(problem.state.value_stack))
    return _token(refused, last, state, source)


def accepted(problem: lark.UnexpectedToken) -> frozenset[str]:
    """The tokens the parser would have taken."""
    table = problem.state.parse_conf.parse_table.states[problem.state.position]
    return frozenset(t for t in table if t.isupper())


def _within(stack: list[Any]) -> tuple[str, ...]:
    """What is open: tokens still on the parser's stack, for a finished rule has become a tree."""
    opening = (*STATEMENTS, "LPAR", "LSQB", ARROW)
    closed = {"RPAR": "LPAR", "RSQB": "LSQB"}
    found: list[str] = []
    for value in stack:
        kind = str(getattr(value, "type", ""))
        lines = kind == "_INDENT" and "CELL" in found
        if kind in opening or lines or (kind == "SLASH" and not {"LPAR", "LSQB"} & set(found)):
            found.append(kind)
        elif kind in closed and closed[kind] in found:
            found.remove(closed[kind])
    return tuple(found)


def _token(token: lark.Token, last: lark.Token | None, state: State, source: Source) -> Diagnostic:
    if token.type == "_INDENT":
        row = Span(source, token.end_pos or 0, token.end_pos or 0)
        advice = (
            "a line goes on after a comma or inside brackets; "
            "only `block …:`, `cell …:`, `default …:`, `variant …:` and `train:` are followed by indented lines"
        )
        return Diagnostic("syntax", "this line is indented, but no line above opens a block", Label(row), help=advice)
    place = situation(state)
    assert place is not None, state
    span = _span(token, last, source)
    found = _FOUND.get(token.type, f"`{token}`")
    title = f"{place.where} {place.wanted}"
    return Diagnostic(
        "syntax", title, Label(span, f"but here is {found}"), help=_help(token, last, state.accepts, place, span)
    )


def _help(
    token: lark.Token, last: lark.Token | None, accepts: frozenset[str], place: Situation, span: Span
) -> str | None:
    if said := slip(span.source, span.start):
        return said
    option = last is not None and last.type == "WORD" and "TIMES" in accepts
    if option and token.type in ("MINUS", "SLASH") and token.type not in accepts:
        behind = re.findall(r"^\w*", span.source.text[span.end : span.end + LONGEST])[0]
        return f"did you mean a comma? `…, {last}{token}{behind}`"
    return place.help


def _span(token: lark.Token, last: lark.Token | None, source: Source) -> Span:
    if token.type in ("_NL", "$END", "_DEDENT"):
        end = last.end_pos if last is not None and last.end_pos else len(source.text.rstrip())
        return Span(source, end, end)
    start = token.start_pos or 0
    return Span(source, start, min(token.end_pos or start + 1, len(source.text)))


def _character(offset: int, source: Source) -> Diagnostic:
    character = source.text[offset : offset + 1]
    rows = (row for signs, row in CHARACTERS.items() if character and character in signs)
    title, advice = next(rows, (f"there is no place for `{character if character.isprintable() else '?'}` here", None))
    advice = slip(source, offset) or advice
    if not character.isprintable():
        title, advice = f"the character U+{ord(character or ' '):04X} cannot be read", "is this a text file?"
    if character.isdecimal():
        title, advice = f"`{character}` is a digit of another script", f"write `{unicodedata.decimal(character)}`"
    if character.isalpha():
        advice = "names are made of the letters a to z and A to Z, digits and `_`"
    length = len(source.text[offset:].split("\n")[0]) if character == '"' else 1
    return Diagnostic("character", title, Label(Span(source, offset, offset + length)), help=advice)


def layout(problem: LayoutError, source: Source) -> Diagnostic:
    """The message for brackets or indentation that fit nothing."""
    title, advice = LAYOUT[problem.kind]
    also = () if problem.opened is None else (Label(_of(problem.opened, source), "the one open here"),)
    span = _of(problem.token, source)
    if problem.kind == "uneven":
        span = Span(source, span.end, span.end)
    return Diagnostic("layout", title, Label(span), also, advice)


def _of(token: lark.Token, source: Source) -> Span:
    return Span(source, token.start_pos or 0, min(token.end_pos or 0, len(source.text)))


def never_closed(offset: int, source: Source) -> Diagnostic:
    """The message for an open bracket."""
    return Diagnostic("layout", LAYOUT["never-closed"][0], Label(Span(source, offset, offset + 1)))
