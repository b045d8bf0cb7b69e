"""layout: which axis lies in the lanes."""

import pytest
from graphs import MLP, SMALL_CONV, assert_computes_the_same, evaluated, trained

from netlang.graph import Graph, Input, Node
from netlang.memory import lanes_of
from netlang.passes.fold import fold
from netlang.passes.layout import image_lanes, layout
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Convert, Transpose
from netlang.source import NOWHERE
from netlang.types import Tensor

WIDE = "input 6x6x16\nconv3-32, conv3-32\nFC-3, soft-max"


@pytest.mark.parametrize(("text", "batch", "lanes"), [(SMALL_CONV, 64, "n"), (SMALL_CONV, 2, "c"), (WIDE, 64, "c")])
def test_narrow_convolutions_of_many_examples_keep_the_examples_in_the_lanes(text, batch, lanes):
    assert image_lanes(trained(text), batch) == lanes


def test_lanes_change_where_images_become_vectors_and_nowhere_else():
    before = trained(SMALL_CONV)

    after = layout(before, 64)

    lanes = lanes_of(after)
    assert lanes["input.image"] == lanes["conv2"] == "n"
    assert lanes["input"] == lanes["fc1"] == lanes["target"] == "c"
    assert len(list(after.made_by(Convert))) == 3  # of the input as rows, forward, and backward
    assert_computes_the_same(before, after)


@pytest.mark.parametrize(
    ("first", "shape"), [("conv3-5", (8, 8, 2)), ("conv3-5 valid", (6, 6, 2)), ("maxpool", (6, 6, 2))]
)
def test_an_image_with_examples_in_its_lanes_has_the_border_that_its_products_want(first, shape):
    before = trained(f"input 6x6x2\n{first}, conv3-4 valid\nFC-3, softmax")

    after = layout(before, 64)

    assert after["input.image"].type.shape == ("n", *shape)
    assert_computes_the_same(before, after)


@pytest.mark.parametrize("made", [evaluated, trained])
@pytest.mark.parametrize(("first", "rows"), [("conv3-5", True), ("conv1-5", False), ("maxpool", False)])
def test_an_image_of_few_channels_that_only_windows_of_products_read_comes_as_rows(first, rows, made):
    before = made(f"input 6x6x2\n{first}, conv3-4 valid\nFC-3, softmax")

    after = layout(before, 2)

    assert after["input"].type.shape == (("n", 72) if rows else ("n", 6, 6, 2))
    assert_computes_the_same(before, after)


def test_an_image_that_stands_for_a_gradient_does_not_come_as_rows():
    graph = Graph()
    x, y = (Node(name, Input(name), (), Tensor("f64", ("n", 5, 6, 3)), NOWHERE) for name in "xy")
    weight = Contraction("weight", (3, 3), pad=(1, 1, 1, 1), size=(5, 6))
    w = Node("w", weight, ("x", "y"), weight.infer(x.type, y.type), NOWHERE)
    for node in (x, y, w):
        graph.add(node)
    graph.outputs["w"] = "w"

    after = layout(graph, 2)

    assert after["x"].type.shape == ("n", 90)
    assert after["y"].type == y.type
    assert_computes_the_same(graph, after)


def test_every_reader_of_images_or_vectors_reads_one_kind_of_lanes():
    after = layout(trained(SMALL_CONV), 64)

    for node in after:
        told = {lanes_of(after)[i] for i in node.inputs if after[i].type.batched}
        assert len(told) <= 1, node


@pytest.mark.parametrize("text", [MLP, WIDE])
def test_data_gradients_of_channels_in_the_lanes_read_the_weights_transposed(text):
    before = fold(trained(text), 64)

    after = layout(before, 64)

    data = [n for n in after.made_by(Contraction) if n.made_by.role == "data"]
    assert data
    assert all(isinstance(after[n.inputs[1]].made_by, Transpose) for n in data)
    assert_computes_the_same(before, after)
