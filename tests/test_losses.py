"""Losses: their values by hand, and that no input makes them overflow."""

import cases
import numpy as np
import pytest

from netlang.interpret import interpret
from netlang.layer import find
from netlang.layers import loss
from netlang.lower import lower


def score(word, x, target, dtype="f64"):
    """The loss of a word, on what it reads."""
    made = loss.find(word)()
    x = np.asarray(x, float)
    net = cases.chain(find(made.of or "identity")(), shape=x.shape[1:])
    values = interpret(lower(net, training=True, loss=made, dtype=dtype), {"input": x, "target": np.asarray(target)})
    return values["loss"]


def test_cross_entropy_is_minus_the_log_of_the_chosen_probability():
    x = np.log([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    assert score("cross_entropy", x, [[2], [0]]) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)


def test_cross_entropy_averages_over_places():
    x = np.log([[[[0.2, 0.8], [0.5, 0.5]], [[0.25, 0.75], [0.9, 0.1]]]])
    labels = np.array([[[[1], [0]], [[0], [0]]]])
    assert score("cross_entropy", x, labels) == pytest.approx(-np.mean(np.log([0.8, 0.5, 0.25, 0.9])))


def test_binary_cross_entropy_averages_over_outputs():
    p, t = np.array([[0.2, 0.9]]), np.array([[1.0, 0.25]])
    expected = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    assert score("bce", np.log(p / (1 - p)), t) == pytest.approx(expected)


def test_squared_error_averages_over_outputs():
    assert score("mse", [[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 4.0]]) == (4 + 9) / 4


def test_the_perceptron_counts_only_wrong_outputs():
    assert score("perceptron", [[2.0, -3.0], [4.0, -5.0]], [[1.0, 0.0], [0.0, 1.0]]) == (4 + 5) / 2


@pytest.mark.parametrize("word", ["cross_entropy", "binary_cross_entropy"])
def test_sums_far_from_zero_neither_overflow_nor_lose_the_loss(word):
    x = [[3e4, -3e4]]
    target = [[1]] if word == "cross_entropy" else [[0.0, 1.0]]
    assert score(word, x, target, "f32") == (6e4 if word == "cross_entropy" else 3e4)


def test_a_small_cross_entropy_keeps_its_digits_in_float32():
    x = np.array([[1000.0, 993.0, 990.0]])  # whole numbers: float32 holds them exactly
    exact = np.log(np.exp(x - 1000).sum())
    assert score("cross_entropy", x, [[0]], "f32") == pytest.approx(exact, rel=1e-4)  # log(1 + 1e-3) in float32


def test_losses_are_found_by_word_and_alias():
    assert loss.find("BCE") is loss.find("binary_cross_entropy")
    assert loss.words(aliases=True) == [
        "absolute_error", "bce", "binary_cross_entropy", "cross_entropy", "crossentropy", "hinge", "mae", "mse",
        "perceptron", "smooth_l1", "squared_error",
    ]  # fmt: skip
    assert loss.find("hinges") is None
