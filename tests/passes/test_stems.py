"""stems: first convolutions with a stride become some without, which Winograd's way makes."""

import pytest
from graphs import assert_computes_the_same, evaluated, trained

from netlang.passes.layout import layout
from netlang.passes.stems import stems
from netlang.passes.winograd import winograd
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import SpaceToDepth
from netlang.primitives.winograd.op import Winograd


def gathered(graph):
    return [node.id for node in graph.made_by(SpaceToDepth)]


@pytest.mark.parametrize("made", [evaluated, trained])
@pytest.mark.parametrize(
    "first",
    [
        "conv7-33 /2 pad=3",
        "conv7-33 /2 valid",
        "conv8-33 /2 pad=1",
        "conv11-64 /4 pad=2",
        "conv7-33 /2",
    ],
)
def test_a_first_convolution_with_a_stride_is_one_without_of_squares_of_pixels(first, made):
    before = made(f"input 69x67x3\n{first} relu, maxpool3 /2\ngap, FC-3, softmax")

    after = stems(before, 2)

    assert gathered(after) == ["input.depth", "conv1.w.depth"]
    assert {n.made_by.stride for n in after.made_by(Contraction) if n.made_by.role == "out"} == {(1, 1)}
    assert_computes_the_same(before, after)
    laid = layout(after, 2)
    assert laid["input"].type.shape == ("n", 69 * 67 * 3)  # as callers have it
    assert_computes_the_same(before, laid)
    fast = winograd(laid, 2)
    assert len(list(fast.made_by(Winograd))) == 1
    assert_computes_the_same(before, fast)


@pytest.mark.parametrize(
    "first",
    [
        "conv7-33 pad=3",  # no stride
        "conv3-33 /2",  # a window of 2x2 squares has no form
        "conv7-33 /2x3",
        "conv7-33 /2 dilation=2",
        "conv7-4 /2",  # too few filters
        "conv1-24, conv7-33 /2",  # many channels
    ],
)
def test_others_stay_as_they_are(first):
    before = trained(f"input 69x67x3\n{first}, maxpool3 /2\nFC-3, softmax")

    assert stems(before, 2) is before


def test_two_that_read_an_image_alike_share_its_squares():
    before = evaluated("input 69x67x3\nconcat[conv7-33 /2 | conv7-20 /2 pad=3]\nFC-3")

    after = stems(before, 2)

    assert len(gathered(after)) == 3
    assert_computes_the_same(before, after)


def test_examples_in_the_lanes_stay_there():
    before = evaluated("input 21x21x1\nconv7-20 /2, conv3-6, conv3-6, conv3-6\nFC-3")

    assert stems(before, 64) is before
