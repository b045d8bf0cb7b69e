"""`netlang fmt FILE...`: the canonical layout."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netlang.cli.file import as_data, complain, completed, json_option
from netlang.diagnostics import NetError
from netlang.files import Problem, there
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.source import Source

STDIN = "-"


@dataclass(frozen=True)
class Outcome:
    """What became of one file. text: its canonical layout; problem: why there is none"""

    name: str
    text: str = ""
    changed: bool = False
    problem: NetError | Problem | None = None

    def json(self) -> dict[str, object]:
        """For programs."""
        told: list[object] = []
        if isinstance(self.problem, NetError):
            told = [as_data(found) for found in self.problem.diagnostics]
        elif self.problem:
            told = [{"title": str(self.problem)}]
        return {"file": self.name, "changed": self.changed, "text": self.text, "errors": told}


@click.command("fmt")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, shell_complete=completed)
@click.option("--check", is_flag=True, help="Write nothing; name the files that would change, and exit with 1.")
@click.option("--stdout", "shown", is_flag=True, help="Write to the terminal instead of the file.")
@json_option
def command(files: tuple[str, ...], check: bool, shown: bool, as_json: bool) -> None:
    """Lay FILEs out in the one canonical way: blanks, indentation, and columns of `|`, `->` and comments.

    A folder stands for all .net files below it, `-` for standard input, which is answered on standard output. What a
    file means never changes; a file that cannot be read is left as it is.
    """
    found = [_outcome(name) for name in _named(files)]
    if not (check or shown):
        found = [_written(outcome) for outcome in found]
    if as_json:
        click.echo(json.dumps({"ok": _status(found, check) == 0, "files": [outcome.json() for outcome in found]}))
    else:
        for outcome in found:
            _tell(outcome, check, shown)
    sys.exit(_status(found, check))


def _named(files: tuple[str, ...]) -> list[str]:
    """The files of the command line, folders opened. Raises click.UsageError for a folder without any."""
    names: list[str] = []
    for file in files:
        inside = sorted(map(str, Path(file).rglob("*.net"))) if there(Path(file), Path.is_dir) else [file]
        if not inside:
            raise click.UsageError(f"there is no .net file in {file}")
        names += inside
    return names


def _outcome(name: str) -> Outcome:
    from netlang.syntax.format import formatted

    try:
        source, before = _read(name)
        text = formatted(source)
    except NetError as problem:
        return Outcome(name, problem=problem)
    return Outcome(name, text, before != text.encode())


def _read(name: str) -> "tuple[Source, bytes]":
    """A file or standard input, and its bytes. Raises NetError."""
    from netlang.syntax.read import content, decoded

    data = sys.stdin.buffer.read() if name == STDIN else content(name)
    return decoded("<stdin>" if name == STDIN else name, data), data


def _written(outcome: Outcome) -> Outcome:
    """Write a file that changes; the whole of it or nothing."""
    from netlang.syntax.read import rewrite

    if outcome.problem or not outcome.changed or outcome.name == STDIN:
        return outcome
    try:
        rewrite(outcome.name, outcome.text)
    except Problem as problem:
        return replace(outcome, changed=False, problem=problem)
    return outcome


def _tell(outcome: Outcome, check: bool, shown: bool) -> None:
    if isinstance(outcome.problem, NetError):
        complain(outcome.problem.diagnostics)
    elif outcome.problem:
        click.echo(f"error: {outcome.problem}", err=True)
    elif check:
        if outcome.changed:
            click.echo(f"would change {outcome.name}")
    elif shown or outcome.name == STDIN:
        click.echo(outcome.text, nl=False)
    elif outcome.changed:
        click.echo(f"changed {outcome.name}")


def _status(found: list[Outcome], check: bool) -> int:
    """1 if a file could not be read, or would change under `--check`."""
    return int(any(outcome.problem or (check and outcome.changed) for outcome in found))
