"""Newlines and indentation as tokens, between the lexer and the parser.

A newline inside brackets or after a comma is dropped. Elsewhere it ends the line, and a change
of indentation behind it gives `_INDENT` or `_DEDENT`.
"""

import re
from collections.abc import Iterator

from lark import Token
from lark.lark import PostLex

TAB = 8  # a tab's worth of blanks
DEEPEST = 60  # brackets within brackets
CLOSES = {"RPAR": "(", "RSQB": "["}
OPENS = {"LPAR": "(", "LSQB": "["}


class LayoutError(Exception):
    """Brackets or indentation that fit nothing. kind: a key of `messages.LAYOUT`."""

    def __init__(self, kind: str, token: Token, opened: Token | None = None) -> None:
        super().__init__(kind)
        self.kind, self.token, self.opened = kind, token, opened


class Layout(PostLex):  # type: ignore[misc]  # mypy is told to skip Lark
    """See the module.

    previous, last: the last two tokens handed to the parser; `last` is the one it refused, or the one before
        a text that is no token
    """

    always_accept = ("_NL",)

    def __init__(self) -> None:
        self.previous: Token | None = None
        self.last: Token | None = None

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """The stream with layout in it."""
        self.previous = self.last = None
        for token in self._laid_out(stream):
            self.previous, self.last = self.last, token
            yield token

    def _laid_out(self, stream: Iterator[Token]) -> Iterator[Token]:
        open_: list[Token] = []
        indents = [0]
        last: Token | None = None
        for token in stream:
            if token.type == "_NL":
                if not open_ and (last is None or last.type != "COMMA"):
                    yield from _newline(token, indents)
                continue
            _match(token, open_)
            last = token
            yield token
        if open_:
            raise LayoutError("never-closed", open_[-1])
        if last is not None and last.type == "COMMA":
            raise LayoutError("trailing-comma", last)
        for _ in indents[1:]:
            yield Token("_DEDENT", "")


def _match(token: Token, open_: list[Token]) -> None:
    """Keep the stack of open brackets."""
    if token.type in OPENS:
        open_.append(token)
        if len(open_) > DEEPEST:
            raise LayoutError("too-deep", token)
    elif token.type in CLOSES:
        if not open_:
            raise LayoutError("never-opened", token)
        if OPENS[open_[-1].type] != CLOSES[token.type]:
            raise LayoutError("crossed", token, open_[-1])
        open_.pop()


def _newline(token: Token, indents: list[int]) -> Iterator[Token]:
    yield token
    indent = len(token.rsplit("\n", 1)[1].expandtabs(TAB))
    if indent > indents[-1]:
        indents.append(indent)
        yield Token.new_borrow_pos("_INDENT", "", token)
    while indent < indents[-1]:
        indents.pop()
        yield Token.new_borrow_pos("_DEDENT", "", token)
    if indent != indents[-1]:
        raise LayoutError("uneven", token)


def unclosed(text: str, before: int) -> int | None:
    """The offset of a bracket on an earlier line that no later one closes: what follows it is read wrongly."""
    open_: list[int] = []
    for found in re.finditer(r'#[^\n]*|"[^"\n]*"|[\[(]|[\])]', text):
        if found[0] in "[(":
            open_.append(found.start())
        elif found[0] in "])" and open_:
            open_.pop()
    row = text.rfind("\n", 0, before) + 1
    return next((offset for offset in open_ if offset < row), None)
