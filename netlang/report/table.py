"""The table of `netlang summary`: at most 100 columns where the net allows it."""

from collections.abc import Iterator

from netlang.diagnostics import columns
from netlang.record import dataclass
from netlang.report.fields import Jump
from netlang.report.rows import PAPER, Row, Summary
from netlang.types import Count, Dim, shown

WIDE = 100  # columns: a longer name or layer is cut so that the table fits
TEXTS = ("name", "layer", "act", "output")
CUT = {"layer": 14, "name": 10}  # what gives way, in this order, and the columns it keeps
Cells = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """The cells of the table, without columns that are empty.

    parts: the rows of the net as it runs, those that exist only while training, if any, and the totals
    """

    heads: Cells
    parts: tuple[tuple[Cells, ...], ...]


def table(found: Summary) -> Iterator[str]:
    """The lines of the table, the totals, and what they mean."""
    title = found.net + (f":{found.variant}" if found.variant else "")
    ends = ", ".join(shown(("n", *end.shape)) for end in found.inputs)
    yield f"{title}   input {ends}   batch {found.batch}"
    yield ""
    yield from _table(found)
    yield ""
    yield from totals(found)


def _table(found: Summary) -> Iterator[str]:
    grid = cells(found)
    widths = _widths(grid)

    def line(row: Cells) -> str:
        return "  ".join(map(_cell, row, widths, grid.heads)).rstrip()

    rule = "  ".join("─" * width for width in widths)
    yield line(grid.heads)
    for part in grid.parts:
        yield rule
        yield from map(line, part)


def cells(found: Summary) -> Grid:
    """What the table holds, as text."""
    counts = "MACs" if found.convention == PAPER else found.convention
    heads = ("name", "layer", "act", "output", "parameters", counts, "field", "jump", "memory")
    side = [_cells(row) for row in found.layers if row.side]
    memory = size(found.total("memory"))
    totals = [("total", "", "", "", _number(found.parameters), _number(found.total("counted")), "", "", memory)]
    if side:
        counted = _number(found.total("counted", training=True))
        memory = size(found.memory.activations)
        totals.append(("training", "", "", "", _number(found.training_parameters), counted, "", "", memory))
    parts = [part for part in ([_cells(row) for row in found.run], side, totals) if part]
    kept = [k for k in range(len(heads)) if k < 4 or any(row[k] for part in parts for row in part)]

    def shown_of(row: Cells) -> Cells:
        return tuple(row[k] for k in kept)

    return Grid(shown_of(heads), tuple(tuple(map(shown_of, part)) for part in parts))


def _widths(grid: Grid) -> list[int]:
    """Columns as wide as their cells, names and layers narrower where the table then fits `WIDE`."""
    rows = [grid.heads, *(row for part in grid.parts for row in part)]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    least = sum(min(width, CUT.get(head, width)) for head, width in zip(grid.heads, widths, strict=True))
    if least + 2 * (len(widths) - 1) > WIDE:
        return widths  # it is wider whatever gives way
    for head, kept in CUT.items():
        k = grid.heads.index(head)
        over = sum(widths) + 2 * (len(widths) - 1) - WIDE
        if over > 0:
            widths[k] = max(widths[k] - over, min(widths[k], kept))
    return widths


def _cell(text: str, width: int, head: str) -> str:
    """Of a long name the end is kept, of a long layer the start."""
    cut = columns(text) > width
    while cut and columns(text) >= width:
        text = text[1:] if head == "name" else text[:-1]
    if cut:
        text = f"…{text}" if head == "name" else f"{text}…"
    blank = " " * (width - columns(text))
    return text + blank if head in TEXTS else blank + text


def _cells(row: Row) -> Cells:
    return (
        row.name,
        row.layer,
        row.activation or "",
        shown(("n", *row.output)),
        _number(row.parameters),
        _number(row.counted),
        _sizes(row.receptive_field),
        _jump(row.jump),
        size(row.memory),
    )


def _sizes(field: tuple[Dim, ...] | None) -> str:
    return "x".join(map(str, field)) if field else ""


def _jump(jump: Jump | None) -> str:
    """One number where both axes have the same."""
    return "x".join(f"{float(j):g}" for j in ((jump[:1] if len(set(jump)) == 1 else jump) if jump else ()))


def _number(count: Count) -> str:
    """With commas; nothing for 0."""
    return f"{count:,}" if count != 0 else ""


def totals(found: Summary) -> Iterator[str]:
    """What stands below the table."""
    training = ""
    if found.training_parameters != found.parameters:
        training = f" ({found.training_macs:,} with side heads)"
    yield f"forward   {found.macs:,} MACs{training}, {found.flops:,} FLOPs per example"
    yield f"backward  {found.backward_macs:,} MACs, about {found.backward_flops:,} FLOPs per example"
    frozen = found.training_parameters - found.trainable
    yield f"weights   {size(found.memory.weights)}, their gradients as much again" + (
        f"; {frozen:,} of {found.training_parameters:,} parameters are frozen" if frozen else ""
    )
    yield f"memory    {size(found.memory.activations)} if every output is kept, as while training" + _arenas(found)


def _arenas(found: Summary) -> str:
    memory = found.memory
    if memory.arena is None:
        return ""
    training = "" if memory.training_arena is None else f", {memory.training_arena:,} bytes to train"
    whole = "" if memory.step is None else f"; a training step takes {memory.step:,} in all"
    return f"; planned: {memory.arena:,} bytes to run{training}{whole}"


def size(count: Count) -> str:
    """Bytes for people, with three digits: "120 KB" (1 KB = 1,000 bytes); a polynomial in full."""
    if not isinstance(count, int):
        return f"{count:,} B"
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= scale:
            value = count / scale
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"
    return f"{count} B"
