"""`netlang bench FILE`: how fast, beside PyTorch and beside what the machine can do."""

import json
from datetime import date
from pathlib import Path

import click

from netlang.backend.limits import thread_count
from netlang.cli.file import file_argument, set_option
from netlang.cli.nets import opened, plainly
from netlang.net import LARGEST_BATCH

MODES = ("train", "infer")
INSTALL = "PyTorch is not installed, so netlang stands alone here: pip install 'netlang[reference]'"


@click.command("bench")
@file_argument
@set_option
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), default=64, show_default=True, help="Examples per call."
)
@click.option("--mode", default="train,infer", show_default=True, help="A training step, a forward pass, or both.")
@click.option("--against", type=click.Choice(["torch", "none"]), default="torch", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Threads of all; the processors there are, if not said.")
@click.option("--repeat", type=click.IntRange(3), default=7, show_default=True, help="Rounds; the median counts.")
@click.option("--append", "rows", type=click.Path(path_type=Path), help="Add a row to this Markdown file.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(
    file: str,
    settings: tuple[str, ...],
    batch: int,
    mode: str,
    against: str,
    threads: int | None,
    repeat: int,
    rows: Path | None,
    as_json: bool,
) -> None:
    """Time a net: contenders take turns, the median counts, PyTorch in its fastest mode is the measure.

    ratio = the fastest peer's median / netlang's; above 1, netlang is faster.
    """
    modes = _modes(mode)
    with plainly(as_json):
        from netlang.bench import compare, limits, peers

        net = opened(file, settings)
        wanted = against == "torch"
        if wanted and not peers.available():
            click.echo(f"note: {INSTALL}", err=True)
            wanted = False
        count = thread_count(threads)
        machine = limits.measure(count)
        comparison = compare.compare(net, batch, modes, wanted, count, repeat, machine)
        if rows is not None:
            compare.append(rows, comparison, date.today().isoformat())
    click.echo(json.dumps(comparison.as_json()) if as_json else compare.table(comparison))


def _modes(text: str) -> tuple[str, ...]:
    modes = tuple(part.strip() for part in text.split(","))
    wrong = [m for m in modes if m not in MODES]
    if wrong or len(set(modes)) < len(modes):
        raise click.BadParameter(f"`{text}`: it may be train, infer or train,infer", param_hint="--mode")
    return modes
