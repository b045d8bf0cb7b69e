"""What the commands that compile share: opening a net, its weights, and saying plainly what went wrong."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from netlang.backend.features import UnknownTargetError
from netlang.backend.limits import OutOfMemoryError, ThreadsError
from netlang.checkpoint import Checkpoint, fit
from netlang.checkpoint import load as load_checkpoint
from netlang.cli.file import complain
from netlang.cli.file import opened as checked
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.train.face import Net, Program
from netlang.train.settings import settle

if TYPE_CHECKING:
    from netlang import net

BATCH = 64  # examples at a time where nothing says otherwise
INTERRUPTED = 130  # exit status of a command ended by Ctrl-C, as shells have it


@contextmanager
def plainly() -> Iterator[None]:
    """Messages for people instead of tracebacks: exit status 1 for a wrong file or wrong data, 130 for Ctrl-C."""
    with warnings.catch_warnings():
        warnings.showwarning = _said
        try:
            yield
        except (Problem, ThreadsError, OutOfMemoryError, UnknownTargetError) as problem:
            click.echo(f"error: {problem}", err=True)
            sys.exit(1)
        except NetError as problem:
            complain(problem.diagnostics)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped by Ctrl-C", err=True)
            sys.exit(INTERRUPTED)


def _said(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)


def opened(file: str, settings: tuple[str, ...] = ()) -> "net.Net":
    """The net of `FILE` or `FILE:VARIANT`, with the constants of `--set`. Raises NetError or click.UsageError."""
    from netlang.net import Net as Face

    return Face(checked(file, settings)[0])


def device(name: str) -> str:
    """The device to compile for. Raises Problem for one this version cannot compile for."""
    if name != "cpu":
        raise Problem(f"--device {name}: this version of netlang compiles for the CPU only")
    return name


def weighted(net: Net, path: Path, batch: int | None, threads: int | None) -> tuple[Program, Checkpoint]:
    """A program for evaluation with the weights of a file. Raises Problem if they are not this net's.

    batch: None for that of the training, whose kernels are likely to be in the cache
    """
    checkpoint = load_checkpoint(path)
    trained, _ = settle({"batch": checkpoint.settings(path).get("batch", BATCH)}, {})
    program = net.compile(batch=batch or trained.batch, training=False, threads=threads)
    fit(path, checkpoint.weights, {name: program.weights[name].shape for name in program.weights})
    for name, array in checkpoint.weights.items():
        program.weights[name] = array
    return program, checkpoint
