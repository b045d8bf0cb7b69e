"""The command `netlang`. Each command is a file of this folder, loaded only when it is asked for."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from netlang.files import reason

INTERRUPTED = 130  # exit status of a command ended by Ctrl-C, as shells have it
COMMANDS = {
    "check": "Tell what is wrong with a file, all at once.",
    "summary": "A row per layer: shapes, parameters, MACs, memory.",
    "explain": "The arithmetic of one line, with the numbers put in.",
    "expand": "Write out everything that goes without saying.",
    "annotate": "Write or refresh the shapes at the ends of lines.",
    "fmt": "Lay files out in the one canonical way; comments stay.",
    "diff": "What differs between two nets, by line and by figure.",
    "table": "Nets side by side, as papers print variants.",
    "draw": "Draw a net, in the terminal or as SVG, PNG, PDF or DOT.",
    "watch": "A page in the browser that follows a file as it is saved.",
    "zoo": "List the nets that ship with netlang.",
    "new": "Copy a net of the zoo to a file of your own.",
    "layers": "List the layers the language knows, with their settings.",
    "train": "Train a net and keep its weights.",
    "curves": "Loss and score of training runs, epoch by epoch.",
    "evaluate": "Measure trained weights on test data.",
    "run": "Put inputs through a trained net.",
    "export": "Write a net as ONNX, or its weights as safetensors.",
    "latex": "The equations of what is compiled, forward and backward.",
    "compile": "Show what becomes of a net, stage by stage.",
    "gradcheck": "Compare every gradient with central differences.",
    "tune": "Measure which way each convolution is fastest here.",
    "profile": "Where the time of a step goes, line by line.",
    "bench": "Time a net beside PyTorch and the machine's limits.",
    "doctor": "Tell what this machine has for netlang.",
    "completion": "What makes your shell complete all this.",
}


class Commands(click.Group):
    """Knows the names and one line of each command; imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"netlang.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest command where there is none of the name."""
        known = not args or args[0] in COMMANDS or args[0].startswith("-")
        if not known and not ctx.resilient_parsing:  # so parses a shell that completes: it wants no message
            from netlang.diagnostics import closest

            near = closest(args[0], COMMANDS)
            advice = f"did you mean `netlang {near}`?" if near else "`netlang --help` lists the commands."
            ctx.fail(f"there is no command `{args[0]}`; {advice}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does; Ctrl-C ends every command as it ends those that run long."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("stopped by Ctrl-C", err=True)
            sys.exit(INTERRUPTED)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click does; what the command prints is on its way when it ends, or its failure is told."""
        _open_streams()
        with _printed():
            return super().main(*args, **kwargs)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _open_streams() -> None:
    """A stream that was closed before the start leads nowhere: else the next file opened would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf8"))  # noqa: SIM115  open to the end


@contextmanager
def _printed() -> Iterator[None]:
    """Leave with exit status 1 where stdout takes no more: in silence if nobody reads it, else with the reason."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as problem:
        if problem.filename is not None:  # a file's, which a command should have told
            raise
        if not isinstance(problem, BrokenPipeError):
            with suppress(OSError):
                click.echo(f"error: cannot write the output: {reason(problem)}", err=True)
        for stream in (sys.stdout, sys.stderr):  # else the interpreter tries again when it ends
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="netlang", prog_name="netlang")
def main() -> None:
    """A small text language for neural networks, and the compiler behind it.

    Exit status: 0 done, 1 the file or the data is wrong, 2 the command line is wrong, 130 stopped by Ctrl-C.
    """
