"""Data whose examples have lengths of their own, and sizes that a file leaves to the data (RULINGS 35, 59)."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.cli import evaluate, run, train
from netlang.files import Problem
from netlang.train import data, prepare
from netlang.train.loop import real_parts
from netlang.types import Tensor

LENGTHS = np.array([4, 2, 6, 3, 1])
X = np.random.default_rng(0).normal(3, 2, (5, 7, 2))
REAL = np.arange(7) < LENGTHS[:, None]
STEPS = np.where(REAL, 1, -7)  # labels of each step; beyond the ends there are none


def npz(folder: Path, **arrays):
    np.savez(folder / "d.npz", **arrays)
    return str(folder / "d.npz")


def prepared(folder, *input, output=("n", 3), labelled=True, **arrays):
    source = data.load(npz(folder, **arrays), "last")
    return prepare.examples(source, Tensor("f32", ("n", *input)), Tensor("f32", output), labelled, None)


def test_a_file_tells_lengths(tmp_path):
    x = np.where(REAL[..., None], X, np.nan)
    split = data.load(npz(tmp_path, x=x, y=STEPS, lengths=LENGTHS), "last")
    apart = data.load(
        npz(tmp_path, x=x, y=STEPS, lengths=LENGTHS, x_test=x, y_test=STEPS, lengths_test=LENGTHS), "last"
    )

    assert (split.lengths.tolist(), split.lengths_test.tolist()) == ([4, 2, 6, 3], [1])
    assert apart.lengths_test.tolist() == LENGTHS.tolist()
    assert split.classes == 2
    np.testing.assert_array_equal(split.x_test[0, 1:], 0)


@pytest.mark.parametrize(("more", "message"), [
    ({"lengths": LENGTHS[:4]}, "the lengths of `x` are 4, and there are 5 examples"),
    ({"lengths": LENGTHS - 1}, "example 4 of `x` has the length 0; a length is from 1 to 7"),
    ({"lengths": LENGTHS + 0.5}, "the lengths of `x` are whole numbers"),
    ({"lengths": LENGTHS, "x": np.ones((5, 7, 2, 1))}, r"`lengths` are of sequences \[n, t\] or .*, and `x` is 5x7"),
    ({"lengths": LENGTHS, "x_test": X, "y_test": np.ones(5, int)}, "has `lengths` or `lengths_test` alone"),
    ({"lengths_test": LENGTHS}, "has `lengths_test` without `x_test`"),
])  # fmt: skip
def test_wrong_lengths_of_a_file_are_told(tmp_path, more, message):
    with pytest.raises(Problem, match=message):
        data.load(npz(tmp_path, **{"x": X, "y": np.ones(5, int), **more}), "last")


def test_sequences_get_the_steps_of_the_input(tmp_path):
    for steps in (6, 9):
        made = prepared(tmp_path, steps, 2, x=X, y=np.zeros(5, int), lengths=LENGTHS)
        x, _ = made.batch(np.arange(4), np.zeros((4, 2), int))
        assert x.shape == (4, steps, 2)
        assert made.ends(np.array([2, 0]))["lengths"].tolist() == [6, 4]
        assert made.test_ends(0, 1)["lengths"].tolist() == [1]


def test_a_sequence_longer_than_the_input_is_told(tmp_path):
    with pytest.raises(Problem, match="example 2 has 6 steps, the net's input is 5x2"):
        prepared(tmp_path, 5, 2, x=X, y=np.zeros(5, int), lengths=LENGTHS)
    with pytest.raises(Problem, match="the examples are 7x2, the net's input is 7x3"):
        prepared(tmp_path, 7, 3, x=X, y=np.zeros(5, int), lengths=LENGTHS)


def test_statistics_are_of_the_real_steps(tmp_path):
    made = prepared(tmp_path, 7, 2, x=X, y=np.zeros(5, int), lengths=LENGTHS)
    seen = X[:4][REAL[:4]]

    np.testing.assert_allclose(made.statistics.mean, seen.mean(0), rtol=1e-6)
    np.testing.assert_allclose(made.statistics.std, seen.std(0), rtol=1e-6)


def test_targets_of_steps_get_the_steps_of_the_output(tmp_path):
    made = prepared(tmp_path, 6, 2, output=("n", 6, 2), x=X, y=STEPS, lengths=LENGTHS)

    assert made.y.shape == (4, 6)
    np.testing.assert_array_equal(made.y, REAL[:4, :6])


def test_a_score_counts_real_steps():
    class Told:
        def real_steps(self, lengths):
            return lengths

    y, target = np.zeros((5, 7, 3)), np.arange(35).reshape(5, 7)
    answers, targets = real_parts(Told(), y, target, LENGTHS)

    assert answers.shape == (LENGTHS.sum(), 3)
    np.testing.assert_array_equal(targets[:, 0], target[REAL])


@pytest.mark.parametrize(("shape", "input", "lengths", "wanted"), [
    ((5, 7, 2), ("T", 2), None, {"T": 7}),
    ((5, 7, 2), ("T", 2), LENGTHS, {"T": 6}),
    ((5, 7), ("T",), LENGTHS, {"T": 6}),
    ((5, 8, 8, 1), ("T", 8), None, {"T": 8}),
    ((5, 8, 6), ("H", "W", 1), None, {"H": 8, "W": 6}),
    ((5, 8, 6, 1), ("H", "W", 3), None, {"H": 8, "W": 6}),
    ((5, 8, 8, 3), ("H", "H", 3), None, {"H": 8}),
])  # fmt: skip
def test_data_tell_the_sizes_that_a_file_leaves_open(shape, input, lengths, wanted):
    assert prepare.sizes(np.zeros(shape), Tensor("f32", ("n", *input)), lengths, "x") == wanted


@pytest.mark.parametrize(("shape", "input"), [
    ((5, 7, 3), ("T", 2)), ((5, 7), ("T", 7)), ((5, 8, 6, 3), ("H", "H", 3)), ((5, 8, 8, 3), ("T", 8)),
])  # fmt: skip
def test_data_that_tell_no_sizes_are_refused(shape, input):
    with pytest.raises(Problem, match=r"d\.npz: the examples are .*; `--set` chooses the sizes"):
        prepare.sizes(np.zeros(shape), Tensor("f32", ("n", *input)), None, "d.npz")


def invoked(module, *args):
    result = CliRunner().invoke(module.command, [*map(str, args)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


def test_a_net_of_open_length_is_trained_scored_and_run_on_sequences_of_different_lengths(tmp_path, monkeypatch):
    """The first number of the last step is above 0 or not; behind it stands what would mislead."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    lengths = random.integers(1, 6, 60)
    x = np.where((np.arange(8) < lengths[:, None])[..., None], random.normal(size=(60, 8, 2)), np.nan)
    y = (x[np.arange(60), lengths - 1, 0] > 0).astype(int)
    np.savez("d.npz", x=x, y=y, lengths=lengths)
    Path("n.net").write_text("input Tx2\nconv1-4 tanh, last\nFC-2, soft-max\ntrain: optimizer=adam lr=0.1\n")

    said = invoked(train, "n.net", "--data", "d.npz", "--epochs", 20, "--batch", 16, "--quiet", "--json")
    assert said["test_accuracy"] > 0.8
    weights = said["weights"]
    again = invoked(train, "n.net", "--resume", Path(weights).parent, "--epochs", 21, "--quiet", "--json")
    assert again["epochs"] == 21
    assert invoked(evaluate, "n.net", "--weights", weights, "--json")["accuracy"] == again["test_accuracy"]

    np.savez("r.npz", x=x[:5], lengths=lengths[:5])
    several = invoked(run, "n.net", "--weights", weights, "--input", "r.npz", "--output", "y.npy", "--json")
    np.save("one.npy", x[0, : lengths[0]])
    invoked(run, "n.net", "--weights", weights, "--input", "one.npy", "--output", "y1.npy", "--json")
    np.testing.assert_allclose(np.load("y.npy")[0], np.load("y1.npy")[0], rtol=1e-5)
    assert len(several["rows"]) == 5


def test_a_length_that_the_net_cannot_take_ends_training_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    npz(tmp_path, x=X, y=np.zeros(5, int), lengths=LENGTHS)
    Path("n.net").write_text("input Tx2\nconv3-4 valid act=tanh, last\nFC-2, soft-max\n")

    result = CliRunner().invoke(train.command, ["n.net", "--data", "d.npz", "--quiet"])
    assert result.exit_code == 1
    assert "example 1 has 2 steps; `conv3-4 valid act=tanh` cannot take so many: a window of 1x3 " in result.output
    assert not Path("runs").exists()


def test_a_net_of_chosen_sizes_is_the_net_that_leaves_them_open():
    net = netlang.from_text("input Tx2\nmean, FC-2")

    assert net.sized({"T": 5}).identity == net.identity
    assert net.sized({"T": 5}).input.shape == ("n", 5, 2)
