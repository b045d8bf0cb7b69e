"""`netlang gradcheck FILE`: every gradient beside central differences."""

import json
import math
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from netlang.cli.file import file_argument, json_option, set_option
from netlang.cli.nets import opened, plainly, refuse_missing
from netlang.net import LARGEST_BATCH, LARGEST_SEED

if TYPE_CHECKING:
    from netlang.gradcheck import Gradients
    from netlang.net import Net


@click.command("gradcheck")
@file_argument
@set_option
@click.option("--batch", type=click.IntRange(1, LARGEST_BATCH), help="Examples at once  [default: 4, or 2 if large]")
@click.option("--size", metavar="HxW", help="Size of the images, or length of the sequences  [default: what is quick]")
@click.option("--tolerance", type=click.FloatRange(0, 1, min_open=True), default=1e-6, show_default=True)
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True, help="Of all numbers.")
@click.option(
    "--time", "seconds", type=click.FloatRange(0), default=300, show_default=True, help="Seconds to take at most."
)
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@click.option("--lengths", is_flag=True, help="Give the examples of sequences different lengths.")
@click.option(
    "--device", "on", type=click.Choice(["cpu", "cuda", "cpu,cuda"]), default="cpu", show_default=True, help="Or both."
)
@json_option
def command(
    file: str,
    settings: tuple[str, ...],
    batch: int | None,
    size: str | None,
    tolerance: float,
    seed: int,
    seconds: float,
    threads: int | None,
    lengths: bool,
    on: str,
    as_json: bool,
) -> None:
    """Compare the gradient of each weight and input with central differences, compiled for float64.

    Inputs, targets and weights are random. Exit status 1 says that a gradient is wrong, or could not be judged.
    """
    if math.isnan(tolerance) or math.isnan(seconds):  # no range of numbers refuses it
        raise click.UsageError(f"{'--tolerance' if math.isnan(tolerance) else '--time'} is a number, not NaN")
    places = _places(size)
    with plainly(as_json):
        net = opened(file, settings)
        devices = on.split(",")
        for device in devices:
            refuse_missing(device)
        ok = True
        for device in devices:
            found = _found(net, batch, places, seed, tolerance, seconds, threads, lengths, device)
            told = {"device": device, **found.json()} if len(devices) > 1 else found.json()
            if len(devices) > 1 and not as_json:
                click.echo(f"{device}:")
            click.echo(json.dumps(told) if as_json else str(found))
            ok = ok and found.ok
    if not ok:
        sys.exit(1)


def _found(
    net: "Net",
    batch: int | None,
    size: tuple[int, ...] | None,
    seed: int,
    tolerance: float,
    seconds: float,
    threads: int | None,
    lengths: bool,
    device: str,
) -> "Gradients":
    from rich.console import Console

    from netlang.gradcheck import gradcheck

    console = Console(stderr=True)
    with console.status(f"compiling {net.name}") if console.is_terminal else nullcontext() as status:

        def watch(done: int, total: int, name: str) -> None:
            if status is not None:
                status.update(f"{done} of {total} done, now {name}; {seconds:g} s at most")

        return gradcheck(net, batch, size, seed, tolerance, seconds, threads, lengths, watch, device)


def _places(size: str | None) -> tuple[int, ...] | None:
    """`64x64` or `20` as numbers. Raises click.UsageError."""
    if size is None:
        return None
    parts = size.lower().split("x")
    if len(parts) > 2 or not all(p.isdecimal() and p.isascii() and 1 <= int(p) <= 10**9 for p in parts):
        raise click.UsageError(f"--size {size}: it is HxW in pixels, as in 64x64, or a number of steps")
    return tuple(map(int, parts))
