"""Training: epochs over shuffled, shifted examples, a test after each, weights kept as it goes."""

import math
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from netlang.checkpoint import Checkpoint, fit
from netlang.diagnostics import Diagnostic, NetError
from netlang.files import Problem
from netlang.ragged import real
from netlang.record import dataclass
from netlang.train.face import Array, Net, Program, Supervised
from netlang.train.interrupt import Interrupts, listening
from netlang.train.prepare import Examples, draws
from netlang.train.runs import Run
from netlang.train.score import Score, score
from netlang.train.settings import Settings

SCORES = tuple(field.name for field in fields(Score))
SAVE_EVERY = 5.0  # seconds: what a killed process loses at most


class Watch(Protocol):
    """What looks on: the progress bar, the plain lines, or nothing."""

    def step(self, progress: "Progress", batches: int, loss: float, rate: float) -> None:
        """After each optimizer step."""
        ...

    def epoch(self, row: Mapping[str, Any]) -> None:
        """After each epoch and its test: the row of the log."""
        ...

    def close(self) -> None:
        """At the end, whatever it was."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far training is: epochs done, and in the next one batches done, examples seen, and the sum of their losses.

    norm: the sum over the batches of the length of their gradients
    seconds: spent in training so far, over all its sessions
    """

    epoch: int = 0
    batch: int = 0
    seen: int = 0
    loss: float = 0.0
    norm: float = 0.0
    seconds: float = 0.0

    def stepped(self, examples: int, loss: float, norm: float) -> "Progress":
        """After one more batch with this mean loss and a gradient of this length."""
        return replace(
            self,
            batch=self.batch + 1,
            seen=self.seen + examples,
            loss=self.loss + loss * examples,
            norm=self.norm + norm,
        )

    @property
    def mean_loss(self) -> float:
        """Over the examples seen in this epoch."""
        return self.loss / self.seen if self.seen else math.nan

    @property
    def mean_norm(self) -> float:
        """Over the batches of this epoch."""
        return self.norm / self.batch if self.batch else math.nan


@dataclass(frozen=True)
class Result:
    """What training came to. interrupted: the signal that ended it, with the last weights kept."""

    epochs: int
    train_loss: float | None
    score: Score | None
    seconds: float
    interrupted: int | None = None


def rate(settings: Settings, start: float, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0, of so many in all."""
    if settings.schedule == "cosine":
        return 0.5 * start * (1 + math.cos(math.pi * step / steps))
    return start


def evaluate(program: Program, examples: Examples) -> Score:
    """The score on the test part, in evaluation mode, on the weights as they are."""

    def answers() -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(examples.x_test), program.batch):
            x, y = examples.test(start, start + program.batch)
            told = examples.test_ends(start, start + program.batch)
            yield real_parts(program, program(x, **told), y, **told)

    return score(answers(), examples.classes)


def real_parts(program: Program, y: Array, target: Array, lengths: Array | None = None) -> tuple[Array, Array]:
    """Answers and targets, of the real steps alone where they are sequences whose examples have lengths."""
    steps = None if lengths is None else program.real_steps(lengths)
    if steps is None:
        return y, target
    kept = real(y, steps)
    return y[kept], target.reshape(*y.shape[:2], -1)[kept]


class Training:
    """One training, new or resumed: `go` runs it to its end."""

    def __init__(
        self,
        net: Net,
        program: Program,
        examples: Examples,
        settings: Settings,
        run: Run,
        passed: Mapping[str, Any] | None = None,
    ) -> None:
        """passed: settings that went to the compiler, stored so that a resumed run has them again."""
        self.net, self.program, self.examples, self.settings, self.run = net, program, examples, settings, run
        self._passed = dict(passed or {})
        self.progress = Progress()
        self.log: list[dict[str, Any]] = []
        self._start = settings.lr if settings.lr is not None else program.rate
        self._batches = -(-len(examples.x) // settings.batch)
        self._saved = time.monotonic()

    def resume(self, checkpoint: Checkpoint, log: list[dict[str, Any]]) -> None:
        """Go on where a checkpoint stands. Raises Problem if it is not one of this net's training."""
        if "progress" not in checkpoint.about:
            raise Problem(f"{self.run.weights} holds weights only, not how far training was: it cannot be resumed")
        steps, progress = _stored(checkpoint.about, self.run.weights)
        program = self.program
        fit(self.run.weights, checkpoint.weights, {name: program.weights[name].shape for name in program.weights})
        fit(self.run.weights, checkpoint.state, {name: program.state[name].shape for name in program.state})
        for name, array in checkpoint.weights.items():
            program.weights[name] = array
        for name, array in checkpoint.state.items():
            program.state[name] = array
        program.steps, self.progress = steps, progress
        self.log = log[: self.progress.epoch]

    def go(self, watch: Watch) -> Result:
        """Train to the last epoch, or to Ctrl-C or another signal.

        Raises NetError or Problem; whatever it raises, the last good weights are kept.
        """
        began = time.monotonic() - self.progress.seconds
        interrupted: int | None = None
        with listening() as interrupts:
            try:
                for epoch in range(self.progress.epoch, self.settings.epochs):
                    self._epoch(epoch, interrupts, watch, began)
            except KeyboardInterrupt:
                interrupted = interrupts.wanted or signal.SIGINT
            except NetError as problem:
                raise NetError(*map(self._where, problem.diagnostics)) from None
            finally:  # whatever ended it, NaN or a pipe that nobody reads any more
                interrupts.hold()
                self._keep(began)
                watch.close()
        last = self.log[-1] if self.log else {}
        kept = Score(*(last.get(f"test_{name}") for name in SCORES)) if last else None
        loss = self.progress.mean_loss if self.progress.seen else last.get("train_loss")
        return Result(self.progress.epoch, loss, kept, self.progress.seconds, interrupted)

    def _epoch(self, epoch: int, interrupts: Interrupts, watch: Watch, began: float) -> None:
        settings, program, n = self.settings, self.program, len(self.examples.x)
        losses = program.train(self._rest_of(epoch))
        for number in range(self.progress.batch, self._batches):
            done = epoch * self._batches + number
            program.rate = rate(settings, self._start, done, settings.epochs * self._batches)
            with interrupts.step(whole=program.whole_steps):
                loss = next(losses)
                self._check(loss, epoch)
                count = min(settings.batch, n - number * settings.batch)
                self.progress = self.progress.stepped(count, loss, program.norm)
            watch.step(self.progress, self._batches, loss, program.rate)
            interrupts.check()
            self._keep_sometimes(began)
        self._close_epoch(epoch, watch, began)

    def _rest_of(self, epoch: int) -> Iterator[Supervised]:
        """The batches of an epoch that have not been trained on."""
        order, moves = draws(len(self.examples.x), self.examples.moves, self.settings.seed, epoch)
        for start in range(self.progress.batch * self.settings.batch, len(order), self.settings.batch):
            index = order[start : start + self.settings.batch]
            yield (*self.examples.batch(index, moves[index]), self.examples.ends(index).get("lengths"))

    def _close_epoch(self, epoch: int, watch: Watch, began: float) -> None:
        tested = evaluate(self.program, self.examples)
        row: dict[str, Any] = {"epoch": epoch + 1, "train_loss": self.progress.mean_loss}
        row["test_accuracy"] = tested.accuracy
        if tested.squared_error is not None:
            row["test_squared_error"] = tested.squared_error
        if tested.iou is not None:
            row["test_iou"] = tested.iou
        row |= {"gradient_norm": self.progress.mean_norm, "gradient_norms": self.program.gradient_norms()}
        row |= {"rate": self.program.rate, "seconds": round(time.monotonic() - began, 3)}
        self.progress = Progress(epoch=epoch + 1)
        self.log.append(row)
        watch.epoch(row)
        self._keep_sometimes(began)

    def _check(self, loss: float, epoch: int) -> None:
        if not math.isfinite(loss):
            raise Problem(
                f"the loss became {loss} in epoch {epoch + 1}; the weights before it are kept in {self.run.weights}."
                " Try a smaller --lr."
            )

    def _where(self, found: Diagnostic) -> Diagnostic:
        """What went wrong in a step, and where the weights before it are."""
        kept = f"the weights before this step are in {self.run.weights}"
        return replace(found, help=f"{found.help}; {kept}" if found.help else kept)

    def _keep_sometimes(self, began: float) -> None:
        if time.monotonic() - self._saved > SAVE_EVERY:
            self._keep(began)

    def _keep(self, began: float) -> None:
        program = self.program
        self.progress = replace(self.progress, seconds=time.monotonic() - began)
        about = {
            "net": self.net.identity,
            "statistics": asdict(self.examples.statistics),
            "choices": dict(self.program.choices),
            "settings": {**{k: v for k, v in asdict(self.settings).items() if v is not None}, **self._passed},
            "progress": asdict(self.progress),
            "steps": program.steps,
        }
        weights = {name: np.asarray(program.weights[name]) for name in program.weights}
        state = {name: np.asarray(program.state[name]) for name in program.state}
        self.run.keep(Checkpoint(weights, state, about), self.log)
        self._saved = time.monotonic()


def _stored(about: Mapping[str, Any], path: Path) -> tuple[int, Progress]:
    """Steps and progress in a checkpoint's remarks. Raises Problem if they are damaged."""
    try:
        found = about["progress"]
        whole = {name: int(found[name]) for name in ("epoch", "batch", "seen")}
        loss, norm, seconds = (float(found[name]) for name in ("loss", "norm", "seconds"))
        progress = Progress(**whole, loss=loss, norm=norm, seconds=seconds)
        steps = int(about["steps"])
    except (KeyError, TypeError, ValueError):
        steps, progress = -1, Progress()
    if min(steps, progress.epoch, progress.batch, progress.seen) < 0:
        raise Problem(f"{path}: how far training was cannot be read")
    return steps, progress
