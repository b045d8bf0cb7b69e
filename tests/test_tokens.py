"""Inputs of tokens: what is taken, what is refused, and that a net learns from them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from kernels import assert_kernel_agrees

from netlang.cli import main
from netlang.net import from_text
from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.types import Tensor

TEXT = "input 12 tokens vocab=20\nembed-8, conv3-16, globalmaxpool\nFC-2, soft-max\n"


def sentences(n, seed=0):
    """Tokens, and whether the word 3 is among them."""
    x = np.random.default_rng(seed).integers(0, 20, (n, 12))
    return x, (x == 3).any(1).astype(int)


@pytest.mark.parametrize(("n", "t", "f", "dtype"), [(3, 5, 18, "f32"), (1, 1, 3, "f32"), (7, 4, 40, "f64")])
def test_kernels_agree_with_the_reference(n, t, f, dtype):
    x, w, dy = (Tensor(dtype, shape) for shape in (("n", t, 1), (9, f), ("n", t, f)))
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 9, x.arrayed(n))

    assert_kernel_agrees(Lookup(), (x, w), n=n, values=[numbers, rng.normal(size=w.shape)])
    assert_kernel_agrees(LookupGradient(9), (x, dy), n=n, values=[numbers, rng.normal(size=dy.arrayed(n))])


def test_a_net_learns_which_word_matters():
    program = from_text(TEXT).compile(batch=32, training=True, train={"lr": 0.01})
    for step in range(150):
        program.step(*sentences(32, step))
    x, y = sentences(500, 1000)

    assert (program(x).argmax(1) == y).mean() == 1.0


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (np.full((1, 12), 20), "a vocabulary of 20 words, 0 to 19; a token is 20"),
        (np.full((1, 12), -1), "a token is -1"),
        (np.zeros((1, 12)), "whole numbers, not float64"),
        (np.zeros((1, 11), int), "takes examples of 12"),
    ],
)
def test_what_is_no_token_is_refused(tokens, said):
    with pytest.raises(ValueError, match=said):
        from_text(TEXT).compile(batch=1)(tokens)


def test_two_hot_forms_of_one_net_agree():
    """A row of the table is the product of the table with a vector of zeros and a one."""
    looked = from_text("input 5 tokens vocab=7\nembed-3\n").compile(batch=4, dtype="f64")
    multiplied = from_text("input 5 tokens vocab=7\nonehot, conv1-3 bias=no linear\n").compile(batch=4, dtype="f64")
    multiplied.weights["conv1.w"] = looked.weights["embed1.w"][None, None]
    x = np.random.default_rng(0).integers(0, 7, (4, 5))

    np.testing.assert_allclose(multiplied(x), looked(x), rtol=1e-12)


def test_tokens_are_trained_on_from_the_command_line(tmp_path):
    x, y = sentences(400)
    np.savez(tmp_path / "words.npz", x=x, y=y)
    (tmp_path / "words.net").write_text(TEXT)
    words = ["--data", "words.npz", "--epochs", "8", "--batch", "32", "--lr", "0.01", "--out", "run", "--json"]
    found = CliRunner().invoke(main, ["train", str(tmp_path / "words.net"), *replaced(words, tmp_path)])

    assert found.exit_code == 0, found.output
    assert json.loads(found.output.splitlines()[-1])["test_accuracy"] > 0.9


def replaced(words, folder):
    return [str(folder / word) if word in ("words.npz", "run") else word for word in words]
