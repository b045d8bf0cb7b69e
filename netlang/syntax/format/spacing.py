"""Blanks between the tokens of a statement.

Steps and options are tight: `conv1-(4*w)/s`, `s=[2,1]`. Constants and the equations of cells are not: `c = f * c + i`.
Branches stand in `[ a | b ]`, a group in `[a, b]`.
"""

import re
from collections.abc import Sequence

from netlang.record import dataclass
from netlang.syntax.format.lines import Piece, Statement

OPERATORS = ("+", "-", "*", "/")
STARTS = (",", "|", ":")  # behind these a step may begin
_WORD = re.compile("[A-Za-z_]")


@dataclass(frozen=True)
class Bracket:
    """An open bracket. kind: "branches", "group", "list", "index" (`W[x, h]`) or "call"; at: of its token"""

    kind: str
    at: int


@dataclass(frozen=True)
class Spaced:
    """A token in its place. blank: whether one stands before it; inside: the brackets around it, the innermost last.

    A bracket's own two tokens stand outside it.
    """

    piece: Piece
    blank: bool
    inside: tuple[Bracket, ...]


def spaced(statement: Statement) -> list[Spaced]:
    """The tokens of a statement with the blanks between them."""
    pieces, equation = statement.pieces, statement.equation
    done: list[Spaced] = []
    open_: tuple[Bracket, ...] = ()
    opened = ""
    for index, piece in enumerate(pieces):
        closing = piece.text in (")", "]") and open_
        kind = open_[-1].kind if open_ else ""
        open_ = open_[:-1] if closing else open_
        own = _kind(pieces, index, open_, equation) if piece.text in ("(", "[") else kind if closing else ""
        blank = index > 0 and _blank(_Place(pieces, index, own, opened, kind, equation))
        done.append(Spaced(piece, blank, open_))
        opened = own if piece.text in ("(", "[") else ""
        open_ = (*open_, Bracket(own, index)) if opened else open_
    return done


def _kind(pieces: Sequence[Piece], index: int, inside: tuple[Bracket, ...], equation: bool) -> str:
    """What a bracket opens."""
    before = pieces[index - 1].text if index else ","
    if pieces[index].text == "(":
        return "call"
    if equation:
        return "index" if _WORD.match(before) else "list"
    if before == "=" or (inside and inside[-1].kind in ("call", "list")):
        return "list"
    chain = before == "[" and inside and inside[-1].kind in ("branches", "group")
    return "group" if before in STARTS or chain else "branches"


@dataclass(frozen=True)
class _Place:
    """Where a blank may stand: in front of the token at `index`.

    own: the kind of the bracket that token is; opened: of the one before it; kind: of the one around it
    """

    pieces: Sequence[Piece]
    index: int
    own: str
    opened: str
    kind: str
    equation: bool

    @property
    def before(self) -> Piece:
        return self.pieces[self.index - 1]

    @property
    def unary(self) -> bool:
        """Whether the operator before is a sign."""
        return self.index < 2 or self.pieces[self.index - 2].text in ("=", "(", "[", ",", *OPERATORS)

    @property
    def first_word(self) -> bool:
        """Whether the token before is the word of a step."""
        earlier = self.pieces[self.index - 2].text if self.index > 1 else ","
        return bool(_WORD.match(self.before.text)) and earlier in (*STARTS, "[")


def _blank(at: _Place) -> bool:
    """Whether a blank stands there; the first rule that says something holds."""
    before, here = at.before, at.pieces[at.index]
    rules = (
        (here.text in (",", ":", ")"), False),
        (here.text == "]", at.own == "branches"),
        (before.text == "(", False),
        (before.text == "[", at.opened == "branches"),
        (before.text == ",", at.kind != "list" or at.equation),
        (before.text in ("|", ":", "->"), True),
        ("=" in (before.text, here.text), at.equation and at.kind == ""),
        (before.kind == "BY", before.text == "×"),
        (here.kind == "BY", here.text == "×"),
        (before.kind == "TIMES", False),
        (before.text in OPERATORS, at.equation and not at.unary),
        (here.text in OPERATORS, at.equation),
        (here.text == "(" and bool(_WORD.match(before.text)), before.kind == "INPUT"),
        (here.text == "[" and at.own == "index", False),
        (here.text == "[", not at.first_word),
    )
    return next((blank for holds, blank in rules if holds), True)
