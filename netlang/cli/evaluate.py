"""`netlang evaluate FILE --weights W`: how good trained weights are."""

import time
from pathlib import Path
from typing import Any

import click

from netlang.checkpoint import load as load_checkpoint
from netlang.cli.file import file_argument, set_option
from netlang.cli.nets import DATA, device_option, opened, plainly, refuse_missing, told, weighted
from netlang.diagnostics import count
from netlang.files import json_line
from netlang.net import LARGEST_BATCH
from netlang.train import data, prepare, text
from netlang.train.loop import evaluate
from netlang.train.settings import settle


@click.command("evaluate")
@file_argument
@set_option
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="A safetensors file.")
@click.option("--data", help=f"{DATA}; the data of the training, if not said.")
@click.option("--split", type=click.Choice(["last", "fifth"]), help="Which examples are the test.")
@click.option("--batch", type=click.IntRange(1, LARGEST_BATCH), help="Examples at a time; as in training, if not said.")
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="One line of JSON.")
def command(
    file: str,
    settings: tuple[str, ...],
    weights: Path,
    batch: int | None,
    threads: int | None,
    on: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Score weights on the test part of the data."""
    with plainly(as_json):
        began = time.monotonic()
        net = opened(file, settings)
        refuse_missing(on)
        checkpoint = load_checkpoint(weights)
        stored = checkpoint.settings(weights)
        settled, _ = settle({**net.train, **{k: stored[k] for k in ("data", "split") if k in stored}}, options)
        source = data.load(settled.data, settled.split, text.steps(net.input))
        net = told(net, source.x, source.every_length, source.name)
        program = weighted(net, weights, checkpoint, batch, threads, on)
        statistics = prepare.stored(checkpoint.about, weights)
        examples = prepare.examples(source, net.input, net.output, net.labelled, 0, statistics)
        try:
            score = evaluate(program, examples)
        finally:
            program.close()
        result = {
            "net": net.name,
            "weights": str(weights),
            "data": settled.data,
            "split": settled.split,
            "examples": len(examples.x_test),
            "accuracy": score.accuracy,
            "squared_error": score.squared_error,
            "iou": score.iou,
            "seconds": round(time.monotonic() - began, 3),
        }
    click.echo(json_line(result) if as_json else f"{net.name}: {score} on {count(len(examples.x_test), 'example')}")
