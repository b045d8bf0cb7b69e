"""Blocks as one row: `netlang summary --depth 1`."""

from dataclasses import replace
from itertools import groupby

from netlang.diagnostics import count
from netlang.report.rows import Row, Summary, total


def folded(found: Summary, depth: int) -> Summary:
    """The summary with everything deeper than `depth` names in one row: a block, with the sums of its layers."""
    groups = groupby(found.layers, key=lambda row: row.path[:depth])
    return replace(found, layers=tuple(_row(path, list(rows)) for path, rows in groups))


def _row(path: tuple[str, ...], rows: list[Row]) -> Row:
    """The row of some layers of one block, in the order of the text."""
    if len(rows) == 1:
        return rows[0]
    last = rows[-1]
    return replace(
        last,
        name=".".join(path),
        path=path,
        layer=count(len(rows), "layer"),
        line=rows[0].line,
        parameters=sum(row.parameters for row in rows),
        trainable=sum(row.trainable for row in rows),
        **{name: total(getattr(row, name) for row in rows) for name in SUMMED},
    )


SUMMED = ("macs", "flops", "backward_macs", "backward_flops", "counted", "memory")
