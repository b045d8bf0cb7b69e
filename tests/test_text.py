"""Texts as data, and how nets continue them."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from netlang.checkpoint import Checkpoint, save
from netlang.cli import main
from netlang.files import Problem
from netlang.net import from_text
from netlang.train import data, prepare, text
from netlang.types import Tensor

NET = "input T tokens vocab=3\nonehot, lstm-2, conv1-3, softmax\n"
LETTERS = "abc"


def test_the_labels_of_a_text_are_the_characters_that_come_next():
    x, y = text.stretches("abcabcab", 3)

    assert x.tolist() == [[0, 1, 2], [0, 1, 2]]
    assert y.tolist() == [[1, 2, 0], [1, 2, 0]]


def test_the_sentences_are_cut_without_a_gap_and_without_an_overlap():
    found = data.load("sentences", "last")
    whole = "".join(found.alphabet[token] for token in np.concatenate([found.x, found.x_test]).flat)

    assert whole.startswith("a net is a list of layers. a layer is a list of units.")
    assert found.x.shape[1] == text.STEPS
    assert np.array_equal(found.y[:, :-1], found.x[:, 1:])
    assert np.array_equal(found.y[:-1, -1], found.x[1:, 0])


def test_texts_of_all_systems_are_the_same_data(tmp_path: Path):
    content = "né.\n" * 9
    (tmp_path / "a.txt").write_text("\N{BYTE ORDER MARK}" + content, encoding="utf8", newline="\r\n")
    (tmp_path / "b.txt").write_text(content, encoding="utf8", newline="\n")
    a, b = (data.load(str(tmp_path / name), "last", 4) for name in ("a.txt", "b.txt"))

    assert a.alphabet == b.alphabet == "\n.né"
    assert np.array_equal(a.x, b.x)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"short", "has 5 characters; two examples of 64 need 129"), (b"ab\xff", "no text in UTF-8: byte 2 is 0xff")],
)
def test_a_text_that_cannot_be_used_is_refused(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "t.txt").write_bytes(content)

    with pytest.raises(Problem, match=message):
        data.load(str(tmp_path / "t.txt"), "last")


def test_a_vocabulary_that_is_too_small_is_refused():
    sentences = data.load("sentences", "last", 8)
    x, y = Tensor("i32", ("n", 8), classes=20), Tensor("f32", ("n", 8, 20))

    with pytest.raises(Problem, match="sentences has tokens from 0 to 28; those of `vocab=20` are 0 to 19"):
        prepare.examples(sentences, x, y, True, None)


def after(following: dict[int, list[float]]) -> Any:
    """A net that tells the next token from the last one alone."""

    def answer(x: np.ndarray) -> np.ndarray:
        return np.array([[following[int(token)] for token in row] for row in x])

    return answer


@pytest.mark.parametrize("temperature", [0, 5e-324, 1e-3])
def test_at_temperature_0_and_next_to_it_the_likeliest_character_follows(temperature: float):
    answer = after({0: [0.1, 0.8, 0.1], 1: [0.3, 0.3, 0.4], 2: [0.9, 0.1, 0]})

    said = text.continued(answer, np.array([0, 1, 0]), 2, 3, temperature, seed=0)

    assert list(islice(said, 5)) == [1, 2, 0, 1, 2]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_characters_are_drawn_by_their_shares_to_the_power_of_the_inverse_temperature(temperature: float):
    shares = np.array([0.5, 0.3, 0.2])
    answer = after({token: list(shares) for token in range(3)})
    count = 4000

    said = list(islice(text.continued(answer, np.array([0]), 4, 3, temperature, seed=1), count))
    again = list(islice(text.continued(answer, np.array([0]), 4, 3, temperature, seed=1), count))

    wanted = shares ** (1 / temperature) / (shares ** (1 / temperature)).sum()
    found = np.bincount(said, minlength=3) / count
    assert said == again
    assert found == pytest.approx(wanted, abs=4 * 0.5 / np.sqrt(count))  # four standard deviations of a share


def test_tokens_that_stand_for_no_character_are_never_drawn():
    answer = after({0: [0.0, 0.0, 1.0]})

    assert set(islice(text.continued(answer, np.array([0]), 1, 1, 1.0, seed=0), 20)) == {0}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a training on a text of three letters, as good as random."""
    monkeypatch.chdir(tmp_path)
    Path("t.net").write_text(NET)
    keep(NET)
    return "w"


def keep(net: str, **about: Any) -> None:
    program = from_text(net).compile(batch=1, sizes={"T": 4})
    statistics = {"mean": [], "std": [], "peak": 1, "alphabet": LETTERS}
    found = {name: program.weights[name] for name in program.weights}
    save(Path("w"), Checkpoint(found, {}, {"statistics": statistics, **about}))
    program.close()


def run(*flags: str) -> Result:
    return CliRunner().invoke(main, ["run", "t.net", "--set", "T=4", *flags])


def test_run_continues_a_text_the_same_way_for_the_same_seed(weights: str):
    said, again, other = (run("--weights", weights, "--continue", "ab", "--seed", seed) for seed in ("1", "1", "2"))

    assert said.exit_code == 0, said.output
    assert said.stdout == again.stdout != other.stdout
    assert said.stdout.startswith("ab")
    assert len(said.stdout) == len("ab") + 200 + len("\n")
    assert set(said.stdout) == {*LETTERS, "\n"}


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--continue", "abd"], 1, "the net has not learned 'd'; its text had 'abc'"),
        (["--continue", ""], 2, "at least one character"),
        (["--continue", "a", "--temperature", "nan"], 2, "a number from 0 on"),
        ([], 2, "give either --input or --continue"),
        (["--continue", "a", "--input", "x.npy"], 2, "give either --input or --continue"),
    ],
)
def test_run_says_what_it_cannot_continue(weights: str, flags: list[str], status: int, message: str):
    result = run("--weights", weights, *flags)

    assert (result.exit_code, message in result.stderr) == (status, True), result.output


def test_a_net_that_looks_ahead_continues_no_text(weights: str):
    ahead = NET.replace("lstm-2", "conv3-2")
    Path("t.net").write_text(ahead)
    keep(ahead)

    result = run("--weights", weights, "--continue", "a")

    assert result.exit_code == 1
    assert "reads what comes behind a character before it answers" in result.stderr


def test_weights_of_no_text_continue_none(weights: str):
    keep(NET, statistics={"mean": [], "std": [], "peak": 1})

    result = run("--weights", weights, "--continue", "a")

    assert (result.exit_code, "it was not trained on a text" in result.stderr) == (1, True), result.output
