"""docs/coming-from.md: the columns of netlang and of PyTorch are what they do."""

import re
from pathlib import Path

import pytest

import netlang.layers  # noqa: F401 (makes the layers known)
from netlang.layer import find

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from.md").read_text(encoding="utf8")
ROWS = {
    cells[0]: dict(zip(("netlang", "keras", "pytorch", "darknet", "caffe"), cells[1:], strict=True))
    for line in PAGE.split("## What differs where nothing is said")[1].split("\n\n")[1].splitlines()[2:]
    for cells in [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]]
}


def number(row, column):
    """The number of a cell: 0.1 of `momentum=0.1`."""
    return float(re.findall(r"[\d.]+(?:e-\d+)?", ROWS[row][column])[0])


def test_the_column_of_netlang_has_its_defaults():
    norm, lstm, conv = find("bn")(), find("lstm")(4), find("conv")((3, 3), 4)

    assert number("batch norm: share of a new batch", "netlang") == norm.momentum
    assert number("batch norm: `eps`", "netlang") == norm.eps
    assert number("slope of `leaky`", "netlang") == find("leaky")().slope
    assert number("bias of the LSTM's forget gate", "netlang") == lstm.forget
    assert ROWS["padding of a convolution"]["netlang"] == f"`{conv.pad}`"
    assert not find("avgpool")().count_padding
    assert find("gru")(4).reset == "after"


def test_the_column_of_pytorch_has_its_defaults():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    norm, conv = nn.BatchNorm2d(4), nn.Conv2d(8, 64, 3)
    bound = (8 * 3 * 3) ** -0.5

    assert number("batch norm: share of a new batch", "pytorch") == norm.momentum
    assert number("batch norm: `eps`", "pytorch") == norm.eps
    assert number("slope of `leaky`", "pytorch") == nn.LeakyReLU().negative_slope
    assert number("padding of a convolution", "pytorch") == conv.padding[0]
    assert 0.9 * bound < conv.weight.abs().max() <= bound  # of 4,608 numbers the largest is near the bound
    assert 0.5 * bound < conv.bias.abs().max() <= bound
    assert nn.AvgPool2d(2).count_include_pad
    assert not nn.MaxPool2d(2).ceil_mode
    assert nn.GELU().approximate == "none"
    assert nn.LocalResponseNorm(5).k == 1


@pytest.mark.parametrize("word", re.findall(r"^\| `([a-z]+)[\d.]*(?:-\d+)?(?:/\d)?`", PAGE, re.MULTILINE))
def test_the_first_column_of_words_has_layers_of_netlang(word):
    assert find(word) is not None or word in ("freeze", "x")
