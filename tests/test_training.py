"""`netlang train`, `evaluate` and `run` end to end, on a net small enough to compile in a moment."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from netlang.checkpoint import Checkpoint, load
from netlang.cli import main
from netlang.net import from_text
from netlang.train import data, prepare, runs
from netlang.train.loop import Training
from netlang.train.progress import Silence
from netlang.train.settings import Settings

TEXT = """input 8x8x1
conv3-8, maxpool
dropout 0.1, FC-10, soft-max
train: data=digits optimizer=adam lr=0.01 batch=48 epochs=4 shift=0
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small.net").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def netlang(command: str, *args: object) -> Result:
    return CliRunner().invoke(main, [command, "small.net", *map(str, args)])


def answer(command: str, *args: object) -> dict[str, Any]:
    result = netlang(command, *args, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def assert_same(a: Checkpoint, b: Checkpoint) -> None:
    for mine, other in ((a.weights, b.weights), (a.state, b.state)):
        assert mine.keys() == other.keys()
        for name in mine:
            assert np.array_equal(mine[name], other[name]), name


def test_a_net_learns_the_digits_and_evaluate_and_run_agree():
    trained = answer("train")
    weights = trained["weights"]
    digits = data.load("digits", "last")
    np.save("x.npy", digits.x_test)

    evaluated = answer("evaluate", "--weights", weights)
    answered = answer("run", "--weights", weights, "--input", "x.npy", "--output", "y.npy")

    assert trained["test_accuracy"] > 0.85  # four epochs of a small net; chance is 0.1
    assert evaluated["accuracy"] == trained["test_accuracy"]
    tops = np.array([row["top"][0]["class"] for row in answered["rows"]])
    assert (tops == digits.y_test).mean() == trained["test_accuracy"]
    assert np.load("y.npy").sum(1) == pytest.approx(np.ones(360), abs=1e-5)


def test_a_net_takes_the_sizes_it_leaves_open_from_the_data():
    Path("small.net").write_text(TEXT.replace("8x8x1", "HxWx1").replace("dropout 0.1", "globalavgpool"))
    np.save("x.npy", data.load("digits", "last").x_test[:5])

    weights = answer("train", "--epochs", 1)["weights"]
    resumed = answer("train", "--epochs", 2, "--resume", "runs/small-1")
    evaluated = answer("evaluate", "--weights", weights)
    answered = answer("run", "--weights", weights, "--input", "x.npy")

    assert evaluated["accuracy"] == resumed["test_accuracy"]
    assert answered["shape"] == [5, 10]


def test_one_and_two_threads_train_the_same_bits():
    one, two = (answer("train", "--threads", n, "--epochs", 1, "--quiet")["weights"] for n in (1, 2))

    assert_same(load(Path(one)), load(Path(two)))


def training(name: str) -> Training:
    net = from_text(TEXT)
    settings = Settings(lr=0.01, batch=48, epochs=2, shift=1, schedule="cosine", seed=3)
    examples = prepare.examples(data.load("digits", "last"), net.input, net.output, net.labelled, settings.shift)
    program = net.compile(batch=settings.batch, training=True, seed=settings.seed)
    run = runs.Run(Path(name)) if Path(name).exists() else runs.new(Path(), "small", name, TEXT)
    return Training(net, program, examples, settings, run)


def test_a_resumed_training_ends_with_the_bits_of_one_that_was_not_stopped():
    whole, first = training("whole"), training("parts")
    train = first.program.train

    def interrupted(batches: Any) -> Any:
        for batch in batches:
            if first.program.steps == 40:  # in the middle of the second epoch
                os.kill(os.getpid(), signal.SIGINT)
            yield batch

    first.program.train = lambda batches: train(interrupted(batches))
    whole.go(Silence())
    stopped = first.go(Silence())

    second = training("parts")
    second.resume(load(second.run.weights), second.run.log())
    second.go(Silence())

    assert stopped.interrupted
    assert load(first.run.weights).about["netlang"] == "1"
    assert second.program.steps == whole.program.steps == 60
    assert_same(load(second.run.weights), load(whole.run.weights))


def test_a_loss_that_explodes_names_a_line_and_keeps_finite_weights():
    result = netlang("train", "--optimizer", "sgd", "--lr", "1e30", "--name", "wild", "--quiet")

    assert result.exit_code == 1
    assert "error[not-finite]" in result.stderr
    assert "--> small.net:" in result.stderr
    kept = load(Path("runs/wild/weights.safetensors"))
    assert all(np.isfinite(w).all() for w in kept.weights.values())


def test_an_unknown_optimizer_is_refused_with_the_nearest():
    result = netlang("train", "--optimizer", "adm")

    assert result.exit_code == 1
    assert "there is no optimizer `adm`; did you mean `adam`?" in result.stderr


def test_weights_of_another_net_are_refused():
    weights = answer("train", "--epochs", 1, "--quiet")["weights"]
    Path("small.net").write_text(TEXT.replace("conv3-8", "conv3-4"))

    result = netlang("evaluate", "--weights", weights)

    assert result.exit_code == 1
    assert "`conv1.w` is 3x3x1x8 there and 3x3x1x4 in the net" in result.stderr


@pytest.mark.reference
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
def test_the_peers_of_bench_take_the_steps_that_netlang_takes(optimizer: str):
    from netlang.bench import compare, peers

    net = from_text(TEXT.replace("dropout 0.1, ", "").replace("adam", optimizer))
    program = net.compile(batch=16, training=True)
    x, target = compare.inputs(net, 16)
    weights = {name: np.array(program.weights[name]) for name in program.weights}
    case = peers.Case(net, weights, x, target, dict(net.train), 1)
    modes = [mode[1:3] for mode in peers._modes(case, lambda note: None) if "compiled" not in mode[0]]

    losses = [program.step(x, target) for _ in range(3)]

    assert len(modes) == 2
    for twin, placed in modes:
        work = peers._step(peers._loss(case, twin), placed, case, peers.optimizers(twin, case.train)["fused"])
        assert [float(work().detach()) for _ in range(3)] == pytest.approx(losses, rel=1e-4)  # float32 sums, 3 steps
