"""What the commands that compile share: opening a net, its weights, and saying plainly what went wrong."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from netlang.checkpoint import Checkpoint, fit
from netlang.checkpoint import load as load_checkpoint
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.train.face import Net, Program

INTERRUPTED = 130  # exit status of a command ended by Ctrl-C, as shells have it


@contextmanager
def plainly() -> Iterator[None]:
    """Messages for people instead of tracebacks: exit status 1 for a wrong file or wrong data, 130 for Ctrl-C."""
    try:
        yield
    except Problem as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(1)
    except NetError as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo("stopped by Ctrl-C", err=True)
        sys.exit(INTERRUPTED)


def opened(file: str, settings: tuple[str, ...] = ()) -> Net:
    """The net of `FILE` or `FILE:VARIANT`, with the constants of `--set`. Raises NetError or Problem."""
    from netlang.net import load

    path, variant = divided(file)
    net: Net = load(path, variant, **constants(settings))
    return net


def constants(settings: tuple[str, ...]) -> dict[str, str]:
    """The `name=value` of `--set` options. Raises click.UsageError."""
    for setting in settings:
        if "=" not in setting.strip("="):
            raise click.UsageError(f"--set {setting}: a constant is set as name=value")
    return dict(setting.split("=", 1) for setting in settings)


set_option = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Set a constant of the file.")


def divided(file: str) -> tuple[Path, str | None]:
    """Path and variant of `vgg.net:D`; a colon that is part of an existing path stays there."""
    path, colon, variant = file.rpartition(":")
    if not colon or Path(file).exists() or "/" in variant or not variant:
        return Path(file), None
    return Path(path), variant


def device(name: str) -> str:
    """The device to compile for. Raises Problem for one this version cannot compile for."""
    if name != "cpu":
        raise Problem(f"--device {name}: this version of netlang compiles for the CPU only")
    return name


def weighted(net: Net, path: Path, batch: int, threads: int | None) -> tuple[Program, Checkpoint]:
    """A program for evaluation with the weights of a file. Raises Problem if they are not this net's."""
    checkpoint = load_checkpoint(path)
    program = net.compile(batch=batch, training=False, threads=threads)
    fit(path, checkpoint.weights, {name: program.weights[name].shape for name in program.weights})
    for name, array in checkpoint.weights.items():
        program.weights[name] = array
    return program, checkpoint
