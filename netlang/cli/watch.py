"""`netlang watch FILE`: a page in the browser that follows the file as it is saved."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from netlang.cli.file import constants, file_argument, json_option, opened, set_option, told
from netlang.draw import STYLES, svg
from netlang.draw.theme import THEMES
from netlang.files import write
from netlang.graph import Net


@click.command("watch")
@file_argument
@set_option
@click.option("--style", type=click.Choice(STYLES), default=STYLES[0], show_default=True, help="As in `netlang draw`.")
@click.option("--theme", type=click.Choice(tuple(THEMES)), default="auto", show_default=True)
@click.option("--depth", type=click.IntRange(0), default=0, show_default=True, help="Open blocks so many deep.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of this machine; a free one, if not said.")
@click.option("--no-browser", is_flag=True, help="Only say where the page is.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the page as a file, x.html, and end.")
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    style: str,
    theme: str,
    depth: int,
    port: int,
    no_browser: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show messages, drawing and summary of a net in the browser, and follow its file as it is saved.

    The files that it uses are followed too. While the file is wrong, the last right drawing stays, pale. The page is
    for browsers of this machine alone and needs no network. Ctrl-C ends it.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--out {out}: a page ends in .html")
    constants(settings)
    draw = partial(svg, depth=depth, style=style, theme=theme, live="script")
    with told(as_json):
        if out is None:
            _serve(file, settings, draw, port, not no_browser, as_json)
        else:
            _written(file, settings, draw, out)
            known = json.dumps({"file": file, "output": str(out)})
            click.echo(known if as_json else f"wrote {out}")


def _written(file: str, settings: tuple[str, ...], draw: Callable[[Net], str], out: Path) -> None:
    """The page of a right file."""
    from netlang.report import summary
    from netlang.watch.follow import View
    from netlang.watch.page import page

    net, notes = opened(file, settings)
    view = View(file, notes, drawing=draw(net), figures=summary(net))
    write(out, page(view, live=False).encode())


def _serve(
    file: str, settings: tuple[str, ...], draw: Callable[[Net], str], port: int, browser: bool, as_json: bool
) -> None:
    from netlang.syntax.read import divided, read
    from netlang.watch.follow import Follower
    from netlang.watch.server import Server

    read(divided(file)[0])  # what is wrong in it shows on the page; that it is not there is told here
    follower = Follower(file, partial(opened, file, settings), draw)
    with Server(follower, port) as server:
        click.echo(
            json.dumps({"file": file, "url": server.url}) if as_json else f"{server.url} shows {file}; Ctrl-C ends"
        )
        if browser:
            _open(server.url)
        server.serve_forever()


def _open(url: str) -> None:
    """Open a browser with windows: one of letters would take the terminal."""
    import webbrowser

    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
