"""Proof: batch normalisation in training costs no pass of its own, split over the convolutions before and behind it.

Statistics leave with the first convolution's tiles as (count, mean, M2), merged in a fixed order (Chan et al. 1979);
scale, shift and ReLU are pasted into the gather of the second one. The border is zero *after* the formula.
"""

import numpy as np
import pytest

from netlang.formula import maximum, text, trace
from netlang.primitives.launch import Address, Draft, Product

N, H, W, C, F, G = 3, 5, 9, 16, 32, 16  # 45 pixels an image: neither rows nor tiles of 6 come out even
EPSILON = 1e-5
PARTS = 4  # fixed by the shape, never by the threads
FIRST = """
def kernel(args, team, thread):
    # y[p, f] = x[p, c] w[c, f], p = n, i, j; stats[part, 3, F/16, 16]: count, mean, M2 of a part's pixels
    x = load_i64(args)
    w = load_i64(args + 8)
    y = load_i64(args + 16)
    stats = load_i64(args + 24)
    product = load_i64(args + 32)
    pixels = load_i64(args + 40) * examples(team)
    parts = load_i64(args + 48)
    table = load_i64(args + 64) + thread * 832
    out = table + 64
    for v in range(2):
        store_i64(table + 48 + 8 * v, w + 64 * v)
    lo, hi = split(parts, thread, threads(team))
    for part in range(lo, hi):
        begin, end = split(pixels, part, parts)
        at = stats + 64 * 6 * part
        for v in range(6):
            store_f32(at + 64 * v, splat_f32(0.0))
        for tile in range((end - begin + 5) // 6):
            start = begin + 6 * tile
            rows = min_i64(6, end - start)
            for q in range(6):
                store_i64(table + 8 * q, x + 64 * min_i64(start + q, end - 1))
            call_product(product, table, 1, 16, 4, 128, out, 1)
            for v in range(2):
                total = splat_f32(0.0)
                for q in range(rows):
                    value = load_f32(out + 64 * (2 * q + v))
                    store_f32(y + 64 * (2 * (start + q) + v), value)
                    total = total + value
                n = splat_f32(rows)
                mean = total / n
                m2 = splat_f32(0.0)
                for q in range(rows):
                    d = load_f32(out + 64 * (2 * q + v)) - mean
                    m2 = fma(d, d, m2)
                MERGE
                store_f32(at + 64 * v, count)
                store_f32(at + 64 * (2 + v), merged)
                store_f32(at + 64 * (4 + v), squares)
"""
MERGE = """count = load_f32(at + 64 * v) + n
                share = n / count
                delta = mean - load_f32(at + 64 * (2 + v))
                merged = fma(delta, share, load_f32(at + 64 * (2 + v)))
                squares = load_f32(at + 64 * (4 + v)) + m2 + delta * delta * share * (count - n)"""
SECOND = """
def kernel(args, team, thread):
    # z[n,i,j,g] = sum_{u,v,f} relu(scale[f] y[n, i+u-1, j+v-1, f] + shift[f]) w[u,v,f,g], zeros around the image
    y = load_i64(args)
    stats = load_i64(args + 8)
    weight = load_i64(args + 16)
    z = load_i64(args + 24)
    product = load_i64(args + 32)
    height = load_i64(args + 40)
    width = load_i64(args + 48)
    parts = load_i64(args + 56)
    scratch = load_i64(args + 72) + thread * SCRATCH
    # the panel: three rows of pixels and a zero on either side, [3, w+2, F/16, 16]; totals[3, F/16, 16]
    panel = scratch
    totals = panel + 64 * 2 * 3 * (width + 2)
    out = totals + 64 * 6
    table = out + 64 * 6
    for v in range(6):
        store_f32(totals + 64 * v, splat_f32(0.0))
    for part in range(parts):  # every thread for itself, all in the same order: no barrier, no difference
        for v in range(2):
            at = totals
            n = load_f32(stats + 64 * (6 * part + v))
            mean = load_f32(stats + 64 * (6 * part + 2 + v))
            m2 = load_f32(stats + 64 * (6 * part + 4 + v))
            if load_scalar_f32(stats + 64 * (6 * part + v)) > 0.0:
                MERGE
                store_f32(at + 64 * v, count)
                store_f32(at + 64 * (2 + v), merged)
                store_f32(at + 64 * (4 + v), squares)
    for v in range(2):  # count, mean, M2 become count, scale, shift
        variance = load_f32(totals + 64 * (4 + v)) / load_f32(totals + 64 * v)
        scale = splat_f32(1.0) / sqrt(variance + EPSILON)
        store_f32(totals + 64 * (4 + v), -load_f32(totals + 64 * (2 + v)) * scale)
        store_f32(totals + 64 * (2 + v), scale)
    lo, hi = split(examples(team) * height, thread, threads(team))
    for line in range(lo, hi):
        i = line % height
        for u in range(3):
            inside = i + u >= 1 and i + u <= height
            for j in range(width + 2):
                for v in range(2):
                    value = splat_f32(0.0)
                    if inside and j >= 1 and j <= width:
                        x = load_f32(y + 64 * (2 * ((line + u - 1) * width + j - 1) + v))
                        scale = load_f32(totals + 64 * (2 + v))
                        shift = load_f32(totals + 64 * (4 + v))
                        FORMULA
                    store_f32(panel + 64 * (2 * (u * (width + 2) + j) + v), value)
        for j in range(0, width, 6):
            at = table
            for u in range(3):
                for v in range(3):
                    for f in range(2):
                        for q in range(6):
                            column = min_i64(j + q, width - 1) + v
                            store_i64(at + 8 * q, panel + 64 * (2 * (u * (width + 2) + column) + f))
                        store_i64(at + 48, weight + 64 * 16 * (2 * (3 * u + v) + f))
                        at += 56
            call_product(product, table, 18, 16, 4, 64, out, 1)
            for q in range(min_i64(6, width - j)):
                store_f32(z + 64 * (line * width + j + q), load_f32(out + 64 * q))
"""
SCRATCH = 64 * (6 * (W + 2) + 6 + 6) + 64 * 16


def second():
    formula = trace(lambda x, scale, shift: maximum(x * scale + shift, 0), "x", "scale", "shift")
    pasted = ("\n" + " " * 24).join(text("vector", ("value",), formula))
    words = {"MERGE": MERGE, "FORMULA": pasted, "SCRATCH": SCRATCH, "EPSILON": EPSILON}
    body = SECOND
    for word, value in words.items():
        body = body.replace(word, str(value))
    return body


def reference(x, first, weight):
    y = x @ first
    normal = (y - y.mean((0, 1, 2))) / np.sqrt(y.var((0, 1, 2)) + EPSILON)
    padded = np.pad(np.maximum(normal, 0), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    return y, np.einsum("nijfuv,uvfg->nijg", windows, weight)


@pytest.fixture
def case(rig):
    random = np.random.default_rng(3)
    x = (random.normal(size=(N, H, W, C)) + 30).astype(np.float32)  # far from 0: one sum of squares would fail here
    first = (random.normal(size=(C, F)) / 4).astype(np.float32)
    weight = (random.normal(size=(3, 3, F, G)) / 17).astype(np.float32)
    drafts = [
        Draft(
            rig.kernel("conv_and_statistics", FIRST.replace("MERGE", MERGE)),
            (*map(Address, ("x", "first", "y", "stats")), Product("spread_f32_6x2"), H * W, PARTS),
            (832, 0),
        ),
        Draft(
            rig.kernel("normalise_and_conv", second()),
            (*map(Address, ("y", "stats", "weight", "z")), Product("spread_f32_6x1"), H, W, PARTS),
            (SCRATCH, 0),
        ),
    ]
    return drafts, {"x": x, "first": first, "weight": weight}


OUTPUTS = {"y": (N, H, W, F), "stats": (PARTS, 3, F), "z": (N, H, W, G)}


def test_batch_norm_is_split_over_the_convolutions_around_it(rig, case):
    drafts, inputs = case

    out = rig.assert_same_bits(drafts, inputs, OUTPUTS, N)

    y, z = reference(*(inputs[name].astype(float) for name in ("x", "first", "weight")))
    assert out["stats"][:, 0].sum(0).tolist() == [N * H * W] * F
    np.testing.assert_allclose(out["y"], y, rtol=0, atol=3e-5)  # 16 products of about 30, at 6e-8 each
    # y is 30 times larger than its spread, so float32 leaves 30 * 6e-8 of a normalised value, times five for the sums
    np.testing.assert_allclose(out["z"], z, rtol=0, atol=1e-5 * np.abs(z).max())


def test_fewer_examples_have_their_own_statistics(rig, case):
    drafts, inputs = case

    out = rig.assert_same_bits(drafts, inputs, OUTPUTS, 1)

    one = [inputs["x"][:1].astype(float), inputs["first"].astype(float), inputs["weight"].astype(float)]
    _, z = reference(*one)
    np.testing.assert_allclose(out["z"][:1], z, rtol=0, atol=1e-5 * np.abs(z).max())
    assert np.isnan(out["z"][1:]).all()
