"""`netlang bench FILE`: how fast, beside PyTorch and beside what the machine can do."""

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click

from netlang.backend.limits import thread_count
from netlang.check.train import CHOICES
from netlang.cli.file import completed, constants, set_option
from netlang.cli.nets import device_option, opened, plainly, refuse_missing
from netlang.diagnostics import either
from netlang.net import LARGEST_BATCH

MODES = ("train", "infer")
PEERS = {"torch": "reference", "onnxruntime": "reference", "jax": "jax"}  # and the extra that installs each
NONE = "none"
INSTALL = "{} is not installed, and left out: pip install 'netlang[{}]'"


@click.command("bench")
@click.argument("file", metavar="FILE[:VARIANT]", required=False, shell_complete=completed)
@set_option
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), default=64, show_default=True, help="Examples per call."
)
@click.option("--mode", default="train,infer", show_default=True, help="A training step, a forward pass, or both.")
@click.option("--against", default=",".join(PEERS), show_default=True, help="The peers, or `none`.")
@device_option
@click.option(
    "--precision", type=click.Choice(CHOICES["precision"]), help="Of products, for all  [default: the file's, or fast]"
)
@click.option("--threads", type=click.IntRange(1), help="Threads of all; the processors there are, if not said.")
@click.option("--repeat", type=click.IntRange(3), default=7, show_default=True, help="Rounds; the median counts.")
@click.option("--quick", is_flag=True, help="Leave out memory and compiling, which are measured in processes apart.")
@click.option("--append", "rows", type=click.Path(path_type=Path), help="Add a row to this Markdown file.")
@click.option("--kernels", is_flag=True, help="Time products and kernels that move bytes, instead of a net.")
@click.option(
    "--history", type=click.Path(path_type=Path), help="Tell which rows of a file, or a folder, were better before."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(file: str | None, threads: int | None, kernels: bool, history: Path | None, **options: Any) -> None:
    """Time a net: contenders take turns, the median counts, the fastest peer in its fastest mode is the measure.

    ratio = the fastest peer's median / netlang's; above 1, netlang is faster.
    """
    if options["precision"] == "bf16" and options["on"] == "cpu":
        raise click.UsageError("--precision bf16 is of --device cuda: the CPU computes in float32")
    if (file is not None) + kernels + (history is not None) != 1:
        raise click.UsageError("give one of FILE, --kernels and --history")
    as_json = options["as_json"]
    with plainly(as_json):
        if history is not None:
            _history(history, as_json)
        elif kernels:
            _kernels(thread_count(threads), as_json)
        else:
            _compared(str(file), thread_count(threads), options)


def _compared(file: str, threads: int, options: dict[str, Any]) -> None:
    """Time a net beside its peers."""
    modes = _chosen(options["mode"], MODES, "--mode")
    asked = () if options["against"] == NONE else _chosen(options["against"], tuple(PEERS), "--against")
    net, on = opened(file, options["settings"]), options["on"]
    refuse_missing(on)
    from netlang.bench import alone, compare, history, jaxed, limits, peers, runtime
    from netlang.syntax.read import divided

    if options["rows"] is not None and options["rows"].exists():
        history.text(options["rows"])  # before anything is measured
    if on == "cuda":  # its peer is PyTorch on the same GPU
        asked = tuple(name for name in asked if name == "torch")
        if asked and peers.available() and not peers.available(on):
            click.echo("note: torch here is not made for CUDA, or finds no GPU, and is left out", err=True)
            asked = ()
    there = {"torch": peers.available, "onnxruntime": runtime.available, "jax": jaxed.available}
    for name in asked:
        if not there[name]():
            click.echo(f"note: {INSTALL.format(name, PEERS[name])}", err=True)
    wanted = tuple(name for name in asked if there[name]())
    machine = limits.measure(threads) if on == "cpu" else None
    path, variant = divided(file)

    def apart(mode: str, contenders: list[str], note: Callable[[str], None]) -> alone.Measured:
        settings = constants(options["settings"])
        request = alone.Request(str(path), variant, settings, options["batch"], mode, threads)
        return alone.measure(request, contenders, note)

    batch, repeat = options["batch"], options["repeat"]
    quick = options["quick"] or on == "cuda"  # memory is the process's, which says nothing of a GPU
    precision = options["precision"]
    found = compare.compare(
        net, batch, modes, wanted, threads, repeat, machine, None if quick else apart, on, precision, _tell
    )
    click.echo(json.dumps(found.as_json()) if options["as_json"] else compare.table(found))
    if options["rows"] is not None:  # last: what took minutes to measure is told even if the file cannot be written
        compare.append(options["rows"], found, date.today().isoformat())


def _tell(what: str) -> None:
    """Say what is under way to whoever waits at a terminal. In lines: a bar that moves takes a processor's time."""
    if sys.stderr.isatty():
        click.echo(f"{what} ...", err=True)


def _kernels(threads: int, as_json: bool) -> None:
    from netlang.bench import kernels, limits

    found = kernels.measure(threads, limits.measure(threads))
    click.echo(json.dumps(found.as_json()) if as_json else kernels.table(found))


def _history(path: Path, as_json: bool) -> None:
    """Exit status 1 where a row has dropped."""
    from netlang.bench import history

    rows = history.rows(path)
    dropped = history.dropped(rows)
    if as_json:
        click.echo(json.dumps({"rows": len(rows), "dropped": dropped}))
    else:
        click.echo("\n".join(dropped) or f"none of {len(rows)} rows is 10 % below one before")
    if dropped:
        sys.exit(1)


def _chosen(text: str, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    if any(name not in known for name in found) or len(set(found)) < len(found):
        less = [NONE] if option == "--against" else []
        raise click.BadParameter(f"`{text}`: it may be {either([*known, ','.join(known), *less])}", param_hint=option)
    return found
