"""`netlang explain`: the arithmetic of one line."""

import json
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.check import check
from netlang.cli import main
from netlang.report import summary
from netlang.report.explain import explained, lines
from netlang.sizes import Size
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").rglob("*.net"))


def of_text(text, line, variant=None):
    return explained(check(parse(Source("t.net", text)), variant=variant), line)


def workings(each):
    return {w.what: w for w in each.workings}


def run(*words):
    return CliRunner().invoke(main, ["explain", *words])


def assert_comes_to_its_value(working):
    """The expression, worked out in exact fractions, is the figure beside it."""
    if isinstance(working.value, str | Size) or working.text.startswith("that of "):
        return
    found = eval(working.text, {"ceil": ceil, "floor": floor, "max": max})  # the arithmetic is the subject
    assert Fraction(found).limit_denominator(10**6) == working.value, working


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_expression_comes_to_the_figure_of_the_summary(path):
    net = check(parse(read(path)))
    rows = {row.name: row for row in summary(net).layers}
    found = {name: each for line in lines(net) for each in explained(net, line) for name in each.names}

    for each in found.values():
        for working in each.workings:
            assert_comes_to_its_value(working)
    for name, row in rows.items():
        if name not in found:  # a layer of a file that this one uses
            continue
        figures = workings(found[name])
        for what, value in (("parameters", row.parameters), ("MACs", row.macs), ("FLOPs", row.flops)):
            assert (figures[what].value if what in figures else 0) == value, (name, what)
        assert figures["memory, bytes"].value == row.memory


def test_equal_copies_stand_together_and_say_what_each_sees():
    block, *_ = of_text("input 8x8x4\nconv1-4\n[conv3-4 pad=same] x4\n", 3)

    assert block.names == ("conv2", "conv3", "conv4")
    assert workings(block)["receptive field"].text == "3, 5, 7"
    assert workings(block)["MACs"].text == "8*8*4*3*3*4"


def test_a_block_is_explained_by_the_sum_of_its_layers():
    text = "block pair(n): conv3-n, conv1-n\ninput 8x8x4\npair(6)\n"
    (block,) = of_text(text, 3)

    assert (block.layer, block.reads, block.makes) == ("2 layers", ((8, 8, 4),), (8, 8, 6))
    assert workings(block)["parameters"].text == f"{3 * 3 * 4 * 6 + 6} + {6 * 6 + 6}"


@pytest.mark.parametrize(
    ("layer", "what", "text", "value"),
    [
        ("conv3-4 dilation=2 valid", "height and width of the window", "(3 - 1)*2 + 1", 5),
        ("conv3-4/2x1", "height", "ceil(9/2)", 5),
        ("conv3-4/2x1", "width", "ceil(9/1)", 9),
        ("conv4-4", "height and width padding behind", "floor(max((9 - 1)*1 + 4 - 9, 0)/2)", 1),
        ("maxpool3/2 ceil", "height and width", "ceil((9 - 3)/2) + 1", 4),
        ("maxpool2/2 pad=1 ceil", "height and width", "ceil((9 + 2*1 - 2)/2) + 1 - 1", 5),
        ("maxpool1/3 pad=0 ceil", "height and width", "ceil((9 - 1)/3) + 1 - 1", 3),
        ("deconv4-2/2", "height and width", "9*2", 18),
        ("deconv4-2/2 valid", "height and width", "(9 - 1)*2 + 4", 20),
        ("deconv4-2/2 valid", "MACs", "9*9*4*4*2*6", 15552),
        ("local3-2 valid", "MACs", "7*7*3*3*6*2", 5292),
        ("dwconv3", "MACs", "9*9*6*3*3*1", 4374),
        ("pad 2x1", "height", "9 + 2*2", 13),
        ("crop 1", "height and width", "9 - 2*1", 7),
        ("upsample2", "height and width", "9*2", 18),
        ("FC-5", "numbers", "9*9*6", 486),
        ("maxout2-5", "sums", "2*5", 10),
        ("channelpool2", "channels", "6/2", 3),
    ],
)
def test_sizes_stand_with_the_numbers_put_in(layer, what, text, value):
    (each,) = of_text(f"input 9x9x6\n{layer}\n", 2)[:1]

    assert (workings(each)[what].text, workings(each)[what].value) == (text, value)


def test_channels_of_a_concatenation_are_added():
    *_, merge = of_text("input 8x8x4\nconcat[conv1-3 | conv3-5]\n", 2)

    assert workings(merge)["channels"].text == "3 + 5"


def test_tied_weights_count_where_they_stand_first():
    (each, *_) = of_text("input 6\nFC-6 @a\nFC-6 tie=@a\n", 3)

    assert workings(each)["weight w"].text == "that of a.w"
    assert workings(each)["parameters"].value == 0


def test_free_sizes_stay_letters():
    (each, *_) = of_text("input Tx4\nconv3-8\n", 2)

    assert workings(each)["MACs"].text == "T*8*1*3*4"
    assert str(workings(each)["MACs"].value) == "96*T"


def test_the_page_of_a_line():
    found = run(f"{ROOT}/examples/lenet.net:6")

    assert found.exit_code == 0
    assert "height and width  floor((14 - 5)/1) + 1 = 10" in found.output
    assert "MACs              10*10*16*5*5*6 = 240,000" in found.output


def test_json_has_every_step():
    known = json.loads(run(f"{ROOT}/examples/lenet.net:6", "--json").output)

    assert known["line"] == 6
    assert {"what": "MACs", "text": "10*10*16*5*5*6", "value": 240000} in known["layers"][0]["workings"]


@pytest.mark.parametrize(
    ("place", "status", "said"),
    [
        ("lenet.net", 2, "names no line"),
        ("lenet.net:x", 2, "names no line"),
        ("lenet.net:1", 1, "makes no layer; try line 4"),
        ("lenet.net:99", 1, "there is no line 99"),
        ("none.net:3", 1, "there is no file"),
    ],
)
def test_a_line_without_layers_is_told_with_the_nearest_that_has_some(place, status, said):
    found = run(f"{ROOT}/examples/{place}")

    assert found.exit_code == status
    assert said in found.output
