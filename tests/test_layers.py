"""Layers: where windows start, what is refused and in which words, and how weights start."""

import numpy as np
import pytest

import netlang.layers  # noqa: F401 (makes the layers known)
from netlang.layer import Misfit, find
from netlang.layers import initial
from netlang.layers.sliding import slide
from netlang.types import Tensor


def image(h=7, w=6, c=5):
    return Tensor("f32", ("n", h, w, c))


VECTOR, SEQUENCE = Tensor("f32", ("n", 10)), Tensor("f32", ("n", 12, 8))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "count", "sides"),
    [
        (224, 7, 2, 112, (3, 3)),  # ResNet's first layer: (k-1)/2 on both sides
        (28, 5, 1, 28, (2, 2)),
        (5, 3, 2, 3, (1, 1)),
        (6, 3, 2, 3, (1, 1)),  # one row would do; odd windows get it on both sides
        (6, 2, 1, 6, (1, 0)),  # even windows: above and left, as the lecture has it
        (6, 4, 1, 6, (2, 1)),
        (7, 4, 2, 4, (2, 1)),
        (7, 1, 2, 4, (0, 0)),
    ],
)
def test_same_padding_makes_one_window_for_every_stride_begun(size, kernel, stride, count, sides):
    counts, (top, left, bottom, right) = slide((size, size), (kernel, kernel), (stride, stride), "same")
    assert (counts, (top, bottom), (left, right)) == ((count, count), sides, sides)


def test_even_pools_are_padded_below_and_right():
    assert slide((7, 6), (2, 2), (2, 2), "same", end_first=True) == ((4, 3), (0, 0, 1, 0))
    assert slide((6, 6), (4, 4), (1, 1), "same", end_first=True) == ((6, 6), (1, 1, 2, 2))


def test_valid_and_numbered_padding():
    assert slide((7, 6), (3, 3), (2, 2), "valid") == ((3, 2), (0, 0, 0, 0))
    assert slide((7, 6), (3, 3), (2, 2), (1, 2)) == ((4, 4), (1, 2, 1, 2))


def test_dilated_windows_count_the_pixels_they_span():
    assert find("conv")((3, 3), 4, pad="valid", dilation=(2, 3)).infer(image(9, 9)).shape == ("n", 5, 3, 4)
    assert find("conv")((3, 3), 4, dilation=(2, 2)).infer(image()).shape == ("n", 7, 6, 4)


@pytest.mark.parametrize(
    ("layer", "inputs", "message", "setting"),
    [
        (
            lambda: find("conv")((3, 3), 4),
            [VECTOR],
            "`conv` slides over an image or a sequence, and this is a vector: 10",
            None,
        ),
        (
            lambda: find("maxpool")((3, 2)),
            [SEQUENCE],
            "a sequence has one axis to slide along, and this kernel has two: 3x2",
            "kernel",
        ),
        (lambda: find("conv")((3, 3), 0), [image()], "width must be 1 or more", "width"),
        (lambda: find("conv")((3, 3), 4, stride=(0, 1)), [image()], "stride must be 1 or more", "stride"),
        (lambda: find("conv")((3, 3), 4, pad=(-1, 0)), [image()], "pad must be 0 or more", "pad"),
        (
            lambda: find("conv")((9, 9), 4, pad="valid"),
            [image()],
            "a window of 9x9 does not fit into 7x6 pixels",
            "kernel",
        ),
        (
            lambda: find("avgpool")(pad=(2, 0)),
            [image()],
            "pad must be smaller than the window, or some windows would hold no pixel",
            "pad",
        ),
        (lambda: find("fc")(10), [SEQUENCE], "`fc` reads a vector, and this is a sequence: 12x8", None),
        (
            lambda: find("dropout")(1.0),
            [VECTOR],
            "rate is the share of numbers set to zero: from 0 to below 1",
            "rate",
        ),
        (
            lambda: find("add")(),
            [image(), image(7, 6, 4)],
            "the branches of `add` do not agree: 7x6x5 against 7x6x4",
            None,
        ),
        (
            lambda: find("concat")(),
            [image(), image(6, 6)],
            "the branches of `concat` do not agree: 7x6x5 against 6x6x5",
            None,
        ),
        (lambda: find("sub")(), [VECTOR] * 3, "`sub` takes 2 branches, not 3", None),
        (lambda: find("add")(), [], "`add` stands in front of branches: `add[ … | … ]`", None),
    ],
)
def test_what_does_not_fit_is_refused_in_words(layer, inputs, message, setting):
    with pytest.raises(Misfit) as refused:
        layer().infer(*inputs)
    assert (str(refused.value), refused.value.setting) == (message, setting)


def test_a_size_that_is_not_fixed_is_refused():
    free = Tensor("f32", ("n", "H", "W", 3))
    for layer in (find("local")((3, 3), 4), find("fc")(4), find("flatten")()):
        with pytest.raises(Misfit, match=r"fixed size"):
            layer.infer(free)


def test_layers_print_as_they_are_written():
    assert str(find("conv")((3, 3), 64)) == "conv3-64"
    assert str(find("conv")((1, 7), 192, stride=(2, 1), pad="valid", bias=False)) == (
        "conv1x7-192/2x1 pad=valid bias=no"
    )
    assert str(find("maxpool")((3, 3), (2, 2))) == "maxpool3/2"
    assert str(find("dropout")(0.25)) == "dropout 0.25"
    assert str(find("dense")(10)) == "fc-10"


@pytest.mark.parametrize(("word", "variance"), [("he", 2 / 300), ("xavier", 2 / 500), ("lecun", 1 / 300)])
def test_initialisations_have_the_variance_of_their_papers(word, variance):
    w = initial.array(word, (300, 200), (300, 200), initial.generator(0, "fc1.w"))
    assert abs(w.mean()) < 5 * np.sqrt(variance / w.size)  # five standard errors
    assert w.var() == pytest.approx(variance, rel=0.03)  # its standard error is about 0.6 %


def test_the_other_initialisations():
    def draw(word):
        return initial.array(word, (30, 20), (30, 20), initial.generator(0, "w"))

    np.testing.assert_allclose(draw("orthogonal").T @ draw("orthogonal"), np.eye(20), atol=1e-12)
    assert draw("normal").std() == pytest.approx(0.05, rel=0.2)
    assert 0.04 < np.abs(draw("uniform")).max() <= 0.05
    assert not draw("zeros").any()
    assert (draw("ones") == 1).all()


def test_a_weight_starts_alike_whatever_else_the_net_holds():
    first = initial.generator(3, "conv1.w").normal(size=4)
    assert (initial.generator(3, "conv1.w").normal(size=4) == first).all()
    assert not (initial.generator(3, "conv2.w").normal(size=4) == first).any()
    assert not (initial.generator(4, "conv1.w").normal(size=4) == first).any()
