"""`netlang profile FILE`: where the time of a step goes, line by line."""

import json

import click

from netlang.backend.limits import thread_count
from netlang.cli.file import file_argument, json_option, set_option
from netlang.cli.nets import opened, plainly
from netlang.net import LARGEST_BATCH


@click.command("profile")
@file_argument
@set_option
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), default=64, show_default=True, help="Examples per step."
)
@click.option("--mode", type=click.Choice(["train", "infer"]), default="train", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@click.option("--repeat", type=click.IntRange(3), default=7, show_default=True, help="Rounds; the least counts.")
@json_option
def command(
    file: str, settings: tuple[str, ...], batch: int, mode: str, threads: int | None, repeat: int, as_json: bool
) -> None:
    """Print FILE with the time of each line in the margin, forward and backward.

    peak: the speed of the line's products, counted as direct ones, as a share of what the machine can do.
    """
    with plainly(as_json):
        from netlang.bench import limits, profile

        net = opened(file, settings)
        count = thread_count(threads)
        found = profile.profile(net, batch, mode, count, repeat, limits.measure(count))
        click.echo(json.dumps(profile.as_json(found)) if as_json else profile.table(found))
