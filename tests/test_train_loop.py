"""The training loop, on a small net in NumPy."""

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logistic import LogisticNet, LogisticProgram

from netlang.checkpoint import load
from netlang.files import Problem
from netlang.train import data, interrupt, loop, prepare, runs
from netlang.train.loop import Result, Training, rate
from netlang.train.progress import Silence
from netlang.train.score import score
from netlang.train.settings import Settings


class Watcher(Silence):
    def __init__(self) -> None:
        self.rows: list[Any] = []

    def epoch(self, row: Any) -> None:
        self.rows.append(row)


def training(folder: Path, net: LogisticNet | None = None, **settings: Any) -> Training:
    net = net or LogisticNet()
    chosen = Settings(**{"epochs": 2, "lr": 0.1, **settings})
    program = net.compile(chosen.batch, seed=chosen.seed)
    source = data.load(chosen.data, chosen.split)
    examples = prepare.examples(source, net.input, net.output, net.labelled, chosen.shift)
    run = runs.Run(folder) if folder.exists() else runs.new(folder.parent, net.name, folder.name, net.text)
    return Training(net, program, examples, chosen, run)


def resumed(folder: Path, **settings: Any) -> Training:
    again = training(folder, **settings)
    again.resume(load(again.run.weights), again.run.log())
    return again


def interrupt_at(*steps: int) -> Any:
    return lambda step: os.kill(os.getpid(), signal.SIGINT) if step in steps else None


def assert_same_weights(a: LogisticProgram, b: LogisticProgram) -> None:
    assert a.steps == b.steps
    for mine, other in ((a.weights, b.weights), (a.state, b.state)):
        assert mine.keys() == other.keys()
        for name in mine:
            assert np.array_equal(mine[name], other[name]), name


def test_a_small_net_learns_the_digits(tmp_path: Path):
    watcher = Watcher()

    result = training(tmp_path / "a", shift=0, epochs=8).go(watcher)

    assert result.score is not None
    assert result.score.accuracy is not None
    assert result.score.accuracy > 0.85  # one dense layer comes to about 0.9 on the other writers
    assert [row["epoch"] for row in watcher.rows] == list(range(1, 9))
    assert watcher.rows[-1]["train_loss"] < watcher.rows[0]["train_loss"] / 2


def test_one_output_is_scored_at_one_half(tmp_path: Path):
    result = training(tmp_path / "a", LogisticNet(2, classes=1), data="xor", epochs=40, batch=4).go(Silence())

    assert result.score is not None
    assert result.score.accuracy in (0.25, 0.5, 0.75)  # no straight line gets all four


def test_values_are_scored_by_squared_error(tmp_path: Path):
    x = np.linspace(0, 1, 20)[:, None]
    np.savez(tmp_path / "d.npz", x=x, y=x[:, 0])

    result = training(tmp_path / "a", LogisticNet(1, classes=1), data=str(tmp_path / "d.npz")).go(Silence())

    assert result.score is not None
    assert result.score.accuracy is None
    assert result.score.squared_error is not None


def test_pixels_are_scored_by_the_mean_overlap_of_each_class_that_occurs():
    target = np.array([[[0, 0], [0, 1]]])
    y = np.eye(3)[[[[0, 0], [1, 1]]]]  # one pixel of class 0 is taken for 1; nothing is of class 2

    found = score([(y, target), (y, target)], classes=True)

    assert found.accuracy == 3 / 4
    assert found.iou == (2 / 3 + 1 / 2) / 2
    assert score([(y[0], target[0])], classes=True).iou is None  # not a picture


def test_every_example_is_used_once_an_epoch_the_short_last_batch_too(tmp_path: Path):
    seen: list[int] = []
    one = training(tmp_path / "a", epochs=1, batch=100)
    step = one.program.step
    one.program.step = lambda x, y: (seen.append(len(x)), step(x, y))[1]

    one.go(Silence())

    assert seen == [100] * 14 + [37]


def test_the_run_folder_holds_weights_log_and_file(tmp_path: Path):
    one = training(tmp_path / "a")

    one.go(Silence())

    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["log.jsonl", "logistic.net", "weights.safetensors"]
    assert [json.loads(line)["epoch"] for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()] == [1, 2]
    assert (tmp_path / "a" / "logistic.net").read_text() == one.net.text
    about = load(one.run.weights).about
    assert about["statistics"]["peak"] == 16
    assert about["net"] == "logistic-1"


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(tmp_path: Path, schedule: str):
    whole = training(tmp_path / "whole", epochs=3, schedule=schedule)
    whole.go(Silence())

    first = training(tmp_path / "parts", epochs=3, schedule=schedule)
    first.program.before_step = interrupt_at(30)  # in the middle of the second epoch
    stopped = first.go(Silence())
    second = resumed(tmp_path / "parts", epochs=3, schedule=schedule)
    second.go(Silence())

    assert stopped.interrupted
    assert stopped.epochs == 1
    assert_same_weights(second.program, whole.program)
    assert [row["train_loss"] for row in second.run.log()] == [row["train_loss"] for row in whole.run.log()]


def test_ctrl_c_ends_after_the_step_that_runs_and_keeps_its_weights(tmp_path: Path):
    one = training(tmp_path / "a", epochs=50)
    one.program.before_step = interrupt_at(3)

    result = one.go(Silence())

    assert result.interrupted
    assert one.program.steps == 4
    assert load(one.run.weights).about["progress"]["batch"] == 4
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(("whole", "steps"), [(False, 3), (True, 4)])
def test_a_long_step_is_broken_off_but_for_one_that_comes_to_its_end_anyhow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool, steps: int
):
    """As on a GPU, whose update stands in line behind the step."""
    one = training(tmp_path / "a", epochs=50)
    one.program.before_step, one.program.whole_steps = interrupt_at(3), whole
    monkeypatch.setattr(interrupt, "PATIENCE", -1.0)  # every step is a long one

    assert one.go(Silence()).interrupted
    assert one.program.steps == steps
    assert load(one.run.weights).about["progress"]["batch"] == steps


def test_a_second_ctrl_c_while_the_weights_are_saved_does_not_lose_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    one = training(tmp_path / "a", epochs=50)
    one.program.before_step = interrupt_at(3)
    keep = runs.Run.keep
    monkeypatch.setattr(runs.Run, "keep", lambda *args: (os.kill(os.getpid(), signal.SIGINT), keep(*args)))

    result = one.go(Silence())

    assert result.interrupted
    assert load(one.run.weights).about["progress"]["batch"] == 4


def test_weights_are_kept_when_nobody_reads_the_progress_any_more(tmp_path: Path):
    one = training(tmp_path / "a")

    class Closed(Silence):
        def epoch(self, row: Any) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        one.go(Closed())

    assert load(one.run.weights).about["progress"]["epoch"] == 1


def test_weights_are_kept_within_an_epoch_too_so_that_a_killed_process_loses_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loop, "SAVE_EVERY", -1.0)
    one = training(tmp_path / "a", epochs=1)
    kept: list[int] = []
    one.program.before_step = lambda step: kept.append(load(one.run.weights).about["steps"]) if step else None

    one.go(Silence())

    assert kept == list(range(1, len(kept) + 1))


def test_a_loss_that_is_not_finite_ends_training_with_the_last_good_weights(tmp_path: Path):
    one = training(tmp_path / "a")
    step = one.program.step
    one.program.step = lambda x, y: math.nan if one.program.steps == 5 else step(x, y)

    with pytest.raises(Problem, match="the loss became nan in epoch 1; the weights before it are kept"):
        one.go(Silence())

    kept = load(one.run.weights)
    assert kept.about["steps"] == 5
    assert np.array_equal(kept.weights["fc1.w"], one.program.weights["fc1.w"])


def test_weights_of_another_shape_are_not_resumed(tmp_path: Path):
    training(tmp_path / "a", epochs=1).go(Silence())
    other = training(tmp_path / "a", LogisticNet(4, 4, 1))
    before = other.program.weights["fc1.w"].copy()

    with pytest.raises(Problem, match=r"`fc1\.w` is 64x10 there and 16x10 in the net"):
        other.resume(load(other.run.weights), other.run.log())

    assert np.array_equal(other.program.weights["fc1.w"], before)


def test_cosine_falls_from_the_rate_to_nothing():
    settings = Settings(schedule="cosine")
    rates = [rate(settings, 0.2, step, 100) for step in range(101)]

    assert rates[0] == 0.2
    assert rates[50] == pytest.approx(0.1)
    assert rates[100] == pytest.approx(0)
    assert rates == sorted(rates, reverse=True)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path):
    a, b, c = (training(tmp_path / name, epochs=1, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    results: list[Result] = [each.go(Silence()) for each in (a, b, c)]

    assert_same_weights(a.program, b.program)
    assert results[0].train_loss == results[1].train_loss != results[2].train_loss
