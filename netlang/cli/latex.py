"""`netlang latex FILE`: the equations of what is compiled, forward and backward."""

import json
from pathlib import Path

import click

from netlang.cli.file import file_argument, json_option, set_option
from netlang.cli.nets import opened, plainly

PASSES = ("forward", "both")
SIZES = (32, 64, 224, 512)  # that are tried for what a file leaves open


@click.command("latex")
@file_argument
@set_option
@click.option("--pass", "which", type=click.Choice(PASSES), default="both", show_default=True)
@click.option("--document", is_flag=True, help="A whole document; else what stands in one, for \\input.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file instead of the terminal.")
@json_option
def command(
    file: str, settings: tuple[str, ...], which: str, document: bool, output: Path | None, as_json: bool
) -> None:
    """Print the equations of a net as LaTeX, layer by layer: those that are compiled for training.

    A size that the file leaves open is chosen if --set does not; the first line says so.

    y: what a layer makes; z: what leads to it; a bar: the gradient of the loss L by what stands under it.
    """
    with plainly(as_json):
        from netlang.check import suited
        from netlang.differentiate import differentiate
        from netlang.files import write
        from netlang.lower import lower
        from netlang.pipeline import refuse_unready
        from netlang.report.equations import equations, page

        net, sizes = suited(opened(file, settings).checked, SIZES)
        refuse_unready(net, "gradients")
        graph = lower(net, training=True)
        found = list(equations(differentiate(graph) if which == "both" else graph))
        text = page(found, document=document, sizes=sizes)
        if output is not None:
            write(output, f"{text}\n".encode())
    if as_json:
        click.echo(json.dumps({"sizes": sizes, "equations": [vars(each) for each in found]}))
    elif output is None:
        click.echo(text)
