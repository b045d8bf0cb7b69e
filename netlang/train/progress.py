"""Who looks on while a net trains: a live bar on a terminal, plain lines elsewhere, or nobody."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netlang.train.loop import Progress, Watch
from netlang.train.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

REDRAW = 0.1  # seconds between two drawings of the bar
BAR = 16  # columns, so that the whole line fits in 80


class Silence:
    """Nobody looks on."""

    def step(self, progress: Progress, batches: int, loss: float, rate: float) -> None:
        """Nothing."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines(Silence):
    """A line per epoch: what a log file or a pipe gets."""

    def __init__(self, console: "Console", settings: Settings, examples: int) -> None:
        self._console, self._epochs, self._examples = console, settings.epochs, examples
        self._last = time.monotonic()

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Loss, score on the test part, mean length of the gradients, and examples per second with the test."""
        now = time.monotonic()
        speed = self._examples / max(now - self._last, 1e-9)
        self._last = now
        self._console.print(f"{_epoch(row, self._epochs)}  {speed:,.0f} examples/s", highlight=False, soft_wrap=True)


class Bar:
    """One line that is redrawn, with loss, accuracy, examples per second and the time left."""

    def __init__(self, console: "Console", settings: Settings, examples: int, done: int) -> None:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._examples, self._epochs = examples, settings.epochs
        self._began, self._drawn, self._before = time.monotonic(), 0.0, done * examples
        fields = ("loss {task.fields[loss]}", "{task.fields[score]}", "{task.fields[speed]}")
        self._bars = Bars(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(BAR),
            *(TextColumn(field) for field in fields),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
        )
        self._task = self._bars.add_task(
            "",
            total=settings.epochs * examples,
            completed=self._before,
            epoch=self._named(done),
            loss="-",
            score="",
            speed="",
        )
        self._bars.start()

    def step(self, progress: Progress, batches: int, loss: float, rate: float) -> None:
        """Move on; drawn at most ten times a second."""
        now = time.monotonic()
        if now - self._drawn < REDRAW:
            return
        self._drawn = now
        seen = progress.epoch * self._examples + progress.seen
        self._bars.update(
            self._task,
            completed=seen,
            epoch=self._named(progress.epoch),
            loss=f"{progress.mean_loss:.4f}",
            speed=f"{(seen - self._before) / max(now - self._began, 1e-9):,.0f} examples/s",
            refresh=True,
        )

    def epoch(self, row: Mapping[str, Any]) -> None:
        """The score on the test part."""
        self._bars.update(
            self._task,
            completed=row["epoch"] * self._examples,
            epoch=self._named(row["epoch"] - 1),
            score=_score(row).replace(" accuracy", ""),
            loss=f"{row['train_loss']:.4f}",
        )

    def _named(self, done: int) -> str:
        return f"epoch {min(done + 1, self._epochs)}/{self._epochs}"

    def close(self) -> None:
        """Draw the last state and let the line stand."""
        self._bars.refresh()
        self._bars.stop()


def watching(console: "Console", settings: Settings, examples: int, done: int, quiet: bool) -> Watch:
    """The onlooker for this output: a bar only where a terminal shows it."""
    if quiet:
        return Silence()
    if console.is_terminal and not console.is_dumb_terminal:
        return Bar(console, settings, examples, done)
    return Lines(console, settings, examples)


def _epoch(row: Mapping[str, Any], epochs: int) -> str:
    width = len(str(epochs))
    score = _score(row) + (f"  IoU {row['test_iou']:.2%}" if "test_iou" in row else "")
    norm = f"gradient {row['gradient_norm']:.3g}"
    return f"epoch {row['epoch']:{width}}/{epochs}  loss {row['train_loss']:.4f}  {score}  {norm}"


def _score(row: Mapping[str, Any]) -> str:
    if row["test_accuracy"] is not None:
        return f"test accuracy {row['test_accuracy']:.2%}"
    return f"test squared error {row['test_squared_error']:.4g}"
