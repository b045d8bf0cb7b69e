"""`netlang table FILE...`: nets side by side, as papers print variants."""

import json
from typing import TYPE_CHECKING, Any

import click

from netlang.cli.file import completed, constants, json_option, set_option, told

if TYPE_CHECKING:
    from netlang.graph import Net
    from netlang.report.variants import Variants

FORMS = ("text", "markdown", "latex")


@click.command("table")
@click.argument("files", metavar="FILE[:VARIANT]...", nargs=-1, required=True, shell_complete=completed)
@set_option
@click.option("--as", "form", type=click.Choice(FORMS), default=FORMS[0], show_default=True, help="For which page.")
@json_option
def command(files: tuple[str, ...], settings: tuple[str, ...], form: str, as_json: bool) -> None:
    """Print nets side by side as one table: all variants of a FILE, the smallest first, or the one named; also of
    several files.

    Steps of the file are rows, blocks written out and counted; what all nets have goes across. weight layers: those
    with matrices or filters on the longest way through the net, which is its depth as papers have it.
    """
    from netlang.check import check
    from netlang.check import files as written
    from netlang.layer import Weight
    from netlang.report import tabular, variants
    from netlang.syntax.parse import parse
    from netlang.syntax.read import divided, read

    with told(as_json):
        nets: list[Net] = []
        for file in files:
            path, variant = divided(file)
            tree = parse(read(path))
            every: list[str | None] = [*written.variants(tree)] or [None]
            chosen = [variant] if variant is not None else every
            made = [check(tree, variant=name, settings=constants(settings)) for name in chosen]
            nets += sorted(made, key=lambda net: sum(node.type.size for node in net.graph.made_by(Weight)))
        found = variants.side_by_side(nets, [_name(net, alone=len(files) == 1) for net in nets])
    page = {"text": variants.text, "markdown": variants.markdown, "latex": tabular.latex}[form]
    click.echo(json.dumps(_data(found)) if as_json else page(found))


def _name(net: "Net", *, alone: bool) -> str:
    if net.variant is None:
        return net.name
    return net.variant if alone else f"{net.name}:{net.variant}"


def _data(found: "Variants") -> dict[str, Any]:
    from netlang.report.rows import plain

    columns = zip(found.names, found.depths, found.parameters, found.macs, strict=True)
    return {
        "nets": [
            {"name": name, "weight_layers": depth, "parameters": parameters, "macs": plain(macs)}
            for name, depth, parameters, macs in columns
        ],
        "rows": [
            {"output": plain(band.output), "across": band.whole, "cells": [list(cell) for cell in band.cells]}
            for band in found.bands
        ],
    }
