"""Who looks on while a net trains."""

import io
import re

import pytest
from rich.console import Console

from netlang.train.loop import Progress
from netlang.train.progress import Bar, Lines, Silence, watching
from netlang.train.settings import Settings

ROW = {"epoch": 12, "train_loss": 0.01234, "test_accuracy": 0.975, "gradient_norm": 0.5, "rate": 0.1, "seconds": 1.0}


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=80, _environ={"TERM": "xterm"})


@pytest.mark.parametrize(
    ("terminal", "quiet", "kind"), [(True, False, Bar), (False, False, Lines), (True, True, Silence)]
)
def test_only_a_terminal_gets_a_bar(terminal: bool, quiet: bool, kind: type):
    watch = watching(console(terminal), Settings(), 100, 0, quiet)
    watch.close()

    assert type(watch) is kind


def test_the_bar_shows_epoch_loss_accuracy_speed_and_time_left_in_80_columns():
    out = console(True)
    bar = Bar(out, Settings(epochs=60), 1437, 10)

    bar.step(Progress(epoch=11, batch=22, seen=1400, loss=70.0), 45, 0.05, 0.1)
    bar.epoch(ROW)
    bar.close()

    assert isinstance(out.file, io.StringIO)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.file.getvalue()))
    drawn = [line.strip() for line in lines if "loss" in line]
    assert any(re.search(r"epoch 12/60 .* loss 0\.0500 .* examples/s -?[0-9]*:", line) for line in drawn)
    assert re.search(r"loss 0\.0123 test 97\.50%", drawn[-1])
    assert max(map(len, drawn)) <= 80


def test_a_line_per_epoch_goes_where_there_is_no_terminal():
    out = console(False)
    lines = Lines(out, Settings(epochs=60), 1437)

    lines.epoch(ROW)
    lines.epoch({**ROW, "epoch": 13, "test_accuracy": None, "test_squared_error": 0.5})

    assert isinstance(out.file, io.StringIO)
    first, second = out.file.getvalue().splitlines()
    assert first.startswith("epoch 12/60  loss 0.0123  test accuracy 97.50%  gradient 0.5  ")
    assert second.startswith("epoch 13/60  loss 0.0123  test squared error 0.5  gradient 0.5  ")
