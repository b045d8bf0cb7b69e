"""`netlang explain`: the arithmetic of one line."""

import json
import os
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang import catalogue
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
    """The expression, worked out in exact fractions, is the figure beside it; letters are any sizes."""
    if isinstance(working.value, str) or working.text.startswith("that of "):
        return
    names = {"ceil": ceil, "floor": floor, "max": max, "T": 29, "H": 37, "W": 46}
    figure = eval(str(working.value), names) if isinstance(working.value, Size) else working.value
    found = eval(working.text, names)  # the arithmetic is the subject
    assert Fraction(found).limit_denominator(10**6) == figure, working


def variants(path):
    """The first variant of a file, or all of them; None of one that has none."""
    found = list(catalogue.entry(path.stem).variants) or [None]
    return found if os.environ.get("NETLANG_ZOO") == "all" else found[:1]


@pytest.mark.parametrize(("path", "variant"), [(p, v) for p in EXAMPLES for v in variants(p)], ids=str)
def test_every_expression_comes_to_the_figure_of_the_summary(path, variant):
    net = check(parse(read(path)), variant=variant)
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
    seen = workings(block)["receptive field"]
    assert (seen.text, seen.value) == ("1 + (3 - 1)*1, 3 + (3 - 1)*1, 5 + (3 - 1)*1", "3, 5, 7")
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


@pytest.mark.parametrize(
    ("layer", "rule"),
    [
        ("conv3-4 bias=no linear", "y[n,i,j,f] = sum over u,v,c of x[n, i', j', c] * w[u,v,c,f]"),
        ("dwconv3 bias=no linear", "y[n,i,j,c*mult+m] = sum over u,v of x[n, i', j', c] * w[u,v,0,c*mult+m]"),
        ("local3-4 bias=no linear", "y[n,i,j,f] = sum over u,v,c of x[n, i*stride + u - pad, j*stride + v - pad, c] *"),
        ("FC-4 bias=no linear", "y[n,f] = sum over c of x[n,c] * w[c,f]"),
        ("maxout2-4 bias=no", "y[n,f] = max over k of sum over c of x[n,c] * w[c, k*width + f]"),
        ("bn shift=no", "y = (x - mean[c]) / sqrt(variance[c] + eps) * scale[c]  "),
        ("bn scale=no shift=no", "y = (x - mean[c]) / sqrt(variance[c] + eps)  "),
        ("conv3-4", "y[n,i,j,f] = b[f] + sum over"),
    ],
)
def test_a_rule_has_no_weight_that_the_layer_lacks(layer, rule):
    (each,) = of_text(f"input 9x9x6\n{layer}\n", 2)[:1]

    assert each.rule[0].startswith(rule)


def test_the_rule_of_a_layer_goes_on_with_its_norm_and_its_activation():
    (each,) = of_text("input 9x9x6\nconv3-4 bn relu\n", 2)

    assert each.rule[0].startswith("y[n,i,j,f] = sum over")
    assert [line[:26] for line in each.rule[2:]] == ["then bn: y = (x - mean[c])", "then relu: y = max(x, 0)  "]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("conv3-4", "2*17496 + 9*9*4"),
        ("conv3-4 bn relu", "2*17496 + 8*9*9*4 + 9*9*4"),
        ("maxpool3 pad=same", "9*3*3*6"),
        ("gap", "82*6"),
        ("relu", "9*9*6"),
    ],
)
def test_the_flops_beside_products_are_so_many_for_each_number(layer, text):
    (each,) = of_text(f"input 9x9x6\n{layer}\n", 2)[:1]

    assert workings(each)["FLOPs"].text == text


def test_of_many_copies_the_first_two_and_the_last_stand_with_their_numbers():
    first, *_ = of_text("input 8x8x4\nconv1-4\n[conv3-4] x7\n", 3)

    seen = workings(first)["receptive field"]
    assert seen.text == "1 + (3 - 1)*1, 3 + (3 - 1)*1, ..., 11 + (3 - 1)*1"
    assert seen.value == "3, 5, ..., 13"


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


CELL = """
cell mine(n, k=0.5):
    state h=n, c=2*n
    f = sigmoid(W[x, h] + b)  # the gate
    # kept
    c = c * f + W[k * x]
    h = tanh(W[c])
    output h
input 5x4
mine-6, mine(3)
"""


def test_a_use_of_a_cell_shows_its_equations_with_their_sizes():
    first, second = of_text(CELL, 10)

    assert first.rule == (
        "f = sigmoid(W[x, h] + b): 12 = W 10x12 · [x 4, h 6] + b",
        "c = c * f + W[0.5 * x]: 12 = c * f + W 4x12 · [0.5 * x 4]",
        "h = tanh(W[c]): 6 = W 12x6 · [c 12]",
    )
    assert workings(first)["MACs"].text == "5*(10*12 + 4*12 + 12*6)"
    assert (first.makes, second.makes) == ((5, 6), (5, 3))


def test_a_line_of_a_cell_is_explained_for_each_use():
    first, second = of_text(CELL, 4)

    assert (first.names, second.names) == (("mine1.f",), ("mine2.f",))
    assert second.rule == ("f = sigmoid(W[x, h] + b): 6 = W 9x6 · [x 6, h 3] + b",)
    assert [(w.what, w.text, w.value) for w in second.workings] == [
        ("weight W", "9*6", 54),
        ("weight b", "6", 6),
        ("parameters", "54 + 6", 60),
        ("MACs of a step", "54", 54),
        ("FLOPs of a step", "2*54 + 2*6", 120),
    ]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (3, "h, 6 wide, is 0 before the first step"),
        (8, "h, 6 wide, is what the next layer reads"),
        (2, "f = sigmoid(W[x, h] + b): 12 = W 10x12 · [x 4, h 6] + b"),
        (5, "f = sigmoid(W[x, h] + b): 12 = W 10x12 · [x 4, h 6] + b"),
    ],
)
def test_other_lines_of_a_cell_say_what_they_are_for(line, rule):
    assert of_text(CELL, line)[0].rule[0] == rule
    assert line in lines(check(parse(Source("t.net", CELL))))


def test_uses_with_the_same_numbers_are_explained_once():
    (found,) = of_text(CELL.replace("mine-6, mine(3)", "mine-4 x3"), 4)

    assert found.names == ("mine1.f", "mine2.f", "mine3.f")


def test_copies_that_see_as_much_in_height_as_in_width_stand_apart_from_those_that_do_not():
    found = of_text("block b: relu\ninput 8x8x1\nb, conv1x3-1 linear, b\n", 1)

    assert [each.names for each in found] == [("b1.relu1",), ("b2.relu1",)]
    assert "receptive field" in workings(found[0])
    assert workings(found[1])["receptive field, width"].value == 3


def test_a_field_that_is_no_whole_pixel_is_rounded_up_in_the_text_too():
    found = workings(of_text("input 4x4x1\nupsample4\nconv3-1\n", 3)[0])["receptive field"]

    assert (found.text, found.value) == ("ceil(1 + (3 - 1)*1/4)", 2)


def test_a_sum_of_products_is_doubled_as_a_whole():
    found = workings(of_text("input Tx3\nupsample2, conv3-4, pad 1, conv2-4\n", 2)[3])

    assert_comes_to_its_value(found["backward MACs"])


def test_a_sum_of_steps_is_divided_as_a_whole():
    found = workings(of_text("input Tx3\npad 1, maxpool4\n", 2)[1])

    assert_comes_to_its_value(found["steps"])
    assert found["steps"].text == "ceil((T + 2)/4)"
