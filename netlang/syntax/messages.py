"""What is said of a text that is no program: one message per way to fail.

Lark's parser knows which tokens it would have taken. `SITUATIONS` turns that set, and the token
before, into words; a test walks all states of the parser and insists that each finds its row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import lark

from netlang.diagnostics import Diagnostic, Label
from netlang.source import Source, Span
from netlang.syntax.layout import DEEPEST, Layout, LayoutError

Accepts = frozenset[str]

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
    "%$&!~\\^": ("this sign means nothing in a .net file", None),
    "<>": ("this sign stands only in the arrow `->`", None),
}


@dataclass(frozen=True)
class Situation:
    """One place in the grammar. where: how the place is called; wanted: what may stand there."""

    fits: Callable[[Accepts, str], bool]
    where: str
    wanted: str
    help: str | None = None


def _has(*terminals: str, before: str | None = None) -> Callable[[Accepts, str], bool]:
    return lambda accepts, last: accepts >= set(terminals) and before in (None, last)


def _only(*terminals: str, before: str | None = None) -> Callable[[Accepts, str], bool]:
    return lambda accepts, last: accepts == set(terminals) and before in (None, last)


SIZES = "a size such as `28`, or a capital letter"
SITUATIONS = (
    Situation(_has("EXPECT"), "a line starts with", "a layer, `[`, or a statement such as `input`"),
    Situation(_only("LETTER", "LPAR", "NUMBER"), "after `input` comes", "a shape such as `28x28x1`"),
    Situation(_only("LETTER", "NUMBER", before="BY"), "after the `x` of a shape comes", SIZES),
    Situation(_only("LETTER", "NUMBER"), "after `input (` comes", "a shape such as `224 x 224`"),
    Situation(_has("LETTER", "QMARK", before="BY"), "after the `x` of a checked shape comes", SIZES + ", or `?`"),
    Situation(_has("LETTER", "QMARK"), "after `->` comes", "a shape such as `14x14x6`; `?` fits any size"),
    Situation(_only("BY", "_NL"), "a shape behind `->` ends the line;", "only `x` and another size may follow it",
              "start a new line for the next step"),
    Situation(_has("BY", "_NL", "WORD"), "behind the sizes of an `input` comes", "`x`, a word such as `gray`, or the end of the line",
              "a step starts on a line of its own"),
    Situation(_has("BY", "RPAR"), "behind the sizes in brackets comes", "`x`, a word such as `RGB`, or `)`"),
    Situation(_only("COLON"), "after `train` comes", "`:`"),
    Situation(_only("NUMBER", before="VERSION"), "after `netlang` comes", "the number of the language, `1`"),
    Situation(_only("NUMBER"), "after the `-` of a setting comes", "a number"),
    Situation(_only("LPAR", "NUMBER"), "after the `x` of a repeat comes", "a number, or an expression in `( )`"),
    Situation(_only("LPAR", "NUMBER", "PAIR", "WORD", before="MINUS"), "after the `-` of a layer comes", "its width",
              "a number, a constant, or an expression in `( )`"),
    Situation(_only("LPAR", "NUMBER", "PAIR", "WORD"), "after the `/` of a layer comes", "its stride",
              "a number, `2x1`, a constant, or an expression in `( )`"),
    Situation(_has("PAIR", "QUANTITY"), "after the `=` of a setting comes", "its value",
              "a number, a word, `2x2`, a quoted text, or an expression in `( )`"),
    Situation(_has("PAIR", "RPAR"), "after this `(` comes", "a value"),
    Situation(_has("PAIR", "MINUS", before="COMMA"), "after a comma in brackets comes", "another value"),
    Situation(_has("PAIR", "MINUS", before="EQUAL"), "after the `=` of a constant comes", "its value"),
    Situation(_has("PAIR", "MINUS", before="LSQB"), "after the `[` of a list comes", "a value"),
    Situation(_has("PAIR", "MINUS", before="LPAR"), "after the `(` of an expression comes", "a value"),
    Situation(_has("PAIR", "MINUS"), "after an operator comes", "a value"),
    Situation(_has("LSQB", "VBAR", "WORD", "REFERENCE", "RSQB", before="VBAR"), "after `|` comes", "a branch"),
    Situation(_only("LSQB", "VBAR", "WORD", "REFERENCE", "RSQB"), "after `[` comes", "a step"),
    Situation(_only("LSQB", "REFERENCE", "WORD"), "after a comma comes", "the next step"),
    Situation(_has("_DEDENT"), "the indented lines of `train:` hold", "settings such as `epochs=20`"),
    Situation(_only("LPAR", "NUMBER", "STRING", "WORD"), "after `expect` comes", "a figure such as `parameters=61706`"),
    Situation(_only("LPAR", "NUMBER", "STRING", "WORD", "_NL"), "a setting is followed by", "another, or the end of the line",
              "a `train:` or `expect` line holds words and `name=value`"),
    Situation(_has("LPAR", "NUMBER", "REFERENCE", "RPAR", "_NL"), "behind the shape of an `input` comes", "a word, a label, or the end of the line",
              "a step starts on a line of its own"),
    Situation(_has("EQUAL", "COMMA", "MINUS", "SLASH", "WORD"), "behind a word at the start of a line comes", "a width, a stride, an option, `=`, or a comma"),
    Situation(_has("EQUAL", "TIMES"), "behind an option comes", "its `=value`, another option, a repeat, a label, or a comma",
              "did you mean a comma? After it the next step begins"),
    Situation(_has("EQUAL", "RPAR"), "behind a value in `( )` comes", "an operator, a comma, or `)`"),
    Situation(_has("MINUS", "PLUS", "LPAR", "_NL"), "behind a setting's value comes", "another option, a repeat, a label, or a comma"),
    Situation(_has("WORD", "MINUS", "SLASH", "TIMES"), "behind a layer comes", "`-width`, `/stride`, an option, a repeat, a label, or a comma"),
    Situation(_has("WORD", "SLASH", "TIMES"), "behind a layer's width comes", "`/stride`, an option, a repeat, a label, or a comma",
              "an expression stands in brackets: `conv3-(2*w)`"),
    Situation(_has("LSQB", "WORD", "TIMES"), "behind a step comes", "an option, `[`, a repeat, a label, or a comma",
              "did you mean a comma? After it the next step begins"),
    Situation(_has("WORD", "TIMES"), "behind the branches comes", "an option of the sum, a repeat, a label, or a comma"),
    Situation(_has("LSQB", "TIMES"), "behind a reference or a group comes", "a repeat, a label, or a comma"),
    Situation(_has("TIMES", "REFERENCE", "COMMA"), "behind a group comes", "a repeat, a label, or a comma",
              "options belong to the steps inside; did you mean a comma?"),
    Situation(_has("REFERENCE", "COMMA"), "behind a repeat comes", "a label, a comma, or the end of the line",
              "did you mean a comma? Options stand before the repeat"),
    Situation(_has("COMMA", "MINUS", "PLUS", "_NL"), "behind a value comes", "an operator, or the end of what it stands in"),
    Situation(_has("COMMA", "VBAR", "_NL"), "behind a finished step comes", "a comma, `|`, `]`, `->`, or the end of the line",
              "did you mean a comma? After it the next step begins"),
    Situation(_only("COMMA", "RPAR"), "inside `( )` a value is followed by", "a comma or `)`"),
    Situation(_only("COMMA", "RSQB"), "inside a list a value is followed by", "a comma or `]`"),
    Situation(_only("RSQB", "VBAR"), "a branch is followed by", "`|` or `]`"),
    Situation(_only("RPAR"), "this expression is followed by", "`)`"),
    Situation(_only("REFERENCE", "_NL"), "behind `input (…)` comes", "a label, or the end of the line",
              "a step starts on a line of its own"),
    Situation(_only("_NL", "__ANON_0"), "behind the steps of a line comes", "`->`, or the end of the line"),
    Situation(_only("_NL", before="NUMBER"), "behind the version comes", "the end of the line"),
    Situation(_only("_NL"), "behind this comes", "the end of the line"),
)  # fmt: skip

_FOUND = {"_NL": "the end of the line", "$END": "the end of the file", "_INDENT": "an indented line",
          "_DEDENT": "the end of the indented lines"}  # fmt: skip


def situation(accepts: Accepts, last: str) -> Situation | None:
    """The first row that fits a state of the parser and the token before."""
    return next((row for row in SITUATIONS if row.fits(accepts, last)), None)


def syntax(problem: lark.UnexpectedInput, tokens: Layout, source: Source) -> Diagnostic:
    """The message for a token or a character the grammar has no place for."""
    if isinstance(problem, lark.UnexpectedCharacters):
        return _character(problem.pos_in_stream, source)
    assert isinstance(problem, lark.UnexpectedToken)
    refused = problem.token
    last = tokens.previous if tokens.last is refused else tokens.last
    table = problem.state.parse_conf.parse_table.states[problem.state.position]
    return _token(refused, last, frozenset(t for t in table if t.isupper()), source)


def _token(token: lark.Token, last: lark.Token | None, accepts: Accepts, source: Source) -> Diagnostic:
    if token.type == "_INDENT":
        row = Span(source, token.end_pos or 0, token.end_pos or 0)
        advice = "a line goes on after a comma or inside brackets; only `train:` is followed by indented lines"
        return Diagnostic("syntax", "this line is indented, but no line above opens a block", Label(row), help=advice)
    place = situation(accepts, last.type if last else "")
    assert place is not None, (sorted(accepts), last)
    span = _span(token, last, source)
    found = _FOUND.get(token.type, f"`{token}`")
    title = f"{place.where} {place.wanted}"
    return Diagnostic("syntax", title, Label(span, f"but here is {found}"), help=_help(token, last, accepts, place))


def _help(token: lark.Token, last: lark.Token | None, accepts: Accepts, place: Situation) -> str | None:
    option = last is not None and last.type == "WORD" and "TIMES" in accepts
    if option and token.type in ("MINUS", "SLASH") and token.type not in accepts:
        return f"did you mean a comma? `…, {last}{token}…`"
    if token.type == "TIMES" and accepts & {"PLUS", "STAR"}:
        return "a product is written with `*`"
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
    if not character.isprintable():
        title, advice = f"the character U+{ord(character or ' '):04X} cannot be read", "is this a text file?"
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
