"""`netlang summary FILE`: a row per layer."""

import json

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told


@click.command("summary")
@file_argument
@set_option
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Examples at once, for the memory.")
@json_option
def command(file: str, settings: tuple[str, ...], batch: int, as_json: bool) -> None:
    """Shapes, parameters, MACs, receptive field and memory of each layer, and the totals."""
    from netlang.report import summary

    with told(as_json):
        net, _ = opened(file, settings)
        found = summary(net, batch)
        click.echo(json.dumps(found.json()) if as_json else str(found))
