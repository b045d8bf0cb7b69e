"""winograd: convolutions of 3x3 windows take fewer products where that is faster."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, evaluated, trained

from netlang.net import from_text
from netlang.passes import optimise
from netlang.passes.layout import layout
from netlang.passes.winograd import winograd
from netlang.primitives.gather.op import Transpose
from netlang.primitives.region.op import Region
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights

WIDE = "input 16x16x32\nconv3-64, conv3-64 pad=0\ngap, FC-3, soft-max"


def kinds(graph, kind):
    return [n.id for n in graph.made_by(kind)]


def test_wide_convolutions_of_large_images_change_their_form_in_all_roles():
    after = winograd(layout(trained(WIDE), 8), 8)

    assert kinds(after, Winograd) == ["conv1.0", "conv2.0", "d:conv2.0.0"]
    assert kinds(after, WinogradGradient) == ["d:conv2.w", "d:conv1.w"]
    assert len(kinds(after, WinogradWeights)) == 3


def test_no_transposed_copy_is_made_of_weights_in_whole_squares():
    after, narrow = (winograd(layout(trained(text), 8), 8) for text in (WIDE, WIDE.replace("-64,", "-72,", 1)))

    assert [node.made_by.turned for node in after.made_by(WinogradWeights)] == [False, False, True]
    assert "conv2.w.turned.winograd" in after
    assert kinds(after, Transpose) == ["fc1.w.t"]
    assert "conv2.w.t" in kinds(narrow, Transpose), "72 channels are no squares of 16"


def test_weights_that_are_transformed_on_the_way_are_turned_on_the_way():
    before = layout(trained("input 7x7x256\nconv3-256, conv3-256\ngap, FC-3, soft-max"), 8)

    after = winograd(before, 8)

    assert [node.made_by.turned for node in after.made_by(Winograd)] == [False, False, True]
    assert kinds(after, Transpose) == ["fc1.w.t"]
    assert not kinds(after, WinogradWeights)
    assert_computes_the_same(before, after)


@pytest.mark.parametrize("window", [3, 5, "1x7", "7x1", "3x1"])
def test_the_net_computes_what_it_did(window):
    before = layout(trained(WIDE.replace("conv3", f"conv{window}").replace("x32", "x96")), 8)

    after = winograd(before, 8)

    assert list(after.made_by(Winograd))
    assert_computes_the_same(before, after)


@pytest.mark.parametrize(
    "line", ["conv3-8", "conv3-64/2", "conv7-64", "conv3-64 dilation=2", "conv1-64", "conv1x3-64", "conv3-64 groups=32"]
)
def test_narrow_or_strided_or_other_windows_stay_as_they_are(line):
    after = winograd(layout(evaluated(f"input 16x16x32\n{line}\n"), 8), 8)

    assert not list(after.made_by(Winograd))


def test_weights_for_few_tiles_are_transformed_on_the_way_in_training_and_once_in_evaluation():
    text = "input 7x7x512\nconv3-512\ngap, FC-3, soft-max"

    training, evaluation = (winograd(layout(graph(text), 8), 8) for graph in (trained, evaluated))

    assert kinds(training, Winograd)
    assert not kinds(training, WinogradWeights)
    assert not any(node.made_by.filters for node in training.made_by(Winograd))
    assert kinds(evaluation, WinogradWeights) == ["conv1.w.winograd"]


def test_one_image_of_few_pixels_is_not_worth_it_in_the_gradient_by_the_weights():
    after = winograd(layout(trained("input 7x7x512\nconv3-512\ngap, FC-3, soft-max"), 1), 1)

    assert not kinds(after, WinogradGradient)


@pytest.mark.parametrize("window", ["1x7", "7x1", "1x3"])
def test_lines_of_many_channels_change_their_form_in_all_roles(window):
    after = winograd(layout(trained(f"input 17x17x128\nconv{window}-128, conv{window}-128\ngap, FC-3, soft-max"), 8), 8)

    assert kinds(after, Winograd) == ["conv1.0", "conv2.0", "d:conv2.0.0"]
    assert kinds(after, WinogradGradient) == ["d:conv2.w", "d:conv1.w"]
    assert {node.made_by.window for node in after.made_by(Winograd)} == {tuple(map(int, window.split("x")))}


def test_lines_across_an_image_and_down_it_share_their_kernels():
    def kernels(window):
        plan = from_text(f"input 17x17x128\nconv{window}-128\n").compile(batch=8).stages("evaluate").plan
        made = {launch.draft.kernel for launches in plan.segments.values() for launch in launches}
        return {kernel for kernel in made if kernel.name.startswith("winograd")}

    assert len(kernels("1x7")) == 2
    assert kernels("1x7") == kernels("7x1") == kernels("1x3") == kernels("5x1")


def test_formulas_run_where_the_pixels_leave_it():
    after = optimise(trained(WIDE), 8)

    assert isinstance(after["conv1.relu"].made_by, Region)
    assert isinstance(after["conv1.relu"].made_by.anchor, Winograd)


def test_strict_precision_leaves_it_out():
    assert not list(optimise(trained(WIDE), 8, strict=True).made_by(WinogradWeights))

    net = from_text("input 16x16x32\nconv3-32, gap, FC-3, soft-max")
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 32)).astype(np.float32)
    fast, strict = (net.compile(batch=8, precision=p) for p in ("fast", "strict"))
    assert "winograd" in str(fast.stages("evaluate").plan)
    assert "winograd" not in str(strict.stages("evaluate").plan)
    np.testing.assert_allclose(fast(x), strict(x), rtol=1e-5, atol=1e-6)


def test_a_file_may_ask_for_strict_precision():
    net = from_text("input 16x16x32\nconv3-32, gap, FC-3, soft-max\ntrain: precision=strict")

    assert "winograd" not in str(net.compile(batch=8).stages("evaluate").plan)
    assert "winograd" in str(net.compile(batch=8, train={"precision": "fast"}).stages("evaluate").plan)
    assert "winograd" in str(net.compile(batch=8, precision="fast").stages("evaluate").plan)


@pytest.mark.parametrize("said", [{"precision": "high"}, {"train": {"precision": "high"}}])
def test_another_precision_is_refused(said):
    with pytest.raises(ValueError, match="`fast`, `strict`"):
        from_text("input 4\nFC-2").compile(batch=1, **said)
