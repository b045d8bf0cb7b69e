import ctypes
import re
from itertools import product

import numpy as np
import pytest
from kernels import aligned

from netlang import simd
from netlang.backend.cache import compiled
from netlang.backend.compiler import compile_kernel
from netlang.backend.cpu import host_target
from netlang.primitives.contraction.tiles import for_streams
from netlang.primitives.launch import KernelText
from netlang.simd.products import ARITY, PRODUCTS, product_text

DTYPES = {"f32": np.float32, "f64": np.float64}
FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0.0, x),
}
OPERATIONS = """
m = where(x > y, x - y, y / 2.0)
m = maximum(m, 1.0 - x) + minimum(y, absolute(m)) * fma(x, y, 0.25 + x)
m = where(equal(x, y), m, -m) + where(x <= 0.5, splat(1.0), splat(2.0)) * lanes()
m = head(m, count) + total(x) * largest(y)
"""


def lifted(text, dtype):
    return re.sub(r"\b(load|store|splat|lanes|head)\(", rf"\1_{dtype}(", text)


def kernel_text(dtype, body):
    size = 16 * DTYPES[dtype]().itemsize
    lines = "\n".join("        " + lifted(line, dtype) for line in body.strip().splitlines())
    return (
        "from netlang.simd import *\n\n\ndef kernel(a, count, thread):\n"
        "    x_at = load_i64(a)\n    y_at = load_i64(a + 8)\n    to = load_i64(a + 16)\n"
        f"    for i in range(load_i64(a + 24)):\n        x = load_{dtype}(x_at + i * {size})\n"
        f"        y = load_{dtype}(y_at + i * {size})\n{lines}\n        store_{dtype}(to + i * {size}, m)\n"
    )


def run(text, x, y, count=0, *, plain=False):
    result = np.full_like(x, np.nan)
    block = np.array([x.ctypes.data, y.ctypes.data, result.ctypes.data, x.size // 16], np.int64)
    if plain:
        scope = {}
        exec(text, scope)
        scope["kernel"](block.ctypes.data, count, 0)
    else:
        address = compiled(KernelText("test", text))
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(block.ctypes.data, count, 0)
    return result


def everywhere(dtype):
    """Numbers over the whole range, dense where functions bend, with its ends."""
    rng = np.random.default_rng(0)
    tens = 10.0 ** rng.uniform(-37, 37, 16000)
    ends = [np.nan, np.inf, -np.inf, 0.0, 1e-40, 88.7, 88.8, -87.0, -103.0, -104.5, 89.5, 1.0, -1.0, 0.625, -0.625, 2.0]
    return np.concatenate([np.linspace(-110, 110, 64000), np.linspace(-2, 2, 16000), tens, -tens, ends]).astype(dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_are_within_some_units_of_the_last_place(dtype, name):
    """3 units for what is made of several operations; results below the normal numbers may be flushed to 0."""
    x = everywhere(DTYPES[dtype])
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[name](x.astype(np.float64))
        rounded = exact.astype(x.dtype)

    made = run(kernel_text(dtype, f"m = {name}(x)"), x, x)

    normal = np.isfinite(rounded) & (np.abs(rounded) >= np.finfo(x.dtype).tiny)
    units = np.abs(made[normal].astype(np.float64) - exact[normal]) / np.spacing(np.abs(rounded[normal]))
    assert units.max() <= (3.0 if dtype == "f32" else 4.0)  # NumPy's own results are rounded, too, in f64
    special = ~np.isfinite(rounded)
    assert np.array_equal(made[special], rounded[special], equal_nan=True)
    small = np.isfinite(rounded) & ~normal
    assert np.abs(made[small]).max(initial=0) <= 2 * np.finfo(x.dtype).tiny


@pytest.mark.parametrize("count", [-3, 0, 5, 16, 100])
@pytest.mark.parametrize("dtype", DTYPES)
def test_vector_operations_mean_the_same_compiled_and_as_plain_python(dtype, count):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 64)).astype(DTYPES[dtype])
    x[::7] = y[::7]
    text = kernel_text(dtype, OPERATIONS)

    made, meant = run(text, x, y, count), run(text, x, y, count, plain=True)

    assert made.dtype == meant.dtype
    assert np.allclose(made, meant, rtol=1e-5 if dtype == "f32" else 1e-14, atol=1e-5 if dtype == "f32" else 1e-14)


@pytest.mark.parametrize(
    "function", ["maximum(x, y)", "maximum(x, 0.0)", "minimum(y, x)", "exp(x)", "tanh(x)", "softplus(x)"]
)
def test_not_a_number_travels_on(function):
    x, y = np.full(16, np.nan, np.float32), np.ones(16, np.float32)

    assert np.isnan(run(kernel_text("f32", f"m = {function}"), x, y)).all()


def call(name, table, segments, k, a_step, b_step, out, first):
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * ARITY)(
        compiled(KernelText(name, product_text(name)), arity=ARITY)
    )
    function(table.ctypes.data, segments, k, a_step, b_step, out.ctypes.data, first)


SOME_PRODUCTS = [f"{a}_{t}" for a in ("spread", "dot") for t in ("f32_6x4", "f32_6x1", "f32_1x1", "f64_6x2", "f64_1x1")]


@pytest.mark.parametrize(
    "name",
    [*SOME_PRODUCTS, *(f"spread_f32_{s}" for s in ("14x1", "14x2", "8x3", "6x4_ahead")), "dot_f64_6x2_ahead"],
)
def test_products_sum_over_segments_and_add_to_what_is_there(name):
    tile, segments, k = PRODUCTS[name], 3, 7
    dtype, rng = DTYPES[tile.dtype], np.random.default_rng(2)
    a = rng.normal(size=(segments, tile.rows, k, 16 if tile.a == "dot" else 1)).astype(dtype)
    b = rng.normal(size=(segments, k, tile.vectors, 16)).astype(dtype)
    out = np.full((tile.rows, tile.vectors, 16), np.nan, dtype)
    rows = [
        [a[s, i].ctypes.data for i in range(tile.rows)] + [b[s, 0, v].ctypes.data for v in range(tile.vectors)]
        for s in range(segments)
    ]
    ahead = [a.ctypes.data, 24, b.ctypes.data, 64] * (tile.form == "ahead")
    table = np.array([*np.ravel(rows), *ahead], np.int64)
    wanted = np.einsum("srkl,skvl->rvl", np.broadcast_to(a, (*a.shape[:-1], 16)).astype(np.float64), b)

    call(name, table, segments, k, a.strides[2], b.strides[1], out, 1)
    call(name, table, segments, k, a.strides[2], b.strides[1], out, 0)

    assert np.abs(out - 2 * wanted).max() <= (1e-4 if tile.dtype == "f32" else 1e-13)


@pytest.mark.parametrize("name", ["spread_f32_14x1_every1", "spread_f32_6x4_every6", "spread_f64_6x2_every3"])
def test_products_of_rows_so_far_apart_read_each_of_them(name):
    tile, segments, k = PRODUCTS[name], 3, 5
    dtype, rng = DTYPES[tile.dtype], np.random.default_rng(2)
    a = rng.normal(size=(segments, tile.rows * tile.every + k)).astype(dtype)
    b = rng.normal(size=(segments, k, tile.vectors, 16)).astype(dtype)
    out = np.full((tile.rows, tile.vectors, 16), np.nan, dtype)
    rows = [[a[s].ctypes.data] + [b[s, 0, v].ctypes.data for v in range(tile.vectors)] for s in range(segments)]
    table = np.array([*np.ravel(rows), a.ctypes.data, 24, b.ctypes.data, 64], np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(a, k, axis=1)[:, : tile.rows * tile.every : tile.every]
    wanted = np.einsum("srk,skvl->rvl", windows.astype(np.float64), b)

    call(name, table, segments, k, a.itemsize, b.strides[1], out, 1)
    call(name, table, segments, k, a.itemsize, b.strides[1], out, 0)

    assert np.abs(out - 2 * wanted).max() <= (1e-4 if tile.dtype == "f32" else 1e-13)


@pytest.mark.parametrize("name", ["spread_f32_6x4", "spread_f32_6x4_ahead", "dot_f32_6x1", "spread_f32_1x1_beside"])
def test_what_a_product_adds_is_a_sum_of_its_own(name):
    """Ones that float32 would lose one by one beside 2**24."""
    tile, k = PRODUCTS[name], 6
    ones = np.ones((k, 16 * max(tile.rows, tile.vectors)), np.float32)
    out = np.full((tile.rows, tile.vectors, 16), 2**24, np.float32)
    each = [ones.ctypes.data] * (2 if tile.form == "beside" else tile.rows + tile.vectors)
    table = np.array([*each, ones.ctypes.data, ones.ctypes.data, 0, 0, 0], np.int64)

    call(name, table, 1, k, ones.strides[0], ones.strides[0], out, 0)

    assert (out == 2**24 + k).all()


@pytest.mark.parametrize("form", ["beside", "keeping"])
@pytest.mark.parametrize("name", ["spread_f32_6x4", "dot_f32_6x1", "spread_f64_6x2", "dot_f64_1x1"])
def test_products_of_what_lies_side_by_side_walk_on_through_what_they_ask_for(name, form):
    tile, k = PRODUCTS[f"{name}_{form}"], 7
    dtype, rng = DTYPES[tile.dtype], np.random.default_rng(2)
    a = rng.normal(size=(k, tile.rows + 3, 16 if tile.a == "dot" else 1)).astype(dtype)
    b = rng.normal(size=(k, tile.vectors + 2, 16)).astype(dtype)
    out = np.full((tile.rows, tile.vectors, 16), np.nan, dtype)
    memory = np.zeros(4096, np.uint8)
    begin, step, run, pitch = memory.ctypes.data, 48, 150, 1000  # asks at 0, 48, 96, 144, then from 1000 on
    kept = np.full((k + 1, tile.vectors, 16), np.nan, dtype)
    walk = [begin, begin + run - 1, step, pitch, pitch - 4 * step]
    table = np.array([a.ctypes.data, b.ctypes.data, *walk, kept.ctypes.data], np.int64)
    left = np.broadcast_to(a[:, : tile.rows], (k, tile.rows, 16)).astype(np.float64)
    wanted = np.einsum("krl,kvl->rvl", left, b[:, : tile.vectors])

    call(tile.name, table, 1, k, a.strides[0], b.strides[0], out, 1)
    walked = table[2:4] - begin
    call(tile.name, table, 1, k, a.strides[0], b.strides[0], out, 0)

    assert np.abs(out - 2 * wanted).max() <= (1e-4 if tile.dtype == "f32" else 1e-13)
    assert walked.tolist() == [pitch + 3 * step, pitch + run - 1]
    assert (table[2:4] - begin).tolist() == [3 * pitch + 2 * step, 3 * pitch + run - 1]
    if form == "keeping":
        assert np.array_equal(kept[:k], b[:, : tile.vectors])
        assert np.isnan(kept[k]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_wide_products_keep_their_sums_in_registers(dtype):
    """The K loop of every tile that this machine takes touches the stack for no vector."""
    for (rows, vectors), form in product(for_streams(host_target(dtype)).tiles, ("", "_ahead", "_beside", "_keeping")):
        name = f"spread_{dtype}_{rows}x{vectors}{form}"
        assembly = compile_kernel(name, product_text(name), ARITY, name).assembly()
        loops = re.findall(r"^(\.LBB\w+):\n((?:(?!^\.LBB)[^\n]*\n)*?)\s+j\w+\s+\1\b", assembly, re.MULTILINE)
        hot = [body for _, body in loops if "fmadd" in body]
        if "fmadd" in assembly:  # x86
            assert hot, f"no K loop found in {name}"
        assert not [
            line for body in hot for line in body.splitlines() if re.search(r"mm\d+.*\(%rsp\)|\(%rsp\).*mm\d+", line)
        ]


def test_every_name_that_kernels_may_use_exists():
    for name in simd.__all__:
        assert callable(getattr(simd, name)), name


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("name", "row"), [("transpose", 24), ("transpose_past", 32)])  # past the caches in whole lines
def test_a_square_of_16_by_16_is_transposed_between_rows_of_any_distance(name, row, dtype, plain):
    x, y = np.arange(16 * 20, dtype=DTYPES[dtype]), aligned(16 * row, DTYPES[dtype])
    y[:] = np.nan
    size = x.itemsize
    text = (
        "from netlang.simd import *\n\n\ndef kernel(a, b, thread):\n"
        f"    {name}_{dtype}(b, {row * size}, a, {20 * size})\n"
    )
    if plain:
        scope = {}
        exec(text, scope)
        scope["kernel"](x.ctypes.data, y.ctypes.data, 0)
    else:
        address = compiled(KernelText("test", text))
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(x.ctypes.data, y.ctypes.data, 0)

    assert np.array_equal(y.reshape(16, row)[:, :16], x.reshape(16, 20)[:, :16].T)
    assert np.isnan(y.reshape(16, row)[:, 16:]).all()
