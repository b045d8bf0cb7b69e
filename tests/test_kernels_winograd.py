"""Winograd's convolution: the same numbers as the direct one, by fewer products."""

from dataclasses import replace

import numpy as np
import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.reference import compute as directly
from netlang.primitives.reference import Run, reference
from netlang.primitives.winograd import convolve, reduce
from netlang.primitives.winograd.op import BT, FORMS, SPAN, Winograd, WinogradGradient, WinogradWeights
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


WINDOWS = [3, 5]


def directly_by(role, window, size, pad):
    return Contraction(role, (window, window), (1, 1), pad, (1, 1), size)


def types(dtype, *shapes):
    return tuple(Tensor(dtype, shape) for shape in shapes)


def assert_it_agrees(n, size, pad, c, f, window, dtype):
    """With given weights: random ones, transformed."""
    x, w = types(dtype, ("n", *size, c), (window, window, c, f))
    transform, rng = WinogradWeights(window), np.random.default_rng(0)
    u = transform.infer(w)
    values = rng.normal(size=x.arrayed(n)), reference(transform, (rng.normal(size=w.arrayed(n)),), u, Run(n))

    form = Winograd(pad, size, f, window=window)
    assert_kernel_agrees(form, (x, u), n=n, tolerance=TOLERANCE[dtype], values=values)


@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), SHAPES)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("window", WINDOWS)
def test_the_kernel_agrees_with_the_reference(n, size, pad, c, f, window, dtype):
    assert_it_agrees(n, size, pad, c, f, window, dtype)


@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), [*SHAPES, (2, (5, 4), (1, 1, 1, 1), 150, 40)])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_kernel_that_transforms_weights_on_the_way_agrees_with_the_reference(n, size, pad, c, f, dtype):
    x, w = types(dtype, ("n", *size, c), (3, 3, c, f))

    assert_kernel_agrees(Winograd(pad, size), (x, w), n=n, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), SHAPES)
def test_large_results_go_past_the_caches(n, size, pad, c, f, monkeypatch):
    monkeypatch.setattr(convolve, "FAR", 0)

    assert_it_agrees(n, size, pad, c, f, 3, "f32")


@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), [*SHAPES, (2, (5, 4), (1, 1, 1, 1), 40, 150)])
def test_threads_that_share_a_block_of_tiles_agree_with_the_reference(n, size, pad, c, f, monkeypatch):
    monkeypatch.setattr(convolve, "LARGE", 0)

    assert_it_agrees(n, size, pad, c, f, 3, "f32")


@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), SHAPES)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("window", "most", "large"), [(3, 3, 1 << 30), (5, 3, 1 << 30), (3, 200, 0)])
def test_the_kernel_of_the_gradient_agrees_with_the_reference(
    n, size, pad, c, f, dtype, window, most, large, monkeypatch
):
    monkeypatch.setattr(reduce, "MOST", (most, most))
    monkeypatch.setattr(reduce, "LARGE", large)
    y = Winograd(pad, size, window=window).windows
    x, dy = types(dtype, ("n", *size, c), ("n", *y, f))

    assert_kernel_agrees(WinogradGradient(pad, size, window=window), (x, dy), n=n, tolerance=TOLERANCE[dtype])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("c", "f"), [(16, 32), (5, 19)])
def test_the_kernel_of_the_weights_agrees_with_the_reference(c, f, window):
    assert_kernel_agrees(WinogradWeights(window), types("f32", (window, window, c, f)), n=1)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("n", "size", "pad", "c", "f"), SHAPES)
def test_it_is_the_direct_convolution(n, size, pad, c, f, window):
    form = Winograd(pad, size, f, window=window)
    x, w, y = types("f64", ("n", *size, c), (window, window, c, f), ("n", *form.windows, f))
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


@pytest.mark.parametrize("window", WINDOWS)
def test_the_matrices_convolve_exactly(window):
    """Along one axis: At [(G g) * (Bt d)] is the correlation of d with g, in fractions."""
    d, g, form = list(range(2, 2 + SPAN)), [3, -1, 5, 2, -7][:window], FORMS[window]

    def times(matrix, vector):
        return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]

    found = times(form.at, [a * b for a, b in zip(times(form.g, g), times(BT, d), strict=True)])

    assert found == [sum(d[i + u] * g[u] for u in range(window)) for i in range(form.tile)]
