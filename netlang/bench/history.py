"""Rows of a file of measurements that were better before."""

from dataclasses import dataclass
from pathlib import Path

from netlang.files import Problem, read

DROP = 0.1  # of the best earlier ratio
COLUMNS = ("when", "net, batch", "mode", "netlang ms", "floor ms", "fastest peer", "its ms", "ratio")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. ratio: against the peer; where there was none, the floor (if known) over netlang's time."""

    when: str
    net: str
    mode: str
    peer: str
    ratio: float

    @property
    def measured(self) -> tuple[str, str, str]:
        """What rows that can be compared have in common: net and batch, mode, peer."""
        return self.net, self.mode, self.peer


def rows(path: Path) -> list[Row]:
    """The rows of all tables that `netlang bench --append` has written to a file. Raises Problem."""
    found, columns = [], dict[str, int]()
    for line in read(path).decode().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set(COLUMNS) <= set(cells):
            columns = {name: cells.index(name) for name in COLUMNS}
        elif line.startswith("|") and columns and not set(line) <= set("|-: "):
            found.append(_row(path, {name: cells[at] for name, at in columns.items() if at < len(cells)}))
        elif not line.startswith("|"):
            columns = {}
    return found


def _row(path: Path, cells: dict[str, str]) -> Row:
    try:
        alone = cells["ratio"] == "-"
        floor = 1.0 if cells["floor ms"] == "-" else float(cells["floor ms"])
        ratio = floor / float(cells["netlang ms"]) if alone else float(cells["ratio"])
        return Row(cells["when"], cells["net, batch"], cells["mode"], cells["fastest peer"], ratio)
    except (KeyError, ValueError, ZeroDivisionError):
        raise Problem(
            f"{path}: a row is not one that `netlang bench --append` writes: {' | '.join(cells.values())}"
        ) from None


def dropped(found: list[Row]) -> list[str]:
    """What is worse now: for each net, batch, mode and peer the last row, if it is 10 % below the best before."""
    best: dict[tuple[str, str, str], Row] = {}
    last: dict[tuple[str, str, str], tuple[Row, Row]] = {}
    for row in found:
        before = best.get(row.measured, row)
        last[row.measured] = before, row
        best[row.measured] = max(before, row, key=lambda each: each.ratio)
    return [_said(before, now) for before, now in last.values() if now.ratio < (1 - DROP) * before.ratio]


def _said(before: Row, now: Row) -> str:
    against = "the floor" if now.peer == "-" else now.peer
    lost = 1 - now.ratio / before.ratio
    return (
        f"{now.net}, {now.mode}, against {against}: {now.ratio:.2f} on {now.when}, "
        f"{lost:.0%} below {before.ratio:.2f} on {before.when}"
    )
