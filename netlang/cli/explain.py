"""`netlang explain FILE:LINE`: the arithmetic of one line."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from netlang.cli.file import completed, json_option, opened, set_option, told
from netlang.files import Problem

if TYPE_CHECKING:
    from netlang.graph import Net
    from netlang.report.explain import Explained


@click.command("explain")
@click.argument("place", metavar="FILE[:VARIANT]:LINE", shell_complete=completed)
@set_option
@json_option
def command(place: str, settings: tuple[str, ...], as_json: bool) -> None:
    """How the figures of one line of FILE come about, with the numbers put in.

    Output sizes, padding, parameters, MACs, FLOPs, receptive field and memory of each layer on the line, per example.
    Layers of several copies whose numbers are the same stand together. The figures are those of `netlang summary`.
    """
    from netlang.report.explain import explained

    file, line = divided(place)
    with told(as_json):
        net, _ = opened(file, settings)
        found = explained(net, line)
        if not found:
            raise Problem(nothing(net, file, line))
    if as_json:
        click.echo(json.dumps({"net": net.name, "line": line, "layers": [each.json() for each in found]}))
    else:
        click.echo("\n".join(_page(net, file, line, found)))


def divided(place: str) -> tuple[str, int]:
    """`vgg.net:D:12` as the file with its variant, and the line. Raises click.UsageError."""
    file, colon, line = place.rpartition(":")
    if not (colon and file and line.isdecimal() and line.isascii()):
        raise click.UsageError(f"`{place}` names no line; write the line behind a colon, as in `lenet.net:3`")
    return file, int(line)


def nothing(net: "Net", file: str, line: int) -> str:
    """Why there is nothing to say of a line, and which ones there are."""
    from netlang.report.explain import lines

    last = len(net.text.rstrip("\n").split("\n"))
    if not 1 <= line <= last:
        return f"`{file}` has {last} lines: there is no line {line}"
    near = sorted(lines(net), key=lambda other: (abs(other - line), other))[:1]
    return f"line {line} of `{file}` makes no layer; try line {near[0]}: `netlang explain {file}:{near[0]}`"


def _page(net: "Net", file: str, line: int, found: "tuple[Explained, ...]") -> Iterator[str]:
    yield f"{file}:{line}   {net.text.split(chr(10))[line - 1].strip()}"
    said: set[tuple[str, ...]] = set()
    for each in found:
        yield ""
        yield from _block(each, () if each.rule in said else each.rule)
        said.add(each.rule)


def _block(each: "Explained", rule: tuple[str, ...]) -> Iterator[str]:
    from netlang.report.explain import said
    from netlang.types import shown

    reads = ", ".join(shown(("n", *shape)) for shape in each.reads)
    yield f"{_names(each.names)}   {each.layer}   {f'{reads} -> ' if reads else ''}{shown(('n', *each.makes))}"
    yield from (f"  {line}" for line in rule)
    width = max((len(w.what) for w in each.workings), default=0)
    yield from (f"    {w.what:<{width}}  {said(w)}" for w in each.workings)


def _names(names: tuple[str, ...]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]}, {names[1]} and {len(names) - 2} more with the same numbers"
