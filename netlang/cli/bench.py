"""`netlang bench FILE`: how fast, beside PyTorch and beside what the machine can do."""

import json
from datetime import date
from pathlib import Path

import click

from netlang.backend.limits import thread_count
from netlang.cli.file import file_argument, set_option
from netlang.cli.nets import opened, plainly
from netlang.diagnostics import either
from netlang.net import LARGEST_BATCH

MODES = ("train", "infer")
PEERS = ("torch", "onnxruntime")
INSTALL = "{} is not installed, and left out: pip install 'netlang[reference]'"


@click.command("bench")
@file_argument
@set_option
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), default=64, show_default=True, help="Examples per call."
)
@click.option("--mode", default="train,infer", show_default=True, help="A training step, a forward pass, or both.")
@click.option("--against", default="torch,onnxruntime", show_default=True, help="The peers, or none.")
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
    """Time a net: contenders take turns, the median counts, the fastest peer in its fastest mode is the measure.

    ratio = the fastest peer's median / netlang's; above 1, netlang is faster.
    """
    modes, asked = _chosen(mode, MODES, "--mode"), () if against == "none" else _chosen(against, PEERS, "--against")
    with plainly(as_json):
        from netlang.bench import compare, limits, peers, runtime

        net = opened(file, settings)
        there = {"torch": peers.available, "onnxruntime": runtime.available}
        wanted = tuple(name for name in asked if there[name]())
        for name in asked:
            if name not in wanted:
                click.echo(f"note: {INSTALL.format(name)}", err=True)
        count = thread_count(threads)
        machine = limits.measure(count)
        comparison = compare.compare(net, batch, modes, wanted, count, repeat, machine)
        if rows is not None:
            compare.append(rows, comparison, date.today().isoformat())
    click.echo(json.dumps(comparison.as_json()) if as_json else compare.table(comparison))


def _chosen(text: str, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    if any(name not in known for name in found) or len(set(found)) < len(found):
        raise click.BadParameter(f"`{text}`: it may be {either([*known, ','.join(known)])}", param_hint=option)
    return found
