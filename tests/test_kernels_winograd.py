"""Winograd's convolution: the same numbers as the direct one, by fewer products."""

from dataclasses import replace

import numpy as np
import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.reference import compute as directly
from netlang.primitives.gather.op import Transpose
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run, reference
from netlang.primitives.winograd import convolve, cpu, reduce
from netlang.primitives.winograd.op import FORMS, Winograd, WinogradGradient, WinogradWeights
from netlang.types import Tensor

# n, size, pad, channels in, channels out: whole tiles, tiles at every border, one tile, rows of tiles past the end
SHAPES = [
    (2, (8, 8), (1, 1, 1, 1), 16, 32),
    (3, (9, 7), (1, 1, 1, 1), 19, 70),
    (1, (6, 6), (0, 0, 0, 0), 33, 17),
    (5, (3, 11), (2, 1, 0, 2), 16, 16),
    (9, (13, 13), (1, 1, 1, 1), 32, 48),
]
TOLERANCE = {"f32": 1e-5, "f64": 1e-13}  # the transforms multiply by up to 5 and cancel again: five times a plain sum


SQUARES = [(window, *shape) for window in ((3, 3), (5, 5), (2, 2)) for shape in SHAPES]
LINES = [  # across the image and down it: one channel, one pixel, a border at every tile, several tiles
    ((1, 7), 1, (2, 17), (0, 3, 0, 3), 16, 48),
    ((7, 1), 3, (9, 4), (3, 0, 3, 0), 19, 33),
    ((7, 1), 1, (7, 3), (0, 0, 0, 0), 1, 1),
    ((1, 3), 3, (5, 19), (0, 1, 0, 1), 33, 17),
    ((3, 1), 1, (13, 2), (2, 0, 1, 0), 16, 16),
    ((1, 5), 3, (3, 12), (0, 4, 0, 2), 1, 70),
    ((5, 1), 2, (11, 3), (2, 0, 0, 0), 40, 16),
]


def directly_by(role, window, size, pad):
    return Contraction(role, window, (1, 1), pad, (1, 1), size)


def types(dtype, *shapes):
    return tuple(Tensor(dtype, shape) for shape in shapes)


def assert_it_agrees(n, size, pad, c, f, window, dtype):
    """With given weights: random ones, transformed."""
    x, w = types(dtype, ("n", *size, c), (*window, c, f))
    transform, rng = WinogradWeights(window), np.random.default_rng(0)
    u = transform.infer(w)
    values = rng.normal(size=x.arrayed(n)), reference(transform, (rng.normal(size=w.arrayed(n)),), u, Run(n))

    form = Winograd(pad, size, f, window=window)
    assert_kernel_agrees(form, (x, u), n=n, tolerance=TOLERANCE[dtype], values=values)


@pytest.mark.parametrize(("window", "n", "size", "pad", "c", "f"), [*SQUARES, *LINES])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_kernel_agrees_with_the_reference(window, n, size, pad, c, f, dtype):
    assert_it_agrees(n, size, pad, c, f, window, dtype)


@pytest.mark.parametrize(
    ("window", "n", "size", "pad", "c", "f"), [*SQUARES[:5], *LINES, ((3, 3), 2, (5, 4), (1, 1, 1, 1), 150, 40)]
)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_kernel_that_transforms_weights_on_the_way_agrees_with_the_reference(window, n, size, pad, c, f, dtype):
    x, w = types(dtype, ("n", *size, c), (*window, c, f))

    assert_kernel_agrees(Winograd(pad, size, window=window), (x, w), n=n, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize(("window", "n", "size", "pad", "c", "f"), [*SQUARES[:5], *LINES])
def test_large_results_go_past_the_caches(window, n, size, pad, c, f, monkeypatch):
    monkeypatch.setattr(convolve, "FAR", 0)

    assert_it_agrees(n, size, pad, c, f, window, "f32")


@pytest.mark.parametrize(
    ("window", "n", "size", "pad", "c", "f"), [*SQUARES[:5], *LINES, ((3, 3), 2, (5, 4), (1, 1, 1, 1), 40, 150)]
)
def test_threads_that_share_a_block_of_tiles_agree_with_the_reference(window, n, size, pad, c, f, monkeypatch):
    monkeypatch.setattr(convolve, "LARGE", 0)

    assert_it_agrees(n, size, pad, c, f, window, "f32")


@pytest.mark.parametrize(("window", "n", "size", "pad", "c", "f"), [*SQUARES, *LINES])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("most", "large"), [(3, 1 << 30), (200, 0)])
def test_the_kernel_of_the_gradient_agrees_with_the_reference(
    window, n, size, pad, c, f, dtype, most, large, monkeypatch
):
    monkeypatch.setattr(reduce, "most_tiles", lambda *_: most)
    monkeypatch.setattr(reduce, "LARGE", large)
    y = Winograd(pad, size, window=window).windows
    x, dy = types(dtype, ("n", *size, c), ("n", *y, f))

    assert_kernel_agrees(WinogradGradient(pad, size, window=window), (x, dy), n=n, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("near", "channels", "tiles"), [(1 << 20, 128, 400), (2 << 20, 128, 56), (2 << 20, 512, 48), (2 << 20, 32, 227)]
)
def test_a_block_of_a_gradient_stays_in_the_second_cache_where_the_third_is_slow(near, channels, tiles):
    target = Target("test", "f32", ((1, 1),), 2, near=near)

    assert reduce.most_tiles(target, 36 * channels * 4, reduce.LARGE) == tiles
    assert reduce.most_tiles(target, 36 * channels * 4, reduce.LARGE + 1) == 200


@pytest.mark.parametrize("window", FORMS)
@pytest.mark.parametrize(("c", "f"), [(16, 32), (5, 19)])
def test_the_kernel_of_the_weights_agrees_with_the_reference(c, f, window):
    assert_kernel_agrees(WinogradWeights(window), types("f32", (*window, c, f)), n=1)


@pytest.mark.parametrize("window", FORMS)
@pytest.mark.parametrize(("c", "f"), [(16, 32), (48, 16)])
@pytest.mark.parametrize("far", [1, 1 << 40])
def test_the_kernel_of_turned_weights_agrees_with_the_reference(c, f, far, window, monkeypatch):
    monkeypatch.setattr(cpu, "FAR", far)

    assert_kernel_agrees(WinogradWeights(window, turned=True), types("f32", (*window, c, f)), n=1)


@pytest.mark.parametrize("window", FORMS)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("c", "f"), [(160, 48), (16, 32)])
def test_the_kernel_that_turns_weights_on_the_way_agrees_with_the_reference(c, f, dtype, window):
    """Channels of y by channels of x: w is that of the convolution whose gradient this is."""
    pad = (1, window[1] // 2, window[0] // 2, 0)
    x, w = types(dtype, ("n", 7, 9, c), (*window, f, c))

    form = Winograd(pad, (7, 9), window=window, turned=True)
    assert form.infer(x, w).channels == f
    assert_kernel_agrees(form, (x, w), n=2, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("window", FORMS)
def test_turned_weights_are_those_of_the_transposed_copy(window):
    w, run = Tensor("f64", (*window, 16, 32)), Run(1)
    value = np.random.default_rng(0).normal(size=w.arrayed(1))
    plain, turned = WinogradWeights(window), WinogradWeights(window, turned=True)
    copy = Transpose().infer(w)

    assert turned.infer(w) == plain.infer(copy)
    wanted = reference(plain, (reference(Transpose(), (value,), copy, run),), plain.infer(copy), run)
    np.testing.assert_array_equal(reference(turned, (value,), turned.infer(w), run), wanted)


@pytest.mark.parametrize("window", FORMS)
def test_many_transformed_weights_are_written_past_the_caches(window, monkeypatch):
    monkeypatch.setattr(cpu, "FAR", 1)

    assert_kernel_agrees(WinogradWeights(window), types("f32", (*window, 16, 19)), n=1)


@pytest.mark.parametrize(("window", "n", "size", "pad", "c", "f"), [*SQUARES, *LINES])
def test_it_is_the_direct_convolution(window, n, size, pad, c, f):
    form = Winograd(pad, size, f, window=window)
    x, w, y = types("f64", ("n", *size, c), (*window, c, f), ("n", *form.windows, f))
    rng, run = np.random.default_rng(0), Run(n)
    image, weights, dy = (rng.normal(size=t.arrayed(n)) for t in (x, w, y))

    transform = WinogradWeights(window)
    u = reference(transform, (weights,), transform.infer(w), run)
    wanted = directly(directly_by("out", window, size, pad), (image, weights), y, run)
    np.testing.assert_allclose(
        reference(form, (image, u), form.infer(x, Tensor("f64", u.shape)), run), wanted, atol=1e-11
    )
    np.testing.assert_allclose(reference(replace(form, filters=0), (image, weights), y, run), wanted, atol=1e-11)
    gradient, by = WinogradGradient(pad, size, window=window), directly_by("weight", window, size, pad)
    np.testing.assert_allclose(reference(gradient, (image, dy), w, run), directly(by, (image, dy), w, run), atol=1e-10)


@pytest.mark.parametrize("form", FORMS.values())
def test_the_matrices_convolve_exactly(form):
    """Along one axis: At [(G g) * (Bt d)] is the correlation of d with g, in fractions."""
    for axis in (form.high, form.wide):
        d, g = list(range(2, 2 + axis.span)), [3, -1, 5, 2, -7, 4, 1][: axis.window]

        def times(matrix, vector):
            return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

        found = times(axis.at, [a * b for a, b in zip(times(axis.g, g), times(axis.bt, d), strict=True)])

        assert found == [sum(d[i + u] * g[u] for u in range(axis.window)) for i in range(axis.tile)]


@pytest.mark.parametrize(("window", "channels"), [((3, 3), 192), ((5, 5), 192), ((7, 1), 192), ((1, 3), 448)])
def test_float32_stays_within_the_bound_with_as_many_channels_as_inception_has(window, channels):
    rng, pad = np.random.default_rng(0), tuple(side // 2 for side in window * 2)
    x, w = types("f32", ("n", 17, 17, channels), (*window, channels, 16))
    values = np.maximum(rng.normal(size=x.arrayed(2)), 0), rng.normal(size=w.arrayed(2))
    form, gradient = Winograd(pad, (17, 17), window=window), WinogradGradient(pad, (17, 17), window=window)
    y = form.infer(x, w)

    assert_kernel_agrees(form, (x, w), n=2, tolerance=1e-5, values=values)
    assert_kernel_agrees(gradient, (x, y), n=2, tolerance=1e-5, values=(values[0], rng.normal(size=y.arrayed(2))))
