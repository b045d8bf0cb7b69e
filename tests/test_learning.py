"""Nets of the zoo learn, by the command line alone, from what ships with netlang.

The ordinary run takes a few epochs of each; NETLANG_LEARNING=all trains them to their end, as
docs/measurements/learning.md does.
"""

import json
import os
from collections import Counter
from math import log
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.train import data

TO_THE_END = os.environ.get("NETLANG_LEARNING") == "all"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")  # which looks at every buffer after every launch: thousands of steps


def trained(file: str, *flags: object, epochs: int) -> dict[str, Any]:
    """The last line of `netlang train`. epochs: how many where it is not to the end."""
    short = [] if TO_THE_END else ["--epochs", str(epochs)]
    result = CliRunner().invoke(main, ["train", f"zoo/{file}", *short, *map(str, flags), "--json", "--quiet"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def least(short: float, whole: float) -> float:
    """The bound of a few epochs, or of the whole training."""
    return whole if TO_THE_END else short


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"] if TO_THE_END else ["LSTM"])
def test_a_recurrent_net_reads_digits_row_after_row(cell: str):
    assert trained(f"digits-rows.net:{cell}", epochs=4)["test_accuracy"] > least(0.8, 0.95)  # chance is 0.1


def test_a_small_resnet_reads_99_of_100_digits():
    small = [] if TO_THE_END else ["--set", "w=8", "--set", "n=1"]

    assert trained("digits-resnet.net", *small, epochs=3)["test_accuracy"] > least(0.7, 0.99)


@pytest.mark.parametrize("seed", range(3))
def test_a_hidden_layer_learns_xor_and_a_perceptron_never_does(seed: int):
    assert trained("xor-mlp.net", "--seed", seed, epochs=300)["test_accuracy"] == 1
    assert trained("xor-perceptron.net", "--seed", seed, epochs=100)["test_accuracy"] < 1


def test_a_small_unet_tells_what_each_pixel_belongs_to():
    small = [] if TO_THE_END else ["--set", "w=8", "--lr", 0.02]
    found = trained("shapes.net", *small, epochs=2)

    assert found["test_accuracy"] > least(0.85, 0.97)  # 77 % of all pixels are paper
    assert found["test_iou"] > least(0.4, 0.85)  # 19 % where all is called paper


def entropy(of: Counter[Any], given: Counter[Any] | None = None) -> float:
    """In nats, of what is counted, or of the second of each counted pair given its first."""
    total = of.total()
    return -sum(count / total * log(count / (given[what[0]] if given else total)) for what, count in of.items())


def test_a_character_model_knows_more_than_the_letter_before():
    found = data.load("sentences", "last")
    letters = Counter(found.x.flat)
    pairs = Counter(zip(found.x.flat, found.y.flat, strict=True))
    small = [] if TO_THE_END else ["--set", "n=64", "--set", "T=16"]

    result = trained("sentences.net", *small, epochs=20)

    uniform, one, two = log(29), entropy(letters), entropy(pairs, letters)
    assert uniform > one > two > 2
    assert result["train_loss"] < least(0.9, 0.65) * two
    assert result["test_accuracy"] > least(0.4, 0.5)  # a blank follows most often, 19 %
