"""Proof: a convolution with the batch in the lanes, on the same products with the operands' roles swapped.

x[block, h, w, c, lane] and y[block, i, j, f, lane], lane = example; the weights w[u, v, c, f] are spread, one element
to all lanes. Six filters are the rows, four positions the vectors of a 6x4 product, the taps its segments.
"""

import numpy as np
import pytest

from netlang.backend import cache
from netlang.backend.arena import arena
from netlang.backend.cpu import bind
from netlang.backend.executor import ready
from netlang.primitives.launch import Address, Draft, Product
from netlang.simd.block import EXAMPLES, team_block

ROWS, VECTORS, LANES = 6, 4, 16
KERNEL = 5
BODY = """
def kernel(args, team, thread):
    # y[n,i,j,f] = sigmoid(b[f] + sum_{u,v,c} x[n, i+u, j+v, c] * w[u,v,c,f]); rows of y are cut among the threads
    x = load_i64(args)
    w = load_i64(args + 8)
    b = load_i64(args + 16)
    y = load_i64(args + 24)
    product = load_i64(args + 32)
    height = load_i64(args + 40)
    width = load_i64(args + 48)
    channels = load_i64(args + 56)
    taps = load_i64(args + 64)
    scratch = load_i64(args + 80) + thread * SCRATCH
    out = scratch + 8 * 10 * taps * taps
    rows_out = height - taps + 1
    columns_out = width - taps + 1
    blocks = (examples(team) + 15) // 16
    lo, hi = split(blocks * rows_out, thread, threads(team))
    for row in range(lo, hi):
        block = row // rows_out
        i = row % rows_out
        valid = examples(team) - 16 * block
        for j in range(0, columns_out, 4):
            table = scratch
            for u in range(taps):
                for v in range(taps):
                    for f in range(6):
                        store_i64(table + 8 * f, w + 4 * ((u * taps + v) * channels * 6 + f))
                    for q in range(4):
                        column = min_i64(j + q, columns_out - 1) + v
                        store_i64(table + 48 + 8 * q, x + 64 * (((block * height + i + u) * width + column) * channels))
                    table += 80
            call_product(product, scratch, taps * taps, channels, 24, 64, out, 1)
            for q in range(min_i64(4, columns_out - j)):
                for f in range(6):
                    s = load_f32(out + 64 * (4 * f + q)) + spread_f32(b + 4 * f)
                    r = sigmoid(s)
                    store_f32(y + 64 * ((row * columns_out + j + q) * 6 + f), head_f32(r, valid))
"""
SCRATCH = 64 * -(-(8 * 10 * KERNEL**2 + 64 * ROWS * VECTORS) // 64)
N, H, W, C, F = 21, 12, 14, 3, 6  # columns out: 10, so that the last product of a row is half outside


def in_lanes(x):
    """[n, h, w, c] to [ceil(n/16), h, w, c, 16], zeros behind n."""
    blocks = -(-len(x) // LANES)
    padded = np.zeros((blocks * LANES, *x.shape[1:]), x.dtype)
    padded[: len(x)] = x
    return np.ascontiguousarray(np.moveaxis(padded.reshape(blocks, LANES, *x.shape[1:]), 1, -1))


@pytest.fixture
def case(rig):
    random = np.random.default_rng(0)
    x = random.normal(size=(N, H, W, C)).astype(np.float32)
    w = random.normal(size=(KERNEL, KERNEL, C, F)).astype(np.float32) / 9
    b = random.normal(size=F).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (KERNEL, KERNEL), (1, 2))
    expected = 1 / (1 + np.exp(-(np.einsum("nijcuv,uvcf->nijf", windows, w.astype(float)) + b)))
    text = rig.kernel("conv_batch_in_lanes", BODY.replace("SCRATCH", str(SCRATCH)))
    args = (*map(Address, "xwby"), Product("spread_f32_6x4"), H, W, C, KERNEL)
    return Draft(text, args, (SCRATCH, 0)), {"x": in_lanes(x), "w": w, "b": b}, expected


def test_a_convolution_runs_with_the_batch_in_the_lanes(rig, case):
    draft, inputs, expected = case
    shape = (2, H - 4, W - 4, F, LANES)

    y = rig.assert_same_bits([draft], inputs, {"y": shape}, N)["y"]

    whole = np.moveaxis(y, -1, 1).reshape(2 * LANES, *shape[1:4])
    assert np.abs(whole[:N] - expected).max() < 1e-6  # 75 products of size 1/9, and a sigmoid
    assert (whole[N:] == 0).all()


def test_a_plan_for_more_examples_runs_fewer_and_leaves_the_rest_alone(rig, case):
    draft, inputs, expected = case

    y = rig.assert_same_bits([draft], inputs, {"y": (2, H - 4, W - 4, F, LANES)}, 3)["y"]

    assert np.abs(np.moveaxis(y[0], -1, 0)[:3] - expected[:3]).max() < 1e-6
    assert (y[0, ..., 3:] == 0).all()
    assert np.isnan(y[1]).all()


def test_the_kernel_also_runs_as_plain_python(rig, case):
    draft, inputs, _ = case
    outputs = {"y": (2, H - 4, W - 4, F, LANES)}
    compiled = rig.run([draft], inputs, outputs, 1, 1)["y"]
    memory = arena({**{k: v.nbytes for k, v in inputs.items()}, "y": compiled.nbytes, "scratch": SCRATCH}, True)
    memory.poison()
    for name, array in inputs.items():
        memory.view(name)[:] = array.ravel()
    where = memory.addresses
    table = bind([(draft, True)], where, where["scratch"], 0)
    team = ready(team_block(1))
    team[EXAMPLES] = 1

    cache.interpreted(draft.kernel)(int(table[0, 1]), team.ctypes.data, 0)

    assert memory.damaged() == []
    plain = memory.view("y").reshape(outputs["y"])
    np.testing.assert_allclose(plain[0], compiled[0], atol=5e-7, rtol=0)  # NumPy's exp is not the kernels'
