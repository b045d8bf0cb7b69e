"""`netlang zoo`: the nets that ship with netlang, with what they cost."""

import json
from collections.abc import Iterator
from typing import Any

import click

from netlang.cli.file import json_option, told

LONGEST = 24  # letters of a formula that still fits its column
HEADS = ("net", "what", "parameters", "MACs", "source")


@click.command("zoo")
@json_option
def command(as_json: bool) -> None:
    """List the nets that ship with netlang; `netlang new x.net --from NET` copies one.

    `zoo/NET.net` may stand wherever a file is read. The indented rows are variants: `zoo/vgg.net:E`.
    """
    with told(as_json):
        rows = list(_rows())
        click.echo(json.dumps(rows) if as_json else "\n".join(_table(rows)))


def _rows() -> Iterator[dict[str, Any]]:
    """A row per net and variant; the first variant is the one that runs when none is named."""
    from netlang.catalogue import entries
    from netlang.check import check
    from netlang.check.counts import macs, parameters, running
    from netlang.syntax.parse import parse
    from netlang.syntax.read import read

    for entry in entries():
        tree = parse(read(entry.path))
        for variant in entry.variants or (None,):
            net = check(tree, variant=variant)
            run = running(net.graph, net.running())  # side heads are there in training only
            yield {
                "name": entry.name,
                "variant": variant,
                "what": entry.what,
                "parameters": parameters(net.graph, run),
                "macs": _number(macs(net.graph, run)),
                "source": entry.source,
                "file": f"zoo/{entry.name}.net",
            }


def _number(count: Any) -> int | str:
    """A count; where it depends on a size that is not fixed yet, as text: "20096*T"."""
    return count if isinstance(count, int) else str(count)


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    cells = [HEADS, *_cells(rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADS))]
    for row in cells:
        aligned = [
            f"{cell:>{width}}" if head in ("parameters", "MACs") else f"{cell:<{width}}"
            for head, cell, width in zip(HEADS, row, widths, strict=True)
        ]
        yield "  ".join(aligned).rstrip()


def _cells(rows: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    told: str | None = None
    for row in rows:
        first = row["name"] != told
        told = row["name"]
        numbers = (f"{row['parameters']:,}", _count(row["macs"]))
        if row["variant"] is None:
            yield row["name"], row["what"], *numbers, row["source"]
            continue
        if first:
            yield row["name"], row["what"], "", "", row["source"]
        yield f"  {row['name']}:{row['variant']}", "", *numbers, ""


def _count(macs: int | str) -> str:
    """A count for people; a long formula is left to `netlang summary`."""
    if isinstance(macs, int):
        return f"{macs:,}"
    return macs if len(macs) <= LONGEST else "by size"
