"""A statement as rows: branches one below the other where the author broke them, comments where they were."""

from collections.abc import Iterator

from netlang.record import dataclass
from netlang.syntax.format.lines import Above, Piece, Statement
from netlang.syntax.format.spacing import Spaced, spaced

INDENT = 4
TABLES = ("variant", "expect")  # statements that stand below one another in columns


@dataclass(frozen=True)
class Row:
    """One line, in the parts that stand in columns of their own.

    code: with its indentation; cells: the parts of `code`, for statements that make a table
    """

    code: str
    label: str = ""
    shape: str = ""
    comment: str = ""
    cells: tuple[str, ...] = ()


EMPTY = Row("")


def laid(statement: Statement) -> Iterator[Row]:
    """The rows of a statement, with the comments above it."""
    yield from _above(statement.above)
    if statement.pieces:
        yield from _Rows(statement).rows()


def trimmed(rows: list[Row]) -> list[Row]:
    """Without empty rows at both ends, behind the head of a body, and behind one another."""
    done: list[Row] = []
    for row in rows:
        if row == EMPTY and (not done or done[-1] == EMPTY or done[-1].code.endswith(":")):
            continue
        done.append(row)
    return done[:-1] if done and done[-1] == EMPTY else done


def _above(above: Above) -> Iterator[Row]:
    for comment in above:
        yield Row(" " * (INDENT * comment[0]) + comment[1]) if comment else EMPTY


class _Rows:
    """The rows of one statement as they grow. columns: where the content of each open bracket stands."""

    def __init__(self, statement: Statement) -> None:
        self.indent = INDENT * statement.level
        self.places = spaced(statement)
        self.broken = _broken(self.places)
        self.done: list[Row] = []
        self.line = " " * self.indent
        self.columns: dict[int, int] = {}

    def rows(self) -> Iterator[Row]:
        """All rows. The label and the shape at the end are parts of the last one."""
        code, label, shape = _parts(self.places)
        before: Piece | None = None
        for index in range(code):
            self._add(index, before)
            before = self.places[index].piece
        last = self.places[-1].piece
        cells = _cells(self.places) if not self.done and label == shape == "" else ()
        self.done.append(Row(self.line, label, shape, last.beside, cells))
        return iter(self.done)

    def _add(self, index: int, before: Piece | None) -> None:
        place = self.places[index]
        piece = place.piece
        if before is not None and self._starts_line(index, before):
            self._end(before.beside)
            margin = self._margin(index)
            self.done += [Row(" " * margin + comment) for comment in piece.above]
            self.line = " " * margin
        elif before is not None and place.blank:
            self.line += " "
        if piece.text in ("(", "["):
            self.columns[index] = len(self.line)
        self.line += piece.text

    def _starts_line(self, index: int, before: Piece) -> bool:
        piece = self.places[index].piece
        if before.beside or piece.above:
            return True
        if piece.text == "|":
            return self.places[index].inside[-1].at in self.broken
        return piece.broken and before.text == ","

    def _margin(self, index: int) -> int:
        """Where a continued line starts: bars and closing brackets below their bracket, the rest below its content."""
        place = self.places[index]
        if place.piece.text in (")", "]"):
            return self.columns[_opening(self.places, index)]
        if not place.inside:
            return self.indent + INDENT
        innermost = place.inside[-1]
        if place.piece.text == "|":
            return self.columns[innermost.at]
        return self.columns[innermost.at] + (2 if innermost.kind == "branches" else 1)

    def _end(self, comment: str) -> None:
        self.done.append(Row(self.line, comment=comment))
        self.line = ""


def _broken(places: list[Spaced]) -> set[int]:
    """The brackets whose branches stand one below the other: those the author broke anywhere inside."""
    bars = {place.inside[-1].at for place in places if place.piece.text == "|" and place.inside}
    found: set[int] = set()
    for index, place in enumerate(places):
        piece = place.piece
        if piece.broken or piece.above or (index and places[index - 1].piece.beside):
            closed = {_opening(places, index)} if piece.text in (")", "]") else set()
            found |= {bracket.at for bracket in place.inside} | closed
    return bars & found


def _opening(places: list[Spaced], closing: int) -> int:
    """The index of the bracket that the one at `closing` closes."""
    inside = places[closing].inside
    return max(k for k in range(closing) if places[k].piece.text in ("(", "[") and places[k].inside == inside)


def _parts(places: list[Spaced]) -> tuple[int, str, str]:
    """How many tokens are code, the label behind them, and the shape behind that; all is code that comments split."""
    end = next((k for k, place in enumerate(places) if place.piece.text == "->"), len(places))
    if any(place.piece.above for place in places[end:]) or any(place.piece.beside for place in places[end - 1 : -1]):
        return len(places), "", ""
    shape = _text(places[end:])
    labelled = end > 1 and places[end - 1].piece.kind == "REFERENCE" and places[end - 2].piece.text not in ",:=|[("
    last = places[end - 1].piece
    whole = not (last.above or places[end - 2].piece.beside)
    if labelled and whole:
        return end - 1, last.text, shape
    return end, "", shape


def _text(places: list[Spaced]) -> str:
    return "".join((" " if k and place.blank else "") + place.piece.text for k, place in enumerate(places))


def _cells(places: list[Spaced]) -> tuple[str, ...]:
    """The columns of a statement that stands in a table: its head, then each of its settings."""
    heads = [k for k, place in enumerate(places[:4]) if place.piece.text == ":"]
    if places[0].piece.text.lower() not in TABLES or not heads:
        return ()
    head = heads[0] + 1
    starts = [k for k in range(head, len(places)) if places[k].blank and not places[k].inside]
    if starts[:1] != [head]:
        return ()
    ends = [*starts[1:], len(places)]
    return (_text(places[:head]), *(_text(places[a:b]) for a, b in zip(starts, ends, strict=True)))
