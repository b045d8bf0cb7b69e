from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.contraction import cover, flat
from netlang.primitives.contraction.cpu import contraction_draft
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tiles import left_over
from netlang.primitives.gather.op import Panels
from netlang.primitives.launch import Operand, Product, Target
from netlang.primitives.reference import Run, reference
from netlang.types import Tensor

# n, size, kernel, stride, pad, dilation, channels in, channels out
CONVOLUTIONS = {
    "one channel, padded": (5, (7, 9), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 6),
    "whole vectors of channels": (2, (6, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 16, 35),
    "valid": (33, (8, 7), (5, 5), (1, 1), (0, 0, 0, 0), (1, 1), 6, 16),
    "stride 2, uneven pad": (3, (9, 8), (3, 3), (2, 2), (1, 0, 2, 1), (1, 1), 3, 17),
    "1x7, dilated": (1, (5, 14), (1, 7), (1, 1), (0, 3, 0, 3), (1, 2), 17, 3),
    "taps that never meet the image": (2, (2, 2), (2, 2), (3, 3), (4, 4, 4, 4), (1, 1), 2, 2),
    "stride 3, pixels of nine phases": (3, (7, 8), (3, 2), (3, 3), (1, 1, 1, 0), (1, 1), 17, 3),
    "few channels, a window beyond the image": (2, (3, 4), (7, 5), (2, 3), (4, 3, 3, 3), (1, 1), 3, 17),
    "images packed together": (11, (7, 9), (3, 3), (2, 1), (1, 1, 1, 1), (1, 1), 35, 83),
    "an image packed in bands": (2, (19, 17), (2, 3), (1, 1), (0, 2, 1, 2), (1, 2), 18, 17),
    "lines beyond the image, packed": (30, (5, 3), (5, 2), (2, 2), (6, 0, 6, 4), (2, 1), 16, 65),
    "strided lines": (3, (8, 6), (3, 1), (2, 1), (1, 0, 0, 0), (1, 1), 5, 16),
    "strided lines of several taps": (2, (9, 5), (3, 3), (3, 1), (1, 1, 1, 1), (1, 1), 18, 32),
    "strided columns": (2, (5, 8), (3, 3), (1, 2), (1, 1, 1, 1), (1, 1), 18, 32),
    "1x1, padded": (3, (4, 5), (1, 1), (1, 1), (0, 1, 0, 1), (1, 1), 18, 17),
    "1x1, padded behind": (3, (4, 5), (1, 1), (1, 1), (0, 0, 2, 1), (1, 1), 18, 17),
    "lines of whole tiles": (3, (5, 14), (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 1, 6),
    "lines of whole tiles, strided": (2, (9, 24), (3, 5), (2, 2), (1, 2, 1, 1), (1, 1), 3, 64),
    "1x1": (16, (4, 3), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 35, 16),
}
ROLES = ("out", "data", "weight")


def sided(role, lanes, **settings):
    """In lanes "c" a gradient by the data reads transposed weights."""
    return Contraction(role, transposed=role == "data" and lanes == "c", **settings)


def operands(primitive, dtype, x, w, y):
    if primitive.transposed:
        w = (*w[:-2], w[-1], w[-2])
    x, w, y = (Tensor(dtype, s) for s in (x, w, y))
    return {"out": (x, w), "data": (y, w), "weight": (x, y)}[primitive.role]


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *product(CONVOLUTIONS, ["f32"]),
        *product(["stride 2, uneven pad", "images packed together", "lines of whole tiles"], ["f64"]),
    ],
)
def test_convolutions_agree_with_the_reference(name, role, lanes, dtype):
    n, size, kernel, stride, pad, dilation, c, f = CONVOLUTIONS[name]
    primitive = sided(role, lanes, kernel=kernel, stride=stride, pad=pad, dilation=dilation, size=size)
    x, w, y = ("n", *size, c), (*kernel, c, f), ("n", *primitive.windows, f)

    assert_kernel_agrees(primitive, operands(primitive, dtype, x, w, y), n=n, lanes=lanes)


@pytest.mark.parametrize(
    ("width", "c", "f", "stride", "product"),
    [
        (28, 1, 6, 1, "14x1_every1"),
        (30, 1, 6, 1, "14x1_ahead"),
        (24, 3, 64, 2, "6x4_every6"),
        (26, 3, 64, 2, "6x4_ahead"),
        (24, 5, 64, 1, "6x4_ahead"),
    ],
)
def test_pixels_of_a_tile_that_is_of_one_line_have_one_address(width, c, f, stride, product):
    primitive = Contraction("out", (5, 5), (1, stride), (2, 2, 2, 2), size=(5, width * stride))
    x, w = Tensor("f32", ("n", *primitive.size, c)), Tensor("f32", (5, 5, c, f))
    result = Operand("y", Tensor("f32", ("n", *primitive.windows, f)), "c")
    target = Target("avx512", "f32", ((6, 4), (14, 1), (1, 1)), 2)

    args = contraction_draft(primitive, (Operand("x", x, "c"), Operand("w", w, "w")), result, target, 2).args

    assert [a.name for a in args if isinstance(a, Product)] == [f"spread_f32_{product}"]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "c", "dtype"),
    [
        ((28, 28), (5, 5), (1, 1), (2, 2, 2, 2), 1, "f32"),
        ((9, 13), (3, 7), (2, 3), (1, 3, 0, 2), 3, "f32"),
        ((11, 12), (4, 3), (4, 5), (0, 0, 0, 0), 8, "f64"),
        ((3, 2), (7, 5), (1, 1), (3, 4, 4, 3), 3, "f32"),
        ((4, 4), (32, 32), (1, 1), (16, 16, 16, 16), 8, "f32"),
    ],
)
@pytest.mark.parametrize("role", ["out", "weight"])
def test_images_that_come_as_rows_are_read_as_they_are(size, kernel, stride, pad, c, dtype, role):
    primitive = Contraction(role, kernel, stride, pad, (1, 1), size, rows=True)

    other = (*kernel, c, 35) if role == "out" else ("n", *primitive.windows, 35)
    types = Tensor(dtype, ("n", size[0] * size[1] * c)), Tensor(dtype, other)
    assert_kernel_agrees(primitive, types, n=3)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("n", "c", "f", "dtype"), [(1, 17, 10, "f32"), (33, 120, 84, "f32"), (5, 35, 3, "f64")])
def test_dense_products_agree_with_the_reference(n, c, f, role, lanes, dtype):
    primitive = sided(role, lanes)

    assert_kernel_agrees(primitive, operands(primitive, dtype, ("n", c), (c, f), ("n", f)), n=n, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("n", [1, 5, 29])
def test_groups_of_tiles_that_take_turns_agree_with_the_reference(n, lanes, monkeypatch):
    monkeypatch.setattr(cover, "NEAR", 0)
    monkeypatch.setattr(cover, "SOURCE", 3 * 6 * 48 * 4)
    primitive = Contraction("out", size=(3, 3))

    types = operands(primitive, "f32", ("n", 3, 3, 48), (1, 1, 48, 150), ("n", 3, 3, 150))
    assert_kernel_agrees(primitive, types, n=n, lanes=lanes)


@pytest.mark.parametrize("role", ["out", "data"])
@pytest.mark.parametrize(
    ("size", "lower"), [((5, 5), 1), ((4, 8), 2), ((3, 5), 3), ((4, 7), 4), ((5, 7), 5), ((4, 6), 6)]
)
def test_pixels_that_tall_tiles_leave_over_have_a_lower_one(size, lower, role):
    primitive = sided(role, "c", size=size)
    inputs = operands(primitive, "f32", ("n", *size, 64), (1, 1, 64, 64), ("n", *size, 64))
    given = tuple(Operand(str(k), of, "c") for k, of in enumerate(inputs))
    result = Operand("r", Tensor("f32", ("n", *size, 64)), "c")
    target = Target("avx512", "f32", ((6, 4), (1, 1)), 2)

    args = contraction_draft(primitive, given, result, target, 1).args

    assert [a.name for a in args if isinstance(a, Product)] == [f"spread_f32_{rows}x4_ahead" for rows in (6, lower)]
    assert_kernel_agrees(primitive, inputs, n=1, batch=1)


def test_of_very_many_tiles_none_is_lower():
    assert [left_over((6, 4), rows) for rows in (5, 7, 6 * 64 - 1, 6 * 64 + 1)] == [0, 1, 5, 0]


@pytest.mark.parametrize("role", ["out", "data"])
@pytest.mark.parametrize("lanes", "cn")
def test_windows_of_many_weights_have_tall_tiles(lanes, role, monkeypatch):
    monkeypatch.setattr(cover, "NEAR", 0)
    primitive = sided(role, lanes, kernel=(3, 3), stride=(2, 2), pad=(1, 1, 1, 1), dilation=(1, 1), size=(9, 7))
    x, w, y = ("n", 9, 7, 35), (3, 3, 35, 64), ("n", 5, 4, 64)
    inputs = operands(primitive, "f32", x, w, y)
    result = Tensor("f32", y if role == "out" else x)
    target = Target("avx512", "f32", ((6, 4), (12, 2), (1, 1)), 2)

    drafted = contraction_draft(
        primitive,
        tuple(Operand(str(k), of, lanes) for k, of in enumerate(inputs)),
        Operand("r", result, lanes),
        target,
        7,
    )

    tall = [a.name for a in drafted.args if isinstance(a, Product)] == ["spread_f32_14x2"]
    assert tall == (lanes == "c")
    assert_kernel_agrees(primitive, inputs, n=7, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(
    ("sums", "chunk"),
    [(192, 196), (192, 16), (8, 16), (1, 7)],
    ids=["one visit", "a group", "groups", "tile by tile"],
)
@pytest.mark.parametrize(
    ("n", "size", "channels", "f"),
    [(3, (3, 5), [23], 150), (1, (2, 1), [70], 20), (8, (4, 3), [5], 67), (5, (1, 9), [40, 7, 20], 70)],
)
def test_weight_gradients_of_single_taps_agree_with_the_reference(
    n, size, channels, f, sums, chunk, lanes, monkeypatch
):
    for name, value in {"SUMS": sums, "CHUNK": chunk, "SHORT": chunk, "NEAREST": 1, "READERS": 2}.items():
        monkeypatch.setattr(flat, name, value)
    monkeypatch.setattr(flat, "WIDE", min(2, sums))

    types = [Tensor("f32", ("n", *size, each)) for each in (*channels, f)]
    assert_kernel_agrees(Contraction("weight", size=size), types, n=n, lanes=lanes)


@pytest.mark.parametrize(
    ("n", "size", "c", "f", "crowded"),
    [
        (4, (7, 7), 100, 1024, True),  # 128 pixels between two visits, then 68
        (110, (), 96, 128, True),
        (3, (7, 7), 200, 256, True),
        (90, (), 96, 128, False),
        (110, (), 96, 144, False),
        (2, (8, 8), 90, 1024, False),  # 15 rows of tiles
    ],
)
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_pixels_that_share_sets_of_the_first_cache_are_kept_side_by_side(n, size, c, f, crowded, dtype):
    x, dy = (Tensor(dtype, ("n", *size, each)) for each in (c, f))
    target = Target("avx512", "f32", ((6, 4), (1, 1)), 2)
    primitive = Contraction("weight", size=size or (1, 1))
    operands_ = tuple(Operand(str(k), replace(of, dtype="f32"), "c") for k, of in enumerate((x, dy)))

    drafted = contraction_draft(primitive, operands_, Operand("r", primitive.infer(x, dy), "w"), target, n)

    names = [each.name for each in drafted.args if isinstance(each, Product)]
    assert ("spread_f32_6x4_keeping" in names) == crowded
    assert_kernel_agrees(primitive, [x, dy], n=n, lanes="c")


@pytest.mark.parametrize("role", ["out", "data"])
@pytest.mark.parametrize(
    "name", ["stride 2, uneven pad", "stride 3, pixels of nine phases", "1x7, dilated", "1x1", "valid"]
)
def test_products_read_panels_as_they_read_weights(name, role):
    n, size, kernel, stride, pad, dilation, c, f = CONVOLUTIONS[name]
    plain = sided(role, "c", kernel=kernel, stride=stride, pad=pad, dilation=dilation, size=size)
    source, weight = operands(plain, "f32", ("n", *size, c), (*kernel, c, f), ("n", *plain.windows, f))
    rng = np.random.default_rng(0)
    values = [rng.normal(size=t.arrayed(n)) for t in (source, weight)]
    form = Panels().infer(weight)
    values[1] = reference(Panels(), (values[1],), form, Run(1))

    assert_kernel_agrees(replace(plain, filters=weight.channels), [source, form], n=n, values=values)


@pytest.mark.parametrize("form", ["out", "data", "data, transposed"])
@pytest.mark.parametrize(("n", "c", "f", "dtype"), [(1, 131, 2003, "f32"), (9, 2003, 131, "f32"), (7, 515, 514, "f64")])
def test_dense_products_of_few_examples_by_many_weights_agree_with_the_reference(n, c, f, form, dtype):
    role, *transposed = form.split(", ")
    primitive = Contraction(role, transposed=bool(transposed))

    types = operands(primitive, dtype, ("n", c), (c, f), ("n", f))
    assert_kernel_agrees(primitive, types, n=n)
