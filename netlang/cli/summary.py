"""`netlang summary FILE`: a row per layer."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from netlang.cli.file import file_argument, json_option, opened, set_option, told

if TYPE_CHECKING:
    from netlang.graph import Net
    from netlang.report import Summary

AS = ("paper", "thop", "ptflops", "fvcore")  # as netlang/report/conventions.py has them; a test compares


@click.command("summary")
@file_argument
@set_option
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Examples at once, for the memory.")
@click.option("--depth", type=click.IntRange(1), help="Fold blocks: 1 shows the steps of the file itself.")
@click.option(
    "--as", "convention", type=click.Choice(AS), default=AS[0], show_default=True, help="Count as this tool does."
)
@click.option("--plan", "planned", is_flag=True, help="Plan the memory too: the bytes that running and training take.")
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    batch: int,
    depth: int | None,
    convention: str,
    planned: bool,
    as_json: bool,
) -> None:
    """Shapes, parameters, MACs, receptive field and memory of each layer, and the totals.

    field: the pixels of the input that one output sees; jump: how far apart two neighbours look; memory: of the
    layer's outputs. `docs/commands.md` says what every figure counts.
    """
    from netlang.report import folded, summary

    with told(as_json):
        net, _ = opened(file, settings)
        found = summary(net, batch, convention)
        if depth is not None:
            found = folded(found, depth)
        if planned:
            found = with_plan(found, net)
        click.echo(json.dumps(found.json()) if as_json else str(found))


def with_plan(found: "Summary", net: "Net") -> "Summary":
    """The summary with the bytes that a run and a training step take for all values. Raises NetError."""
    from netlang.pipeline import compile_plan
    from netlang.primitives.launch import Target

    target = Target("any", "f32", ((1, 1),), 1)  # where values lie depends on no machine
    run, step = (compile_plan(net, purpose, target, found.batch).plan.arenas for purpose in ("evaluate", "train"))
    planned = replace(found.memory, arena=run["values"], training_arena=step["values"], step=sum(step.values()))
    return replace(found, memory=planned)
