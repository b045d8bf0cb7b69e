"""The precision of products: where it may be said, and where it is refused."""

import numpy as np
import pytest
import rounded
from click.testing import CliRunner

import netlang
from netlang.cli import train
from netlang.diagnostics import NetError
from netlang.fit import precision_for
from netlang.program import Options

DIGITS = (
    "input 8x8x1\nFC-32 tanh\nFC-10, soft-max\n"
    "train: data=digits split=fifth optimizer=adam lr=0.01 batch=64 epochs=3\n"
)
NET = "input 2\nFC-1 sigmoid\ntrain: data=xor precision=bf16\n"


def chosen(text=NET, settings=None, **options):
    net = netlang.from_text(text).checked
    return precision_for(net, net.train if settings is None else settings, Options(4, **options))


@pytest.mark.parametrize(("options", "found"), [
    ({"device": "cuda", "training": True}, "bf16"),
    ({"device": "cuda"}, "bf16"),
    ({"device": "cuda", "precision": "strict"}, "strict"),
    ({"training": True, "precision": "strict"}, "strict"),
    ({}, "fast"),  # what was trained on a GPU runs anywhere
])  # fmt: skip
def test_a_program_takes_what_is_asked_for_or_what_the_file_says(options, found):
    assert chosen(**options) == found


def test_without_a_word_products_are_fast():
    assert chosen("input 2\nFC-1 sigmoid", training=True) == "fast"


def test_training_in_bf16_on_the_cpu_is_refused_by_its_line():
    with pytest.raises(NetError) as refused:
        netlang.from_text(NET).compile(4, training=True)

    text = str(refused.value)
    assert text.startswith("error[bf16]: products in bf16 need `--device cuda`")
    assert "--> <text>:3:17" in text


def test_bf16_asked_for_in_python_is_refused_on_the_cpu():
    with pytest.raises(ValueError, match="the CPU computes in float32"):
        chosen("input 2\nFC-1 sigmoid", precision="bf16")


def test_another_precision_is_refused_with_the_ones_there_are():
    with pytest.raises(NetError, match="`precision` cannot be `half`"):
        netlang.from_text(NET.replace("bf16", "half"))
    with pytest.raises(ValueError, match="a precision is `fast`, `strict` or `bf16`, not `half`"):
        chosen(precision="half")
    with pytest.raises(ValueError, match="`precision` is `fast`, `strict` or `bf16`, not `half`"):
        netlang.from_text(NET).compile(4, train={"precision": "half"})


def test_the_option_of_train_needs_cuda():
    told = CliRunner().invoke(train.command, ["net.net", "--precision", "bf16"])

    assert told.exit_code == 2
    assert "--precision bf16 is of --device cuda" in told.stderr


def test_interpreted_training_in_float32_is_the_compiled_one(monkeypatch):
    """So what the interpreter comes to in bf16 is due to rounding."""
    monkeypatch.setenv("NETLANG_CHECK_MEMORY", "0")
    net = netlang.from_text(DIGITS)

    exact, interpreted = rounded.compiled(net, 0), rounded.interpreted(net, 0, "float32")

    assert interpreted == pytest.approx(exact, abs=0.003)  # one picture of 360


def test_products_in_bf16_learn_what_float32_does(monkeypatch):
    monkeypatch.setenv("NETLANG_CHECK_MEMORY", "0")
    net = netlang.from_text(DIGITS)

    exact, found = rounded.compiled(net, 0), rounded.interpreted(net, 0, "bf16")

    assert exact > 0.8
    assert found == pytest.approx(exact, abs=0.02)  # seven pictures: as far apart as two seeds after few epochs


def test_the_interpreter_rounds_factors_to_what_each_kind_can_hold():
    value = np.float32([1 + 2**-7, 1 + 2**-9, 1 + 2**-10, 1 + 2**-12])

    assert list(rounded.ROUNDED["bf16"](value)) == [1 + 2**-7, 1, 1, 1]
    assert list(rounded.ROUNDED["tf32"](value)) == [1 + 2**-7, 1 + 2**-9, 1 + 2**-10, 1]
