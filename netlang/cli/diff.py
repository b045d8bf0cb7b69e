"""`netlang diff A B`: what differs between two nets."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlang.cli.file import completed, json_option, opened, set_option, told
from netlang.draw.theme import THEMES

if TYPE_CHECKING:
    from netlang.report.compare import Comparison, Figure, Line, Pair

LAYERS = 6  # of one changed line that are shown; the others are counted
LABELS = {"macs": "MACs", "training_macs": "training MACs", "flops": "FLOPs", "backward_macs": "backward MACs"}
KINDS = (".svg", ".png", ".pdf", ".tex")


@click.command("diff")
@click.argument("a", metavar="A[:VARIANT]", shell_complete=completed)
@click.argument("b", metavar="B[:VARIANT]", shell_complete=completed)
@set_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Draw it too: x.svg, x.png, x.pdf or x.tex.")
@click.option("--theme", type=click.Choice(tuple(THEMES)), default="light", show_default=True, help="Of the drawing.")
@json_option
def command(a: str, b: str, settings: tuple[str, ...], output: Path | None, theme: str, as_json: bool) -> None:
    """What differs between the nets A and B, by the lines that differ, and between their figures.

    Layers are compared by what they compute: names, constants, blocks and defaults do not matter. Exit status 0 also
    where they differ. The drawing shows what is only in A in red, what is only in B in green.
    """
    from netlang.report.compare import compared

    if output is not None and output.suffix.lower() not in KINDS:
        raise click.UsageError(f"-o {output}: a difference is drawn as one of {', '.join(KINDS)}")
    with told(as_json):
        found = compared(opened(a, settings)[0], opened(b, settings)[0])
        if output is not None:
            _draw(found, (a, b), theme, output)
    click.echo(json.dumps(_data(found, a, b)) if as_json else "\n".join(_page(found, a, b)))


def _draw(found: "Comparison", titles: tuple[str, str], theme: str, output: Path) -> None:
    from netlang.draw.changes import scene
    from netlang.draw.render import painted
    from netlang.files import write

    kind = output.suffix.lower().removeprefix(".")
    write(output, painted(scene(found, titles), kind, THEMES[theme], " and ".join(titles)))


def _data(found: "Comparison", a: str, b: str) -> dict[str, Any]:
    from netlang.report.rows import plain

    def side(pair: "Pair", name: str) -> Any:
        place = getattr(pair, name)
        return None if place is None else {"line": place.line.number, **place.row.json()}

    return {
        "a": a,
        "b": b,
        "equal": found.equal,
        "figures": {f.name: {"a": plain(f.old), "b": plain(f.new)} for f in found.figures},
        "changes": [
            {
                "a": None if old is None else {"file": old.file, "line": old.number, "text": old.text},
                "b": None if new is None else {"file": new.file, "line": new.number, "text": new.text},
                "layers": [{"a": side(pair, "old"), "b": side(pair, "new")} for pair in pairs],
            }
            for (old, new), pairs in found.changes()
        ],
    }


def _page(found: "Comparison", a: str, b: str) -> Iterator[str]:
    if found.equal:
        yield f"{a} and {b} are the same net"
        return
    for (old, new), pairs in found.changes():
        yield from _lines(old, new)
        yield from (f"    {line}" for line in _layers(pairs))
        yield ""
    yield from _figures(found, a, b)


def _lines(old: "Line | None", new: "Line | None") -> Iterator[str]:
    """The line of each file; once where both say the same."""
    if old and new and old.text == new.text:
        yield f"  {old.file}:{old.number}   {old.text}   (the same text: what differs stands elsewhere)"
        return
    for sign, line in (("-", old), ("+", new)):
        if line is not None:
            yield click.style(f"{sign} {line.file}:{line.number}   {line.text}", fg="red" if sign == "-" else "green")


def _layers(pairs: "tuple[Pair, ...]") -> Iterator[str]:
    rows = [_layer(pair) for pair in pairs]
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for row in rows[:LAYERS]:
        yield "   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if len(rows) > LAYERS:
        yield f"… and {len(rows) - LAYERS} more layers"


def _layer(pair: "Pair") -> tuple[str, str, str]:
    """Name, layer and output, of both where they differ."""
    from netlang.types import shown

    both = [place.row for place in (pair.old, pair.new) if place is not None]
    names = dict.fromkeys(row.name for row in both)
    layers = dict.fromkeys(f"{row.layer} {row.activation or ''}".strip() for row in both)
    shapes = dict.fromkeys(shown(("n", *row.output)) for row in both)
    sign = "only in A: " if pair.new is None else "only in B: " if pair.old is None else ""
    return sign + " -> ".join(names), " -> ".join(layers), " -> ".join(shapes)


def _figures(found: "Comparison", a: str, b: str) -> Iterator[str]:
    rows = [("", a, b, "difference")]
    for figure in found.figures:
        if figure.name.startswith("training_") and not _sided(found, figure):
            continue
        name = LABELS.get(figure.name, figure.name.replace("_", " "))
        rows.append((name, _shown(figure.old), _shown(figure.new), _change(figure)))
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    for name, *cells in rows:
        yield "   ".join([f"{name:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(cells, widths[1:], strict=True))])


def _sided(found: "Comparison", figure: "Figure") -> bool:
    """Whether a figure of training differs from that of the net as it runs."""
    plain = next(f for f in found.figures if f.name == figure.name.removeprefix("training_"))
    return bool((plain.old, plain.new) != (figure.old, figure.new))


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return "x".join(map(str, value)) if isinstance(value, tuple) else f"{value:,}"


def _change(figure: "Figure") -> str:
    if figure.old == figure.new:
        return "none"
    if isinstance(figure.old, tuple) or isinstance(figure.new, tuple) or None in (figure.old, figure.new):
        return ""
    change = f"{figure.new - figure.old:,}"
    return change if change.startswith("-") else f"+{change}"
