"""Proof: an LSTM over T steps in one launch, with a barrier per step.

The gates of 16 units lie beside each other, r[unit block, k, gate, 16], so that a 6x4 product has i, f, g, o of the
same units as its four vectors. Each thread keeps its unit blocks for all steps; the equations are pasted formulas.
"""

import numpy as np
import pytest

from netlang.formula import sigmoid, tanh, text, trace
from netlang.primitives.launch import Address, Draft, Product

T, N, UNITS = 7, 10, 48  # 10 examples: the second product of 6 rows is not full
CELL = trace(lambda i, f, g, c: sigmoid(f) * c + sigmoid(i) * tanh(g), "i", "f", "g", "c")
OUT = trace(lambda o, c: sigmoid(o) * tanh(c), "o", "c")
BODY = """
def kernel(args, team, thread):
    # gates(t) = x[t, n, unit block, gate, 16] + h[t, n, k] r[unit block, k, gate, 16]; h[t + 1], c[n, unit] follow
    x = load_i64(args)
    r = load_i64(args + 8)
    h = load_i64(args + 16)
    cells = load_i64(args + 24)
    product = load_i64(args + 32)
    steps = load_i64(args + 40)
    units = load_i64(args + 48)
    table = load_i64(args + 64) + thread * 1664
    out = table + 128
    count = examples(team)
    blocks = units // 16
    lo, hi = split(blocks, thread, threads(team))
    for n in range(count):
        for u in range(lo, hi):
            store_f32(h + 64 * (n * blocks + u), splat_f32(0.0))
            store_f32(cells + 64 * (n * blocks + u), splat_f32(0.0))
    for t in range(steps):
        barrier(team, thread)  # h[t] is whole
        if stopped(team):
            return
        for u in range(lo, hi):
            for s in range(4):
                store_i64(table + 48 + 8 * s, r + 64 * (4 * u * units + s))
            for block in range((count + 5) // 6):
                for q in range(6):
                    n = min_i64(6 * block + q, count - 1)
                    store_i64(table + 8 * q, h + 64 * (t * count + n) * blocks)
                call_product(product, table, 1, units, 4, 256, out, 1)
                for q in range(min_i64(6, count - 6 * block)):
                    n = 6 * block + q
                    at = x + 256 * ((t * count + n) * blocks + u)
                    i = load_f32(out + 256 * q) + load_f32(at)
                    f = load_f32(out + 256 * q + 64) + load_f32(at + 64)
                    g = load_f32(out + 256 * q + 128) + load_f32(at + 128)
                    o = load_f32(out + 256 * q + 192) + load_f32(at + 192)
                    c = load_f32(cells + 64 * (n * blocks + u))
EQUATIONS
                    store_f32(cells + 64 * (n * blocks + u), c)
                    store_f32(h + 64 * (((t + 1) * count + n) * blocks + u), y)
"""


def equations():
    lines = text("vector", ("c",), CELL) + text("vector", ("y",), OUT)
    return "\n".join(" " * 20 + line for line in lines)


def reference(x, r):
    """x[t, n, gate, unit], r[k, gate, unit] to h[t + 1, n, unit] and c[n, unit], in float64."""

    def squash(z):
        return 1 / (1 + np.exp(-z))

    h, c = [np.zeros((N, UNITS))], np.zeros((N, UNITS))
    for step in x:
        i, f, g, o = np.moveaxis(step + np.einsum("nk,kgu->ngu", h[-1], r), 1, 0)
        c = squash(f) * c + squash(i) * np.tanh(g)
        h.append(squash(o) * np.tanh(c))
    return np.array(h), c


@pytest.fixture
def case(rig):
    random = np.random.default_rng(2)
    x = random.normal(size=(T, N, 4, UNITS)).astype(np.float32)
    r = random.normal(size=(UNITS, 4, UNITS)).astype(np.float32) / 4
    packed_x = np.ascontiguousarray(np.moveaxis(x.reshape(T, N, 4, -1, 16), 3, 2))
    packed_r = np.ascontiguousarray(np.moveaxis(r.reshape(UNITS, 4, -1, 16), 2, 0))
    args = (*map(Address, ("x", "r", "h", "c")), Product("spread_f32_6x4"), T, UNITS)
    draft = Draft(rig.kernel("lstm_steps", BODY.replace("EQUATIONS", equations())), args, (1664, 0))
    return draft, {"x": packed_x, "r": packed_r}, reference(x.astype(float), r.astype(float))


def test_a_recurrence_runs_in_one_launch_with_a_barrier_per_step(rig, case):
    draft, inputs, (h, c) = case

    out = rig.assert_same_bits([draft], inputs, {"h": (T + 1, N, UNITS), "c": (N, UNITS)}, N)

    # float32 at 1e-7 an operation, 48 products and seven steps deep
    np.testing.assert_allclose(out["h"], h, atol=1e-6, rtol=0)
    np.testing.assert_allclose(out["c"], c, atol=2e-6, rtol=0)
