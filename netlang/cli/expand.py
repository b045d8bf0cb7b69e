"""`netlang expand FILE`: everything that goes without saying, said."""

import json

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told


@click.command("expand")
@file_argument
@set_option
@click.option("--all", "every", is_flag=True, help="Write settings too that have their defaults.")
@json_option
def command(file: str, settings: tuple[str, ...], every: bool, as_json: bool) -> None:
    """The net of FILE without defaults, blocks, repeats and constants, as text that means the same net.

    Each layer has its padding, bias and activation, a projection past a residual is a branch of its own, and each line
    has its shape. Names of layers, and so of weights, are other ones.
    """
    from netlang.expand import Text, expanded

    with told(as_json):
        net, _ = opened(file, settings)
        text = expanded(net, every)
        known = {"net": net.name, "variant": net.variant, "text": text}
        click.echo(json.dumps(known | {"layers": Text(net, every).json()}) if as_json else text, nl=as_json)
