"""`netlang train FILE`: train a net and leave a run folder."""

import contextlib
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlang.check.train import CHOICES
from netlang.checkpoint import load as load_checkpoint
from netlang.cli.file import file_argument, set_option
from netlang.cli.nets import DATA, device_option, memory_option, opened, plainly, refuse_missing, told
from netlang.diagnostics import count, either, meant
from netlang.files import Problem, json_line
from netlang.layer import Misfit
from netlang.layers.optimizer import USUAL
from netlang.net import LARGEST_BATCH
from netlang.train import data, prepare, runs, text
from netlang.train.face import Net, Program
from netlang.train.loop import Result, Training
from netlang.train.progress import watching
from netlang.train.settings import Settings, settle

if TYPE_CHECKING:
    from rich.console import Console

    from netlang import net as face


FIT = "fit"


def _batch(context: click.Context, option: click.Parameter, text: str | None) -> int | str | None:
    """A number of examples, or the word that asks for the largest one."""
    if text is None or text == FIT:
        return text
    kind: click.ParamType[Any] = click.IntRange(1, LARGEST_BATCH)
    number: int = kind.convert(text, option, context)
    return number


@click.command("train")
@file_argument
@set_option
@click.option("--data", help=f"{DATA}.")
@click.option("--split", type=click.Choice(["last", "fifth"]), help="Which examples are the test.")
@click.option("--shift", type=click.IntRange(0), help="Random moves of training images, pixels of the net's input.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training examples.")
@click.option("--batch", callback=_batch, metavar="N|fit", help="Examples per step; `fit`: as many as memory holds.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--schedule", type=click.Choice(["constant", "cosine"]), help="How the learning rate goes on.")
@click.option("--optimizer", help="sgd, momentum, nesterov, adam: see `netlang layers`.")
@click.option("--seed", type=click.IntRange(0), help="Of weights, order, shifts and dropout.")
@click.option(
    "--precision",
    type=click.Choice(CHOICES["precision"]),
    help="strict: as they are written; bf16: CUDA only.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads; the processors there are, if not said.")
@device_option
@memory_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--name", help="Name of the run; the net's and a number, if not said.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run.")
@click.option("--deterministic", is_flag=True, help="Do not use what `netlang tune` measured on this machine.")
@click.option("--check-memory", is_flag=True, help="Look for writes beyond buffers after every launch.")
@click.option("--check-nan", is_flag=True, help="Look for NaN after every launch.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON; progress goes to stderr.")
def command(file: str, **options: Any) -> None:
    """Train a net and keep weights, log and file in a run folder.

    The file's `train:` says how; options here win.
    """
    if options["precision"] == "bf16" and options["on"] == "cpu":
        raise click.UsageError("--precision bf16 is of --device cuda: the CPU computes in float32")
    with plainly(options["as_json"]):
        result, run, net = _train(file, options)
        _report(result, run, net, options["as_json"])
    if result.interrupted:
        sys.exit(128 + result.interrupted)  # as shells have it: 130 for Ctrl-C


FLAGS = ("data", "split", "shift", "epochs", "batch", "lr", "schedule", "optimizer", "precision", "seed")


def _train(file: str, options: dict[str, Any]) -> tuple[Result, runs.Run, Net]:
    from rich.console import Console

    net = opened(file, options["settings"])
    refuse_missing(options["on"])
    former = _former(net, options)
    base = {**net.train, **(former[1].settings(former[0].weights) if former else {})}
    fit = options["batch"] == FIT
    settings, passed = settle(base, {name: options[name] for name in FLAGS if not (fit and name == "batch")})
    _known_optimizer(passed.get("optimizer"))
    if former:
        _same_optimizer(former[0], former[1].settings(former[0].weights), passed)
    source = data.load(settings.data, settings.split, text.steps(net.input))
    _suited(net, source)
    net = told(net, source.x, source.every_length, source.name)
    examples = prepare.examples(source, net.input, net.output, net.labelled, settings.shift)
    console = Console(stderr=options["as_json"])
    if fit:
        settings = replace(settings, batch=_fitting(net, passed, len(examples.x), options))
        console.print(f"batch={settings.batch}")
    choices = former[1].choices(former[0].weights) if former else {} if options["deterministic"] else None
    program = _compiled(net, settings, passed, examples, options, choices, console)
    run = former[0] if former else runs.new(options["out"], net.name, options["name"], net.text)
    training = Training(net, program, examples, settings, run, passed)
    if former:
        training.resume(former[1], run.log())
    watch = watching(console, settings, len(examples.x), training.progress.epoch, options["quiet"])
    try:
        return training.go(watch), run, net
    finally:
        program.close()


def _compiled(
    net: Net,
    settings: Settings,
    passed: dict[str, Any],
    examples: prepare.Examples,
    options: dict[str, Any],
    choices: dict[str, str] | None,
    console: "Console",
) -> Program:
    """The program, for evaluation too, so that the first epoch does not wait for it."""
    with contextlib.nullcontext() if options["quiet"] else console.status(f"compiling {net.name}"):
        program = net.compile(
            batch=min(settings.batch, max(len(examples.x), len(examples.x_test))),
            device=options["on"],
            training=True,
            seed=settings.seed,
            threads=options["threads"],
            memory=options["memory"],
            train=passed,
            check_memory=options["check_memory"],
            check_nan=options["check_nan"],
            choices=choices,
        )
        for lengths in (examples.lengths, examples.lengths_test):
            if lengths is not None:
                program.real_steps(lengths)
        program(examples.test(0, 1)[0], **examples.test_ends(0, 1))
    return program


def _fitting(net: "face.Net", passed: dict[str, Any], examples: int, options: dict[str, Any]) -> int:
    """The largest batch that memory holds, or all examples. Raises OutOfMemoryError."""
    from netlang.check.train import given
    from netlang.fit import device, largest_batch, precision_for
    from netlang.program import Options

    told = given(passed, net.train)
    precision = precision_for(net.checked, told, Options(1, training=True, device=options["on"]))
    on = device(options["on"], "f32", options["threads"], precision)
    strict, room = precision == "strict", options["memory"]
    try:
        return largest_batch(replace(net.checked, train=told), on, examples, room, strict=strict)
    finally:
        on.close()


def _known_optimizer(word: str | None) -> None:
    from netlang.layers import optimizer

    if word is not None and optimizer.find(str(word)) is None:
        words = optimizer.words()
        hint = meant(str(word), words, f"there are {either(words, 'and')}")
        raise Problem(f"there is no optimizer `{word}`; {hint}")


def _suited(net: Net, source: data.Data) -> None:
    """Raise Problem for classes where neither the loss nor the end of the net is made for them (RULINGS 37)."""
    try:
        net.suited("labels" if source.classes is not None else "values")
    except Misfit as misfit:
        raise Problem(f"{source.name}: {misfit}" + (f"; {misfit.help}" if misfit.help else "")) from None


def _same_optimizer(run: runs.Run, stored: Mapping[str, Any], passed: Mapping[str, Any]) -> None:
    """Raise Problem where a run would go on by another optimizer: what it remembers is not what the other needs."""
    was, now = (str(said.get("optimizer", USUAL)).lower() for said in (stored, passed))
    if was != now:
        advice = "leave --optimizer out, or start a new run"
        raise Problem(f"{run.folder} was trained by `{was}`, and cannot go on by `{now}`: {advice}")


def _former(net: Net, options: dict[str, Any]) -> tuple[runs.Run, Any] | None:
    """The run to go on with and its checkpoint. Raises Problem if it is one of another net."""
    if options["resume"] is None:
        return None
    if options["name"] is not None:
        raise Problem("--resume goes on in the folder of its run: leave --name out")
    run = runs.existing(options["resume"])
    checkpoint = load_checkpoint(run.weights)
    if checkpoint.about.get("net") != net.identity:
        raise Problem(f"{run.folder} is a training of another net than {net.name}: start a new run")
    return run, checkpoint


def _report(result: Result, run: runs.Run, net: Net, as_json: bool) -> None:
    accuracy = result.score.accuracy if result.score else None
    if as_json:
        summary: dict[str, Any] = {
            "net": net.name,
            "variant": net.variant,
            "epochs": result.epochs,
            "train_loss": result.train_loss,
            "test_accuracy": accuracy,
            "seconds": round(result.seconds, 3),
            "weights": str(run.weights),
            "interrupted": result.interrupted is not None,
        }
        if result.score and result.score.squared_error is not None:
            summary["test_squared_error"] = result.score.squared_error
        if result.score and result.score.iou is not None:
            summary["test_iou"] = result.score.iou
        click.echo(json_line(summary))
        return
    said = f"test {result.score}" if result.score else "not tested yet"
    epochs = count(result.epochs, "epoch")
    if result.interrupted:
        by = "Ctrl-C" if result.interrupted == signal.SIGINT else signal.Signals(result.interrupted).name
        click.echo(f"stopped by {by} after {epochs}; go on with --resume {run.folder}")
    click.echo(f"{net.name}: {said} after {epochs} in {result.seconds:.1f} s")
    click.echo(f"weights: {run.weights}")
