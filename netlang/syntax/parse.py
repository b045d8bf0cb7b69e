"""Text to tree, with grammars/netlang.lark."""

import re

import lark

from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.source import Source, Span
from netlang.syntax import ast, messages
from netlang.syntax.build import Build
from netlang.syntax.grammar import parser
from netlang.syntax.layout import Layout, LayoutError, unclosed

MOST = 20  # syntax errors told at once
LONGEST = 20_000  # parts between commas and line ends: reading takes 0.1 ms each
WORDS = 60_000  # parts between blanks
BLOCKS = "blocks and repeats (`x3`) say the same in fewer lines"
REREAD = 400_000  # characters read again for the sake of further errors: a second


def parse(source: Source) -> ast.File:
    """The tree of a file. Raises NetError with every line that cannot be read.

    After an error the line is blanked and the rest read again, so that one slip does not hide another.
    """
    _refuse_long(source)
    problems: list[Diagnostic] = []
    text = source.text + "\n"
    reader, tokens = parser()
    while True:
        try:
            tree = reader.parse(text)
            break
        except LayoutError as problem:
            problems.append(messages.layout(problem, source))
            raise NetError(*problems) from None
        except lark.UnexpectedInput as problem:
            found = messages.syntax(problem, tokens, source)
            if (bracket := unclosed(text, found.at.span.start)) is not None:
                raise NetError(*problems, messages.never_closed(bracket, source)) from None
            problems.append(found)
            indented = isinstance(problem, lark.UnexpectedToken) and problem.token.type == "_INDENT"
            at = _header(problem, tokens) or found.at.span.start
            rest = _without(text, at, indented=indented)
            if rest == text or len(problems) == MOST or len(problems) * len(text) > REREAD:
                raise NetError(*problems) from None
            text = rest
    if problems:
        raise NetError(*_in_order(problems))
    build = Build(source)
    file: ast.File = build.transform(tree)
    if build.problems:
        raise NetError(*_in_order(build.problems))
    return file


def _refuse_long(source: Source) -> None:
    """Raise NetError for more lines, commas and words than any net has, before they are read."""
    parts = words = start = 0
    for line in source.text.split("\n"):
        said = line.partition("#")[0]
        parts += said.count(",") + bool(said.strip())
        words += len(said.split())
        for many, most, what in ((parts, LONGEST, "steps"), (words, WORDS, "words")):
            if many > most:
                at = Label(Span(source, start, start + max(len(said), 1)))
                raise NetError(Diagnostic("too-many", f"this file has more than {most:,} {what}", at, help=BLOCKS))
        start += len(line) + 1


def _without(text: str, offset: int, *, indented: bool) -> str:
    """The text with a bare word in place of the line at an offset, in a cell an equation; without what is below it.

    indented: whether the line should not be, and those that are indented as far go too
    The text as it is, where the line opens or closes brackets that other lines need.
    """
    start = text.rfind("\n", 0, offset) + 1
    end = text.find("\n", offset)
    end = len(text) if end < 0 else end
    line = text[start:end]
    indent = len(line) - len(line.lstrip())
    below = end
    for row in text[end + 1 :].split("\n"):
        if row.strip() and len(row) - len(row.lstrip()) <= indent - indented:
            break
        below += len(row) + 1
    lost = line + text[end:below]
    if lost.count("[") != lost.count("]") or lost.count("(") != lost.count(")") or not line.strip():
        return text
    word = "" if indented else line[:indent] + ("_=_" if _in_cell(text[:start], indent) else "_")
    if len(word) > len(line):
        word = ""
    return text[:start] + word + re.sub(r"[^\n]", " ", lost[len(word) :]) + text[below:]


def _header(problem: lark.UnexpectedInput, tokens: Layout) -> int | None:
    """The end of the line that lacks its body: it is wrong, and not the line below it."""
    ends = [token for token in (tokens.previous, tokens.last) if token is not None and token.type == "_NL"]
    if isinstance(problem, lark.UnexpectedToken) and messages.accepted(problem) == {"_INDENT"} and ends:
        end: int | None = ends[0].start_pos
        return end
    return None


def _in_cell(above: str, indent: int) -> bool:
    """Whether a line that is indented so far stands in a cell: `_` alone is no line there."""
    heads = (row for row in reversed(above.split("\n")) if row.strip() and len(row) - len(row.lstrip()) < indent)
    return next(heads, "").lower().split()[:1] == ["cell"]


def _in_order(problems: list[Diagnostic]) -> list[Diagnostic]:
    return sorted(problems, key=lambda problem: problem.at.span.start)
