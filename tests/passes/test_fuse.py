"""fuse: formulas move into the launch that makes, or reads, their operand."""

from graphs import MLP, SMALL_CONV, assert_computes_the_same, evaluated, trained

from netlang.passes.fuse import fuse
from netlang.passes.verify import verify
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region


def test_bias_and_activation_join_the_convolution():
    before = evaluated(SMALL_CONV)

    after = fuse(before, 8)

    region = after["conv1.tanh"].made_by
    assert isinstance(region, Region)
    assert isinstance(region.anchor, Contraction)
    assert str(region.after) == "tanh(y + i2)"
    assert after["conv1.tanh"].inputs == ("input", "conv1.w", "conv1.b")
    assert_computes_the_same(before, after)


def test_a_map_of_what_is_spread_over_an_image_spreads_it_itself():
    """Behind an average over all places every pixel gets the same gradient."""
    before = trained("input 4x4x2\nconv3-3 bn tanh, scale 0.5, scale 3, gap, FC-2, soft-max")

    assert_computes_the_same(before, fuse(before, 8))
    verify(fuse(before, 8))


def test_the_mask_of_an_activation_joins_the_gradient_that_reaches_it():
    before = trained("input 5\nFC-4, FC-3, soft-max")

    after = fuse(before, 8)

    masks = [n for n in after.made_by(Region) if n.made_by.anchor.role == "data"]
    assert [str(n.made_by.after) for n in masks] == ["where(i2 > 0, y, 0)"]
    assert_computes_the_same(before, after)


def test_a_value_that_others_read_stays():
    before = trained(SMALL_CONV)

    after = fuse(before, 8)

    for name, of in before.outputs.items():
        assert after.outputs[name] == of
    assert_computes_the_same(before, after)


def test_maps_in_a_row_are_one():
    before = evaluated("input 5\nrelu, sigmoid, tanh")

    after = fuse(before, 8)

    maps = list(after.made_by(Map))
    assert [str(n.made_by.term) for n in maps] == ["tanh(sigmoid(maximum(i0, 0)))"]
    assert_computes_the_same(before, after)


def test_dropout_is_drawn_alike_forward_and_backward():
    before = trained(MLP)

    assert_computes_the_same(before, fuse(before, 8))
