"""What the commands share that read a net: `FILE[:VARIANT]`, `--set`, and how a wrong file is told."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from netlang.diagnostics import Diagnostic, NetError, render
from netlang.files import Problem
from netlang.graph import Net

F = TypeVar("F", bound=Callable[..., Any])


def file_argument(command: F) -> F:
    """`FILE[:VARIANT]`."""
    return click.argument("file", metavar="FILE[:VARIANT]", shell_complete=completed)(command)


def completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """What a shell completes a file to."""
    from netlang.cli.completion import files

    return files(ctx, param, incomplete)


def set_option(command: F) -> F:
    """`--set name=value`, as often as wanted."""
    option = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a constant of the file.")
    return option(command)


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object, for programs.")(command)


def constants(settings: tuple[str, ...]) -> dict[str, str]:
    """The `name=value` of `--set` options. Raises click.UsageError."""
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise click.UsageError(f"--set {setting}: a constant is set as name=value")
    pairs = (setting.partition("=") for setting in settings)
    return {name.strip(): value.strip() for name, _, value in pairs}


def opened(file: str, settings: tuple[str, ...] = ()) -> tuple[Net, tuple[Diagnostic, ...]]:
    """The checked net of a file, and the notes on it. Raises NetError or click.UsageError."""
    from netlang.check import checked
    from netlang.syntax.parse import parse
    from netlang.syntax.read import divided, read

    path, variant = divided(file)
    return checked(parse(read(path)), variant=variant, settings=constants(settings))


@contextmanager
def told(as_json: bool = False) -> Iterator[None]:
    """Tell a NetError or a Problem on stderr, or as JSON on stdout, and leave with exit status 1."""
    try:
        yield
    except NetError as problem:
        if as_json:
            click.echo(json.dumps({"ok": False, "errors": [as_data(found) for found in problem.diagnostics]}))
        else:
            complain(problem.diagnostics)
        sys.exit(1)
    except Problem as problem:
        if as_json:
            found = {"code": "problem", "severity": "error", "title": str(problem)}
            click.echo(json.dumps({"ok": False, "errors": [found]}))
        else:
            click.echo(f"error: {problem}", err=True)
        sys.exit(1)


def complain(found: tuple[Diagnostic, ...]) -> None:
    """Print diagnostics on stderr, in colour on a terminal."""
    text = "\n\n".join(render(problem, colour=colourful()) for problem in found)
    click.echo(text, err=True)


def colourful() -> bool:
    """Whether stderr shows colours: a terminal, and nothing in the environment against it."""
    import os

    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def as_data(found: Diagnostic) -> dict[str, Any]:
    """A diagnostic for programs; lines and columns count from 1."""
    span = found.at.span
    line, column = span.source.position(span.start)
    return {
        "code": found.code,
        "severity": found.severity,
        "title": found.title,
        "file": span.source.name,
        "line": line,
        "column": column,
        "length": span.end - span.start,
        "remark": found.at.text,
        "inside": list(found.inside),
        "help": found.help,
    }
