"""Rows as text: labels, shapes, comments and the settings of variants in columns.

What stands in a column agrees between two empty lines. A row that is wide already takes no part, so that one long
line does not push all others to the right.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from netlang.syntax.format.rows import EMPTY, Row

WIDE = 64  # columns of a row up to which it takes part
STOP = 4  # shapes and comments start at a multiple of this: small changes leave the other rows as they are
GAP = 2  # blanks before a shape or comment, at least


def text(rows: list[Row]) -> str:
    """The whole file."""
    lines = [line for _, section in groupby(rows, key=lambda row: row == EMPTY) for line in _section(list(section))]
    return "".join(f"{line}\n" for line in lines)


def _section(rows: list[Row]) -> Iterator[str]:
    labelled = _joined(_tabled(rows), lambda row: row.label, lambda width: width + 1)
    shaped = _joined(labelled, lambda row: row.shape, _stop)
    return (row.code.rstrip() for row in _joined(shaped, lambda row: row.comment, _stop))


def _stop(width: int) -> int:
    return -(-(width + GAP) // STOP) * STOP


def _joined(rows: Iterable[Row], part: Callable[[Row], str], column: Callable[[int], int]) -> list[Row]:
    """The rows with one of their parts behind the code, in one column."""
    found = list(rows)
    at = column(max((len(row.code) for row in found if part(row) and len(row.code) <= WIDE), default=0))
    return [replace(row, code=_behind(row.code, part(row), at, column)) if part(row) else row for row in found]


def _behind(code: str, part: str, at: int, column: Callable[[int], int]) -> str:
    start = at if len(code) <= WIDE else len(code) + (GAP if column is _stop else 1)
    return code.ljust(start) + part


def _tabled(rows: list[Row]) -> Iterator[Row]:
    """Neighbours that make a table, their settings below one another."""
    for key, run in groupby(rows, key=lambda row: row.cells[0].split()[0].lower() if row.cells else ""):
        neighbours = list(run)
        yield from _table(neighbours) if key else neighbours


def _table(rows: list[Row]) -> Iterator[Row]:
    names = {tuple(cell.partition("=")[0] for cell in row.cells[1:]) for row in rows}
    columns = len(rows[0].cells) if len(names) == 1 else 1  # different settings: only the heads are alike
    widths = [max(len(row.cells[k]) for row in rows) for k in range(columns)]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row.cells, widths, strict=False)]
        yield replace(row, code=" ".join([*padded, *row.cells[columns:]]).rstrip())
