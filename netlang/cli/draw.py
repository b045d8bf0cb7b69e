"""`netlang draw FILE [-o x.svg]`: a net as a picture, or as text in the terminal."""

import json
from pathlib import Path
from typing import Any

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told
from netlang.draw import STYLES, Look, drawn
from netlang.draw.theme import THEMES
from netlang.files import Problem, write
from netlang.graph import Net
from netlang.layer import Layer

PAINTED = (".svg", ".png", ".pdf", ".tex")
KINDS = (*PAINTED, ".dot", ".txt")

APART = {  # options that say different things of what is drawn
    "--cell": ("--backward", "--style", "--legend", "--unroll", "--depth", "--no-blocks"),
    "--backward": ("--style", "--legend", "--unroll"),
    "--style volumes": ("--unroll",),  # which show what a layer makes of all steps
}


@click.command("draw")
@file_argument
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="x.svg, x.png, x.pdf, x.tex, x.dot or x.txt.")
@click.option("--style", type=click.Choice(STYLES), help="Boxes with text, or feature maps to scale.  [default: boxes]")
@click.option("--theme", type=click.Choice(tuple(THEMES)), help="auto: as the reader prefers.  [default: light]")
@click.option("--legend", is_flag=True, help="Say what the colours mean.")
@click.option("--depth", type=click.IntRange(0), default=0, show_default=True, help="Open blocks so many deep.")
@click.option("--unroll", type=click.IntRange(1, 12), help="Draw so many steps of recurrent layers, not their loop.")
@click.option("--no-blocks", is_flag=True, help="Leave out the blocks that are drawn once beside the net.")
@click.option("--cell", metavar="WORD|LINE", help="Draw one step of a recurrent layer, by its word or line.")
@click.option("--backward", is_flag=True, help="Draw the gradients beside the net.")
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Draw a net as its file writes it: a box per layer or block, copies as xN, shapes on the edges.

    Branches stand side by side, what skips over layers is drawn past them, and each block is drawn once beside the
    net. Without -o it is drawn in letters. .tex is a document in TikZ. `--style volumes` draws the feature maps as
    slanted boxes, as papers do, `--cell lstm` the gates of a layer, and `--backward` what the gradients are made from.
    """
    kind = output.suffix.lower() if output else ".txt"
    asked = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    asked += ["--style volumes"] if given["style"] == "volumes" else []
    _refuse(str(output) if output else None, kind, asked)
    look = Look(
        live="script", blocks=not given.pop("no_blocks"), **{name: value for name, value in given.items() if value}
    )
    with told(as_json):
        net, _ = opened(file, settings)
        data = _drawn(net, kind, look)
        if output is not None:
            write(output, data)
    if as_json:
        known = {"net": net.name, "output": str(output)} if output else {"net": net.name, "text": data.decode()}
        click.echo(json.dumps(known))
    elif output is None:
        click.echo(data.decode(), nl=False)
    else:
        click.echo(f"drew {net.name} as {output}")


def _refuse(output: str | None, kind: str, asked: list[str]) -> None:
    """Raise click.UsageError for options that a kind of picture does not have."""
    if kind not in KINDS:
        raise click.UsageError(f"-o {output}: a picture ends in {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    letters = ("--depth", "--no-blocks")
    known = {".txt": letters, ".dot": ("--theme", "--unroll", *letters)}.get(kind, asked)
    wrong = [option for option in asked if option.split()[0] not in known]
    if wrong:
        raise click.UsageError(f"{wrong[0].split()[0]} needs a picture: -o x.svg, x.png, x.pdf or x.tex")
    for one, others in APART.items():
        wrong = [option for option in asked if option in others]
        if one in asked and wrong:
            raise click.UsageError(f"{one} and {wrong[0]} do not go together")


def _drawn(net: Net, kind: str, look: Look) -> bytes:
    if look.unroll and not any(node.made_by.recurrence() for node in net.graph.made_by(Layer)):
        raise Problem(f"--unroll {look.unroll}: `{net.name}` has no recurrent layer")
    if kind in PAINTED:
        return drawn(net, kind[1:], look)
    from netlang.draw.tree import picture

    found = picture(net, look.depth, look.blocks)
    if kind == ".txt":
        from netlang.draw.text import text

        return (text(found) + "\n").encode()
    from netlang.draw.dot import dot

    return dot(found, look.unroll, THEMES[look.theme]).encode()
