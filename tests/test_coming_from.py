"""docs/coming-from.md: the columns of netlang and of PyTorch are what they do."""

import re
from pathlib import Path

import pytest

import netlang.layers
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


WORDS = {
    cells[0]: cells[2]
    for line in PAGE.split("## Words")[1].split("\n\n")[1].splitlines()[2:]
    for cells in [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]]
}
PAIRS = {  # what stands in front of a layer, and which of the words of its row it is
    "`conv3-16/2`": "input 9x9x4\nconv3-16/2",
    "`dwconv3`": "input 9x9x4\ndwconv3",
    "`deconv4-8/2`": "input 9x9x4\ndeconv4-8/2",
    "`FC-10`": "input 6\nFC-10",
    "`conv1-10` on a sequence": "input 7x6\nconv1-10",
    "`bn`": "input 9x9x4\nbn",
    "`embed-32`": "vocab = 20\ninput 7 tokens vocab=vocab\nembed-32",
    "`lstm-64`": "input 7x6\nlstm-64",
    "`lstm-64 bidirectional`": "input 7x6\nlstm-64 bidirectional",
}


@pytest.mark.parametrize("row", PAIRS)
def test_the_words_of_pytorch_make_as_many_parameters_as_those_of_netlang(row):
    torch = pytest.importorskip("torch")
    written = re.findall(r"`(.*?)`", WORDS[row])[0]
    layer = eval(written, vars(torch.nn), {"c": 4, "n": 6, "v": 20})
    second = sum(weight.numel() for name, weight in layer.named_parameters() if name.startswith("bias_hh"))

    counted = netlang.from_text(PAIRS[row] + "\n").summary().parameters
    assert counted == sum(weight.numel() for weight in layer.parameters()) - second  # an LSTM of PyTorch has two biases
