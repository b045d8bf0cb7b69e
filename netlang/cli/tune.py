"""`netlang tune FILE`: measure which way each convolution is fastest here, and remember it."""

import json
from typing import TYPE_CHECKING

import click

from netlang.backend import choices
from netlang.backend.limits import thread_count
from netlang.cli.file import file_argument, json_option, set_option
from netlang.cli.nets import opened, plainly
from netlang.net import LARGEST_BATCH

if TYPE_CHECKING:
    from netlang.bench.tune import Convolution

NOTHING = (
    "There is nothing to choose: no convolution has windows that Winograd's form is for (2x2, 3x3, 5x5, and lines such "
    "as 1x7, of pixels side by side) and so many channels that another way might pay."
)


@click.command("tune")
@file_argument
@set_option
@click.option(
    "--batch", type=click.IntRange(1, LARGEST_BATCH), default=64, show_default=True, help="Examples per step."
)
@click.option("--mode", type=click.Choice(["train", "infer"]), default="train", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@json_option
def command(file: str, settings: tuple[str, ...], batch: int, mode: str, threads: int | None, as_json: bool) -> None:
    """Time each convolution of FILE in a few ways, and keep the fastest for whatever is compiled here later.

    A choice holds for convolutions of the same sizes, in every net, at this batch and number of threads.
    """
    with plainly(as_json):
        from netlang.bench import tune

        count = thread_count(threads)
        found = tune.measure(opened(file, settings), batch, mode, count)
        chosen = {each.name: each.best for each in found if each.best is not None}
        usual = [each.name for each in found if each.best is None]
        path = choices.keep("f32", count, chosen, usual) if found else None
        if as_json:
            click.echo(json.dumps({"convolutions": [c.as_json() for c in found], "kept": path and str(path)}))
            return
        if path is None:
            click.echo(NOTHING)
            return
        click.echo(_table(found))
        click.echo(f"{len(chosen)} of {len(found)} are clearly faster in another way than the usual; kept in {path}")


def _table(found: "list[Convolution]") -> str:
    from netlang.passes.winograd import WAYS

    heads = ["line", "convolution", "x", "usual ms", *WAYS, "taken"]
    rows = [heads]
    for each in found:
        times = [f"{each.ms[way]:.2f}" if way in each.ms else "" for way in WAYS]
        rows.append([str(each.line), each.name, str(each.count), f"{each.usual:.2f}", *times, each.best or "usual"])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = 1, len(heads) - 1
    return "\n".join(
        "  ".join(c.ljust(w) if k in left else c.rjust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
