"""Winograd's convolution with a stride of 2, by phases of the windows, and both its gradients."""

import numpy as np
import pytest
from kernels import assert_kernel_agrees

from netlang.passes.winograd import _form
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Transpose
from netlang.primitives.reference import Run, reference
from netlang.primitives.winograd import convolve, cpu, reduce
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights
from netlang.types import Tensor

# n, size, pad, channels in, channels out: whole tiles, tiles at every border, no padding, single pixels of a phase, an
# unread row, a tile more of even rows than of odd ones
SHAPES = [
    (2, (16, 16), (1, 1, 1, 1), 16, 32),
    (3, (9, 7), (1, 1, 1, 1), 19, 70),
    (1, (19, 21), (0, 0, 0, 0), 33, 17),
    (5, (3, 11), (2, 1, 0, 2), 16, 16),
    (9, (13, 14), (1, 0, 1, 2), 32, 48),
    (2, (10, 12), (0, 0, 1, 1), 3, 40),
    (4, (1, 2), (1, 1, 1, 1), 17, 16),
]
EACH = pytest.mark.parametrize(("n", "size", "pad", "c", "f"), SHAPES)
TOLERANCE = {"f32": 1e-5, "f64": 1e-13}  # as without a stride
WEIGHTS = WinogradWeights(stride=2)


def direct(role, size, pad):
    return Contraction(role, (3, 3), (2, 2), pad, (1, 1), size)


def back(size, pad):
    """The gradient by the data, as the pass forms it."""
    return _form(direct("data", size, pad))


def types(dtype, *shapes):
    return tuple(Tensor(dtype, shape) for shape in shapes)


def assert_it_agrees(form, n, c, f, dtype):
    """With given weights: random ones, transformed."""
    x, w = types(dtype, ("n", *form.size, c), (3, 3, c, f))
    rng, u = np.random.default_rng(0), WEIGHTS.infer(w)
    values = rng.normal(size=x.arrayed(n)), reference(WEIGHTS, (rng.normal(size=w.arrayed(n)),), u, Run(n))
    given = Winograd(form.pad, form.size, f, stride=form.stride, dilation=form.dilation)

    assert_kernel_agrees(given, (x, u), n=n, tolerance=TOLERANCE[dtype], values=values)


@EACH
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_kernel_agrees_with_the_reference(n, size, pad, c, f, dtype):
    assert_it_agrees(Winograd(pad, size, stride=2), n, c, f, dtype)
    assert_it_agrees(back(size, pad), n, f, c, dtype)


@EACH
def test_the_kernel_that_transforms_weights_on_the_way_agrees_with_the_reference(n, size, pad, c, f):
    forward, by_data = Winograd(pad, size, stride=2), back(size, pad)

    assert_kernel_agrees(forward, types("f32", ("n", *size, c), (3, 3, c, f)), n=n, tolerance=1e-5)
    assert_kernel_agrees(by_data, types("f32", ("n", *forward.windows, f), (3, 3, f, c)), n=n, tolerance=1e-5)


@EACH
@pytest.mark.parametrize(("most", "large"), [(3, 1 << 30), (200, 0)])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_kernel_of_the_gradient_agrees_with_the_reference(n, size, pad, c, f, dtype, most, large, monkeypatch):
    monkeypatch.setattr(reduce, "most_tiles", lambda *_: most)
    monkeypatch.setattr(reduce, "LARGE", large)
    x, dy = types(dtype, ("n", *size, c), ("n", *Winograd(pad, size, stride=2).windows, f))

    assert_kernel_agrees(WinogradGradient(pad, size, stride=2), (x, dy), n=n, tolerance=TOLERANCE[dtype])


@EACH
@pytest.mark.parametrize("limit", ["FAR", "LARGE"])
def test_large_results_and_threads_that_share_a_block_agree_with_the_reference(n, size, pad, c, f, limit, monkeypatch):
    monkeypatch.setattr(convolve, limit, 0)

    assert_it_agrees(Winograd(pad, size, stride=2), n, c, f, "f32")
    assert_it_agrees(back(size, pad), n, f, c, "f32")


@pytest.mark.parametrize("way", ["forward", "back"])
@pytest.mark.parametrize("given", [True, False])
def test_more_channels_than_one_sum_takes_agree_with_the_reference(way, given):
    size, pad = (10, 9), (1, 1, 1, 1)
    form = Winograd(pad, size, stride=2) if way == "forward" else back(size, pad)
    if given:
        return assert_it_agrees(form, 2, 300, 80, "f32")
    return assert_kernel_agrees(form, types("f32", ("n", *form.size, 300), (3, 3, 300, 80)), n=2, tolerance=1e-5)


@pytest.mark.parametrize(("c", "f"), [(160, 48), (16, 32)])
def test_the_kernel_that_turns_weights_on_the_way_agrees_with_the_reference(c, f):
    """Channels of y by channels of x: w is that of the convolution whose gradient this is."""
    form = back((9, 12), (1, 1, 1, 1))
    turned = Winograd(form.pad, form.size, dilation=2, turned=True)

    assert_kernel_agrees(turned, types("f32", ("n", *form.size, c), (3, 3, f, c)), n=2, tolerance=1e-5)


@pytest.mark.parametrize("far", [1, 1 << 40])
@pytest.mark.parametrize("turned", [False, True])
def test_the_kernel_of_the_weights_agrees_with_the_reference(far, turned, monkeypatch):
    monkeypatch.setattr(cpu, "FAR", far)

    assert_kernel_agrees(WinogradWeights(stride=2, turned=turned), types("f32", (3, 3, 48, 16)), n=1)
    if not turned:
        assert_kernel_agrees(WEIGHTS, types("f32", (3, 3, 5, 19)), n=1)


@EACH
def test_it_is_the_direct_convolution(n, size, pad, c, f):
    form, by_data, run, rng = Winograd(pad, size, stride=2), back(size, pad), Run(n), np.random.default_rng(0)
    x, w, y = types("f64", ("n", *size, c), (3, 3, c, f), ("n", *form.windows, f))
    image, weights, dy = (rng.normal(size=t.arrayed(n)) for t in (x, w, y))
    turned = reference(Transpose(), (weights,), Transpose().infer(w), run)

    for made, inputs, role, read, of in (
        (form, (image, weights), "out", (image, weights), y),
        (by_data, (dy, turned), "data", (dy, weights), x),
        (WinogradGradient(pad, size, stride=2), (image, dy), "weight", (image, dy), w),
    ):
        wanted = reference(direct(role, size, pad), read, of, run)
        np.testing.assert_allclose(reference(made, inputs, of, run), wanted, atol=1e-10)


@pytest.mark.parametrize("channels", [192, 288])
def test_float32_stays_within_the_bound_with_as_many_channels_as_inception_has(channels):
    rng, size, pad = np.random.default_rng(0), (35, 35), (0, 0, 0, 0)
    x, w = types("f32", ("n", *size, channels), (3, 3, channels, 16))
    form, by_data = Winograd(pad, size, stride=2), back(size, pad)
    y = form.infer(x, w)
    image, dy = np.maximum(rng.normal(size=x.arrayed(1)), 0), rng.normal(size=y.arrayed(1))
    wide, more = Tensor("f32", ("n", *y.shape[1:3], channels)), Tensor("f32", (3, 3, channels, 16))

    assert_kernel_agrees(form, (x, w), n=1, tolerance=1e-5, values=(image, rng.normal(size=w.arrayed(1))))
    assert_kernel_agrees(WinogradGradient(pad, size, stride=2), (x, y), n=1, tolerance=1e-5, values=(image, dy))
    values = rng.normal(size=wide.arrayed(1)), rng.normal(size=more.arrayed(1))
    assert_kernel_agrees(by_data, (wide, more), n=1, tolerance=1e-5, values=values)
