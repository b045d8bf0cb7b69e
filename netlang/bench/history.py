"""Rows of files of measurements that were better before."""

from collections.abc import Iterator
from math import inf
from pathlib import Path

from netlang.files import Problem, read
from netlang.record import dataclass

DROP = 0.1  # of the best earlier ratio
COLUMNS = ("when", "net, batch", "mode", "netlang ms", "floor ms", "fastest peer", "its ms", "ratio")
PLACE = ("threads", "machine")  # columns that not every table has; behind a comma, what the machine could do then


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    ratio: against the peer; where there was none, the floor (if known) over netlang's time
    place: the file, the processor and how many threads, as far as they are told
    """

    when: str
    net: str
    mode: str
    peer: str
    ratio: float
    place: tuple[str, ...]

    @property
    def measured(self) -> tuple[str, str, bool, tuple[str, ...]]:
        """What rows that can be compared have in common: net and batch, mode, whether there was a peer, and where."""
        return self.net, self.mode, self.peer != "-", self.place

    @property
    def against(self) -> str:
        """What the ratio is against."""
        return "the floor" if self.peer == "-" else self.peer


def rows(path: Path) -> list[Row]:
    """The rows of all tables that `netlang bench --append` has written to a file, or to those of a folder.

    Raises Problem.
    """
    files = sorted(path.glob("*.md")) if path.is_dir() else [path]
    if found := [row for each in files for row in _rows(each)]:
        return found
    raise Problem(f"{path} has no row that `netlang bench --append` wrote: there is nothing to compare")


def _rows(path: Path) -> Iterator[Row]:
    columns = dict[str, int]()
    for line in text(path).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set(COLUMNS) <= set(cells):
            columns = {name: cells.index(name) for name in (*COLUMNS, *PLACE) if name in cells}
        elif line.startswith("|") and columns and not set(line) <= set("|-: "):
            yield _row(path, {name: cells[at] for name, at in columns.items() if at < len(cells)})
        elif not line.startswith("|"):
            columns = {}


def text(path: Path) -> str:
    """What stands in a file of measurements. Raises Problem."""
    try:
        return read(path).decode()
    except UnicodeDecodeError:
        raise Problem(f"{path} is not text: name a file of Markdown that `netlang bench --append` writes") from None


def _row(path: Path, cells: dict[str, str]) -> Row:
    try:
        alone = cells["ratio"] == "-"
        floor = 1.0 if cells["floor ms"] == "-" else float(cells["floor ms"])
        ratio = floor / float(cells["netlang ms"]) if alone else float(cells["ratio"])
        place = path.name, *(cells.get(name, "").partition(",")[0] for name in PLACE)
        row = Row(cells["when"], cells["net, batch"], cells["mode"], cells["fastest peer"], ratio, place)
    except (KeyError, ValueError, ZeroDivisionError):
        row = None
    if row is None or not 0 < row.ratio < inf:
        said = " | ".join(cells.values())
        raise Problem(f"{path}: a row is not one that `netlang bench --append` writes: {said}")
    return row


def dropped(found: list[Row]) -> list[str]:
    """What is worse now: of each net, batch and mode the last row, if it is 10 % below that machine's best before.

    Whoever is the fastest peer: that one has become faster is a way to fall behind.
    """
    best: dict[object, Row] = {}
    last: dict[object, tuple[Row, Row]] = {}
    for row in found:
        before = best.get(row.measured, row)
        last[row.measured] = before, row
        best[row.measured] = max(before, row, key=lambda each: each.ratio)
    return [_said(before, now) for before, now in last.values() if now.ratio < (1 - DROP) * before.ratio]


def _said(before: Row, now: Row) -> str:
    lost = 1 - now.ratio / before.ratio
    other = f" against {before.against}" if before.against != now.against else ""
    where = f" ({now.place[-1]})" if now.place[-1] else ""
    return (
        f"{now.net}, {now.mode}, against {now.against}: {now.ratio:.2f} on {now.when}, "
        f"{lost:.0%} below {before.ratio:.2f}{other} on {before.when}{where}"
    )
