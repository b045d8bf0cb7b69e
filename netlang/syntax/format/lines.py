"""Tokens and comments of a file, statement by statement."""

from collections.abc import Iterator
from dataclasses import replace

import lark

from netlang.record import dataclass
from netlang.source import Source
from netlang.syntax.grammar import parser
from netlang.syntax.layout import TAB

CELL = "cell"
Above = tuple[tuple[int, str] | None, ...]


@dataclass(frozen=True)
class Piece:
    """One token.

    kind: the grammar's name for it; broken: whether a line ends in front of it, inside the statement
    above: comments on lines of their own between the token before and this one; beside: the comment to its right
    """

    text: str
    kind: str
    broken: bool = False
    above: tuple[str, ...] = ()
    beside: str = ""


@dataclass(frozen=True)
class Statement:
    """A statement, or a line of a body. The last of a file has no pieces: it holds the comments at the end.

    level: how deep it is indented, from 0
    above: the comments in front of it, each with its level; None is an empty line
    equation: whether it is a constant, or a line of a cell that computes
    """

    level: int
    pieces: tuple[Piece, ...]
    above: Above
    equation: bool = False


@dataclass(frozen=True)
class _Line:
    """The tokens of a statement, and the level of its indentation."""

    level: int
    tokens: list[lark.Token]


def statements(source: Source) -> Iterator[Statement]:
    """The statements of a file that can be read."""
    text, end, body = source.text, 0, ""
    columns: list[int] = []  # where each level of indentation stands in this file, up to that of the line before
    for line in _lines(text):
        before = _between(text, end, line.tokens[0])
        above = _comments(before[1:-1], columns, line.level)
        columns = [*columns[: line.level], _column(before[-1])]
        pieces, end = _pieces(text, line.tokens)
        body = body if line.level else str(line.tokens[0]).lower()
        equation = [str(token) for token in line.tokens[1:2]] == ["="] and (line.level == 0 or body == CELL)
        yield Statement(line.level, _bars_first(pieces), above, equation)
    rest = text[end:].split("\n")
    yield Statement(0, (), _comments(rest[1:] if end else rest, columns, 0))


def _lines(text: str) -> Iterator[_Line]:
    """The tokens as the parser takes them, line by line."""
    level, tokens = 0, list[lark.Token]()
    for token in parser()[0].parse_interactive(text + "\n").exhaust_lexer():
        if token.type == "_NL" and tokens:
            yield _Line(level, tokens)
            tokens = []
        elif token.type in ("_INDENT", "_DEDENT"):
            level += 1 if token.type == "_INDENT" else -1
        elif token.type != "_NL":
            tokens.append(token)


def _pieces(text: str, tokens: list[lark.Token]) -> tuple[list[Piece], int]:
    """The pieces of a line, and the offset behind the last one."""
    pieces: list[Piece] = []
    end = tokens[0].start_pos or 0
    for token in tokens:
        gap = _between(text, end, token) if pieces else [""]
        above = tuple(line.strip() for line in gap[1:-1] if line.strip())
        if pieces:
            pieces[-1] = replace(pieces[-1], beside=gap[0].strip() if len(gap) > 1 else "")
        pieces.append(Piece(str(token), token.type, len(gap) > 1, above))
        end = token.end_pos or 0
    line_end = text.find("\n", end)
    beside = text[end : line_end if line_end >= 0 else len(text)].strip()
    return [*pieces[:-1], replace(pieces[-1], beside=beside)], end


def _between(text: str, end: int, token: lark.Token) -> list[str]:
    """The lines between two tokens: what is left of the first's line, comments, and what stands before the second."""
    lines = text[end : token.start_pos].split("\n")
    return lines if end else ["", *lines]


def _comments(lines: list[str], columns: list[int], level: int) -> Above:
    """Comments keep their level: one that stands deeper than what follows belongs to the body before it.

    columns: of the levels, up to that of the line before; level: of the line that follows
    """
    found: list[tuple[int, str] | None] = []
    for line in lines:
        if not line.strip():
            found += [None] if not found or found[-1] is not None else []
            continue
        deeper = [k for k, column in enumerate(columns) if k > level and column <= _column(line)]
        found.append((max(deeper, default=level), line.strip()))
    return tuple(found)


def _column(indentation: str) -> int:
    text = indentation.expandtabs(TAB)
    return len(text) - len(text.lstrip())


def _bars_first(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Bars at the ends of lines, with their comments, at the starts of the next."""
    done = list(pieces)
    for k, piece in enumerate(pieces[:-1]):
        if piece.text == "|" and pieces[k + 1].broken:
            moved, kept = ("", piece.beside) if piece.broken else (piece.beside, "")
            done[k - 1] = replace(done[k - 1], beside=done[k - 1].beside or moved)
            done[k] = replace(piece, broken=True, above=(*piece.above, *pieces[k + 1].above), beside=kept)
            done[k + 1] = replace(done[k + 1], broken=bool(kept), above=())
    return tuple(done)
