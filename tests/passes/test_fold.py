"""fold: a reshaped input is an input of that shape."""

from graphs import MLP, SMALL_CONV, assert_computes_the_same, trained

from netlang.graph import Input
from netlang.passes.fold import fold
from netlang.primitives.gather.op import Reshape


def test_an_input_that_is_only_flattened_takes_the_flat_shape():
    before = trained(MLP)

    after = fold(before, 8)

    assert after["input"].type.shape == ("n", 16)
    assert not list(after.made_by(Reshape))
    assert_computes_the_same(before, after)


def test_an_image_that_a_convolution_reads_keeps_its_shape():
    before = trained(SMALL_CONV)

    after = fold(before, 8)

    assert next(after.made_by(Input)).type.shape == ("n", 6, 6, 2)
    assert [n.id for n in after] == [n.id for n in before]
