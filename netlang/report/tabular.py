r"""Nets side by side as a table of LaTeX that fits the page of an `article`.

The largest type is taken in which the table is no wider than the text; if even footnotes' is too wide, cells go on
below at blanks, and figures are in millions. What is longer than a page is a `longtable`.
"""

from collections.abc import Iterable, Iterator, Sequence

from netlang.formula.latex import plain
from netlang.record import dataclass
from netlang.report.variants import Band, Variants, footing
from netlang.types import shown

PAGE = 345.0, 550.0  # points: \textwidth and \textheight of `article` at 10 points
SIZES = {"normalsize": 10.0, "small": 9.0, "footnotesize": 8.0, "scriptsize": 7.0, "tiny": 5.0}
LETTER = {"normalsize": 5.3, "small": 4.9, "footnotesize": 4.5, "scriptsize": 4.2, "tiny": 3.6}  # digits, and a little
ROW = 1.3  # of the type's size, from line to line
SIDES = {"normalsize": 12.0}  # points beside a column
NEAR = 6.0  # the same in smaller type
MILLION = 1_000_000

Figures = list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Grid:
    """The table in a type. room: letters of the columns, the outputs' first; figures: the rows below the layers"""

    size: str
    room: tuple[int, ...]
    figures: Figures

    @property
    def across(self) -> int:
        """The letters of a line across the columns of all nets."""
        return sum(self.room[1:]) + int((len(self.room) - 2) * _sides(self.size) / LETTER[self.size])

    def lines(self, cell: Sequence[str], room: int) -> list[str]:
        """The lines of a cell."""
        return [part for line in cell for part in _broken(line, room)]


def latex(found: Variants) -> str:
    r"""A `tabular`, or a `longtable` (package longtable): \multicolumn where all nets have the same."""
    grid = _grid(found)
    heads = rf"\hline {_row('output', [[name] for name in found.names], grid)[0]} \hline"
    rows = [*_bands(found, grid)]
    foot = [_row(head, [[part] for part in parts], grid) for head, parts in grid.figures]
    high = sum(count for _, count in (*rows, *foot)) * ROW * SIZES[grid.size]
    kind = "longtable" if high > PAGE[1] else "tabular"
    body = [
        rf"\begin{{{kind}}}{{l|{'|'.join('c' * len(found.names))}}}",
        heads + (r" \endhead" if kind == "longtable" else ""),
        *(text + r" \hline" for text, _ in rows),
        *(text for text, _ in foot),
        r"\hline",
        rf"\end{{{kind}}}",
    ]
    if grid.size != "normalsize":
        body = [rf"{{\{grid.size}\tabcolsep={NEAR / 2:g}pt", *body, "}"]
    return "\n".join([r"% \usepackage{longtable}", *body] if kind == "longtable" else body)


def _grid(found: Variants) -> Grid:
    """The largest type that fits unbroken, down to footnotes'; else the largest that fits broken."""
    exact, millions = footing(found), [_millions(*row) for row in footing(found)]
    sizes = list(SIZES)
    wants = _needs(found, exact, broken=False)
    for needs, figures, tried in (
        (wants, exact, sizes[:3]),
        (_needs(found, exact, broken=True), exact, sizes[:4]),
        (_needs(found, millions, broken=True), millions, sizes),
    ):
        for size in tried:
            room = _shared(needs, wants, size)
            if room is not None:
                return Grid(size, room, figures)
    return Grid(size, needs, figures)


def _millions(head: str, parts: list[str]) -> tuple[str, list[str]]:
    """A row of figures in millions where all are numbers of that size."""
    counts = [part.replace(",", "") for part in parts]
    if not all(count.isdecimal() and int(count) >= MILLION for count in counts):
        return head, parts
    return f"{head}, M", [f"{int(count) / MILLION:,.1f}" for count in counts]


def _shared(needs: tuple[int, ...], wants: tuple[int, ...], size: str) -> tuple[int, ...] | None:
    """The letters of each column: what it needs and, of what is left, up to what it wants; None if that is too wide."""
    left = int((PAGE[0] - _sides(size) * len(needs)) / LETTER[size]) - sum(needs)
    if left < 0:
        return None
    room = list(needs)
    while left and (short := [k for k, want in enumerate(wants) if room[k] < want]):
        for k in short[:left]:
            room[k] += 1
        left -= min(left, len(short))
    return tuple(room)


def _needs(found: Variants, figures: Figures, *, broken: bool) -> tuple[int, ...]:
    """The letters that each column takes; a line across goes into the last where it is wider than all."""

    def widest(texts: Iterable[str]) -> int:
        return max((len(part) for text in texts for part in (_broken(text, 0) if broken else [text])), default=0)

    apart = [band.cells for band in found.bands if not band.whole]
    needs = [max(map(len, [*(head for head, _ in figures), *map(_output, found.bands)]))]
    for k, name in enumerate(found.names):
        feet = [parts[k] for _, parts in figures]
        needs.append(widest([name, *(line for cells in apart for line in cells[k]), *feet]))
    across = widest(line for band in found.bands if band.whole for line in band.cells[0])
    needs[-1] += max(0, across - sum(needs[1:]))
    return tuple(needs)


def _bands(found: Variants, grid: Grid) -> Iterator[tuple[str, int]]:
    for band in found.bands:
        if band.whole:
            lines = grid.lines(band.cells[0], grid.across)
            said = rf"\multicolumn{{{len(found.names)}}}{{c}}{{{_stack(lines)}}}"
            yield rf"{plain(_output(band))} & {said} \\", len(lines)
        else:
            yield _row(_output(band), band.cells, grid)


def _row(head: str, cells: Sequence[Sequence[str]], grid: Grid) -> tuple[str, int]:
    """A row and how many lines it takes."""
    each = [grid.lines(cell, room) for cell, room in zip([[head], *cells], grid.room, strict=True)]
    return rf"{' & '.join(map(_stack, each))} \\", max(map(len, each))


def _stack(lines: Sequence[str]) -> str:
    r"""The lines of a cell below one another; `\\ [` would be a distance, not a bracket."""
    if len(lines) <= 1:
        return "".join(map(plain, lines))
    rows = r" \\ ".join(("{}" if line[:1] in "[*" else "") + plain(line) for line in lines)
    return rf"\begin{{tabular}}[c]{{@{{}}c@{{}}}}{rows}\end{{tabular}}"


def _broken(text: str, room: int) -> list[str]:
    """A text in lines of so many letters where it has blanks to break at."""
    lines: list[str] = []
    for part in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(part) <= room:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines


def _output(band: Band) -> str:
    return shown(("n", *band.output)) if band.output else ""


def _sides(size: str) -> float:
    return SIDES.get(size, NEAR)
