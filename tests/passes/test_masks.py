"""masks: where a ReLU let through is told by what the norm in front of it read."""

import pytest
from graphs import assert_computes_the_same, trained

from netlang.passes import optimise
from netlang.passes.fuse import fuse
from netlang.passes.masks import masks
from netlang.primitives.region.op import Region

NORMED = "input 9x8x17\nconv3-20 bn relu, conv1-35 bn relu, conv3-6, gap, FC-2, soft-max"


def formulas(graph):
    return [str(node.made_by.after) for node in graph.made_by(Region) if node.made_by.anchor.role == "data"]


def test_the_mask_of_a_norm_and_a_relu_reads_what_its_sums_read():
    before = fuse(trained(NORMED), 8)

    after = masks(before, 8)

    assert formulas(before) == ["where(i2 > 0, y, 0)"] * 2
    assert formulas(after) == ["where((i2 - i3) * i4 * i5 + i6 > 0, y, 0)"] * 2
    first = after["d:conv2.relu.0"]
    assert first.inputs[2:] == ("conv2", "conv2.bn.1", "conv2.bn.6", "conv2.bn.scale", "conv2.bn.shift")
    assert_computes_the_same(before, after)


@pytest.mark.parametrize(
    "line",
    [
        "conv3-20 relu, conv1-35 relu",  # the sum, the gradient of a bias, reads nothing else
        "conv3-20 bn sigmoid, conv1-35 bn sigmoid",  # not a question of more than 0
        "conv3-17 relu, residual [conv3-17 bn], relu, conv1-20 relu",  # two numbers of full size
    ],
)
def test_other_masks_stay(line):
    before = fuse(trained(f"input 6x6x17\n{line}, conv3-6, gap, FC-2, soft-max"), 8)

    assert formulas(masks(before, 8)) == formulas(before)


def test_it_is_among_the_passes_for_processors_alone():
    graph = trained(NORMED)

    assert any("i6" in f for f in formulas(optimise(graph, 8, strict=True)))
    assert not any("i6" in f for f in formulas(optimise(graph, 8, device="cuda")))
