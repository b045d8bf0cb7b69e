"""`netlang draw FILE [-o x.svg]`: a net as a picture, or as text in the terminal."""

import json
from pathlib import Path

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told
from netlang.files import write
from netlang.graph import Net

KINDS = (".svg", ".png", ".pdf", ".dot", ".txt")


@click.command("draw")
@file_argument
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="x.svg, x.png, x.pdf, x.dot or x.txt.")
@click.option("--depth", type=click.IntRange(0), default=0, show_default=True, help="Open blocks so many deep.")
@click.option("--unroll", type=click.IntRange(1, 12), help="Draw so many steps of recurrent layers, not their loop.")
@click.option("--no-blocks", is_flag=True, help="Leave out the blocks that are drawn once beside the net.")
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    output: Path | None,
    depth: int,
    unroll: int | None,
    no_blocks: bool,
    as_json: bool,
) -> None:
    """Draw a net as its file writes it: a box per layer or block, copies as xN, shapes on the edges.

    Branches stand side by side, what skips over layers is drawn past them, and each block is drawn once beside the
    net. Without -o it is drawn in letters. SVG, PNG and PDF use Graphviz where it is installed, and need nothing else.
    """
    if output is not None and output.suffix.lower() not in KINDS:
        raise click.UsageError(f"-o {output}: a picture ends in {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    if unroll and (output is None or output.suffix.lower() == ".txt"):
        raise click.UsageError("--unroll draws steps beside one another: it needs -o x.svg, x.png, x.pdf or x.dot")
    with told(as_json):
        net, _ = opened(file, settings)
        kind = output.suffix.lower() if output else ".txt"
        data = _drawn(net, kind, depth, unroll or 0, blocks=not no_blocks)
        if output is not None:
            write(output, data)
    if as_json:
        known = {"net": net.name, "output": str(output)} if output else {"net": net.name, "text": data.decode()}
        click.echo(json.dumps(known))
    elif output is None:
        click.echo(data.decode(), nl=False)
    else:
        click.echo(f"drew {net.name} as {output}")


def _drawn(net: Net, kind: str, depth: int, unroll: int, blocks: bool) -> bytes:
    from netlang.draw.tree import picture

    found = picture(net, depth, blocks)
    if kind == ".txt":
        from netlang.draw.text import text

        return (text(found) + "\n").encode()
    from netlang.draw.dot import dot

    if kind == ".dot":
        return dot(found, unroll).encode()
    from netlang.draw.render import render

    return render(dot(found, unroll), kind[1:])
