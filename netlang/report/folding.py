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
    return replace(
        rows[-1],
        name=".".join(path),
        path=path,
        layer=count(len(rows), "layer"),
        line=rows[0].line,
        parameters=sum(row.parameters for row in rows),
        trainable=sum(row.trainable for row in rows),
        macs=total(row.macs for row in rows),
        flops=total(row.flops for row in rows),
        backward_macs=total(row.backward_macs for row in rows),
        backward_flops=total(row.backward_flops for row in rows),
        counted=total(row.counted for row in rows),
        memory=total(row.memory for row in rows),
    )
