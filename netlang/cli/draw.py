"""`netlang draw FILE [-o x.svg]`: a net as a picture, or as text in the terminal."""

import json
import sys
from pathlib import Path

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told
from netlang.graph import Net

KINDS = (".svg", ".png", ".pdf", ".dot", ".txt")


@click.command("draw")
@file_argument
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="x.svg, x.png, x.pdf, x.dot or x.txt.")
@json_option
def command(file: str, settings: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Draw a net: a box per line, shapes on the edges, branches side by side.

    Without -o it is drawn in letters. SVG, PNG and PDF use Graphviz where it is installed, and need nothing else.
    """
    if output is not None and output.suffix.lower() not in KINDS:
        raise click.UsageError(f"-o {output}: a picture ends in {', '.join(KINDS[:-1])} or {KINDS[-1]}")
    with told(as_json):
        net, _ = opened(file, settings)
        data = _drawn(net, output.suffix.lower() if output else ".txt")
    if output is not None:
        _write(output, data)
    if as_json:
        known = {"net": net.name, "output": str(output)} if output else {"net": net.name, "text": data.decode()}
        click.echo(json.dumps(known))
    elif output is None:
        click.echo(data.decode(), nl=False)
    else:
        click.echo(f"drew {net.name} as {output}")


def _drawn(net: Net, kind: str) -> bytes:
    from netlang.draw.tree import picture

    found = picture(net)
    if kind == ".txt":
        from netlang.draw.text import text

        return (text(found) + "\n").encode()
    from netlang.draw.dot import dot

    if kind == ".dot":
        return dot(found).encode()
    from netlang.draw.render import RenderError, render

    try:
        return render(dot(found), kind[1:])
    except RenderError as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(1)


def _write(output: Path, data: bytes) -> None:
    try:
        output.write_bytes(data)
    except OSError as problem:
        click.echo(f"error: {output} cannot be written: {problem.strerror}", err=True)
        sys.exit(1)
