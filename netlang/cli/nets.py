"""What the commands that compile share: opening a net, its weights, and saying plainly what went wrong."""

import json
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from numpy.typing import NDArray

from netlang.backend.features import UnknownTargetError
from netlang.backend.limits import OutOfMemoryError, OutOfThreadsError, ThreadsError
from netlang.check.train import CHOICES
from netlang.checkpoint import Checkpoint, fit
from netlang.cli import INTERRUPTED
from netlang.cli.file import as_data, complain
from netlang.cli.file import opened as checked
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.net import MOST_MEMORY
from netlang.ragged import LengthsError
from netlang.train import prepare
from netlang.train.face import Net, Program
from netlang.train.settings import settle

if TYPE_CHECKING:
    from netlang import net

NO_THREAD = "can't start new thread"  # what CPython says, wherever a thread is wanted

Array = NDArray[Any]
DATA = "`digits`, `xor`, `shapes`, `sentences`, or the path of an .npz file with x and y, or of a text (.txt)"
BATCH = 64  # examples at a time where nothing says otherwise


def _size(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """A number of bytes, as 500M or 2G: powers of 1,024."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    size = int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")) if found else 0
    if not 1 <= size <= MOST_MEMORY:
        raise click.BadParameter(f"`{text}`: it may be a number of bytes, as 500M or 2G", context, option)
    return size


memory_option = click.option(
    "--memory",
    callback=_size,
    metavar="SIZE",
    help="What training may take, as 2G: values are computed again instead of kept, as far as needed.",
)


@contextmanager
def plainly(as_json: bool = False) -> Iterator[None]:
    """Messages instead of tracebacks: exit status 1 for a wrong file or wrong data, 130 for Ctrl-C.

    They go to stderr for people, and as an object like that of `check --json` to stdout for programs.
    """
    with warnings.catch_warnings():
        warnings.showwarning = _said
        try:
            yield
        except ThreadsError as problem:
            raise click.UsageError(str(problem)) from None
        except (Problem, OutOfMemoryError, OutOfThreadsError, UnknownTargetError, LengthsError) as problem:
            _fail(as_json, "problem", str(problem))
            sys.exit(1)
        except RuntimeError as problem:
            if str(problem) != NO_THREAD:
                raise
            _fail(as_json, "problem", "the system starts no more threads; raise its limit (ulimit -u)")
            sys.exit(1)
        except NetError as problem:
            if as_json:
                _answer([as_data(found) for found in problem.diagnostics])
            else:
                complain(problem.diagnostics)
            sys.exit(1)
        except KeyboardInterrupt:
            _fail(as_json, "interrupted", "stopped by Ctrl-C")
            sys.exit(INTERRUPTED)


def _fail(as_json: bool, code: str, title: str) -> None:
    """Tell what has no place in a file."""
    if as_json:
        _answer([{"code": code, "severity": "error", "title": title}])
    else:
        click.echo(f"error: {title}" if code == "problem" else title, err=True)


def _answer(errors: list[dict[str, Any]]) -> None:
    click.echo(json.dumps({"ok": False, "errors": errors}))


def _said(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"warning: {message}", err=True)


def opened(file: str, settings: tuple[str, ...] = ()) -> "net.Net":
    """The net of `FILE` or `FILE:VARIANT`, with the constants of `--set`. Raises NetError or click.UsageError."""
    from netlang.net import Net as Face

    return Face(checked(file, settings)[0])


def told(found: "net.Net", x: Array, lengths: Array | None, what: str) -> "net.Net":
    """The net for the sizes that its input leaves open and data tell (RULINGS 35). Raises Problem or NetError."""
    return found if found.input.fixed else found.sized(prepare.sizes(x, found.input, lengths, what))


device_option = click.option(
    "--device", "on", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="What to run on."
)


def refuse_missing(device: str) -> None:
    """Raise Problem for a device that this machine lacks, before anything takes its time."""
    if device == "cuda":
        from netlang.backend.cuda.machine import refuse_without_gpu

        refuse_without_gpu()


def weighted(
    net: Net, path: Path, checkpoint: Checkpoint, batch: int | None, threads: int | None, device: str
) -> Program:
    """A program for evaluation with the weights of a file. Raises Problem if they are not this net's.

    batch: None for that of the training, whose kernels are likely to be in the cache
    """
    said, choices = checkpoint.settings(path), checkpoint.choices(path)
    trained, _ = settle({"batch": said.get("batch", BATCH)}, {})
    like = {"precision": said["precision"]} if said.get("precision") in CHOICES["precision"] else {}
    size = batch or trained.batch
    program = net.compile(size, device=device, threads=threads, train=like, choices=choices)
    fit(path, checkpoint.weights, {name: program.weights[name].shape for name in program.weights})
    for name, array in checkpoint.weights.items():
        program.weights[name] = array
    return program
