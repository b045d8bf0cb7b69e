"""Proof: a Winograd weight gradient, F(4x4, 3x3), in one launch, with two barriers inside it per block of tiles.

dW = Gt (sum over tiles V Zt) G with V = Bt x B, 6x6 of the input, and Z = A dy At, 4x4 of the output gradient to 6x6
(Lavin and Gray 2016, arXiv:1509.09308, in adjoint form). All threads transform a block of tiles into shared scratch;
then each multiplies the frequencies that are its own, so that no sum is private and none is reduced.
"""

from fractions import Fraction as Q

import numpy as np
import pytest

from netlang.primitives.launch import Address, Draft, Product

POINTS = (Q(0), Q(1), Q(-1), Q(1, 2), Q(-2))  # Barabasz et al. 2018, arXiv:1803.10986; and infinity
ROWS, VECTORS = 8, 3
N, H, W, C, F = 3, 8, 12, 16, 48
SCRATCH = 128 + 64 * 36  # addresses of a product; half a transform
BLOCK = 7  # tiles; 18 in all: the last block is not full


def cook_toom(points):
    """A[6, 4], G[6, 3], B[6, 6] with Y = At ((G g) * (Bt d)) a correlation of 6 numbers with 3."""
    n = len(points) + 1
    others = [[p for p in points if p != point] for point in points]
    scale = [np.prod([point - p for p in rest]) for point, rest in zip(points, others, strict=True)]
    a = [[point**i for i in range(4)] for point in points] + [[0, 0, 0, 1]]
    g = [[point**k / s for k in range(3)] for point, s in zip(points, scale, strict=True)] + [[0, 0, 1]]
    bt = [polynomial(rest, n) for rest in others] + [polynomial(points, n)]
    return tuple(np.array(m, dtype=object) for m in (a, g, np.transpose(bt)))


def polynomial(roots, length):
    """Coefficients of prod (x - root), lowest power first."""
    c = [Q(1)]
    for root in roots:
        c = [(c[i - 1] if i else 0) - root * (c[i] if i < len(c) else 0) for i in range(len(c) + 1)]
    return c + [Q(0)] * (length - len(c))


# Written out as straight lines the three transforms were 1,600 expressions, and Numba took 5 s: here they are loops
# over matrices in memory. Fast ones will be vector functions that emit LLVM themselves.
TRANSFORM = """
# to[p, r] = sum_{k, l} m[p, k] m[r, l] at[k, l], vectors of 16 channels
for p in range(ROWS):
    for l in range(COLUMNS):
        value = splat_f32(0.0)
        for k in range(COLUMNS):
            value = fma(spread_f32(MATRIX + 4 * (COLUMNS * p + k)), load_f32(at + FROM), value)
        store_f32(half + 64 * (COLUMNS * p + l), value)
for p in range(ROWS):
    for r in range(ROWS):
        value = splat_f32(0.0)
        for l in range(COLUMNS):
            value = fma(spread_f32(MATRIX + 4 * (COLUMNS * r + l)), load_f32(half + 64 * (COLUMNS * p + l)), value)
        store_f32(to + (ROWS * p + r) * STEP, value)
"""


def transform(indent, **words):
    """The text of a transform, its words in capitals replaced."""
    text = TRANSFORM
    for word, value in words.items():
        text = text.replace(word.upper(), str(value))
    return "\n".join(" " * indent + line for line in text.splitlines())


BODY = """
def kernel(args, team, thread):
    # x[n, h+2, w+2, C/16, 16], zeros around it; dy[n, h, w, F/16, 16]; dw[3, 3, C, F/16, 16]
    x = load_i64(args)
    dy = load_i64(args + 8)
    dw = load_i64(args + 16)
    product = load_i64(args + 24)
    height = load_i64(args + 32)
    width = load_i64(args + 40)
    channels = load_i64(args + 48)
    filters = load_i64(args + 56)
    block = load_i64(args + 64)
    b = load_i64(args + 72)
    a = load_i64(args + 80)
    g = load_i64(args + 88)
    shared = load_i64(args + 96)
    table = load_i64(args + 104) + thread * SCRATCH
    half = table + 128
    # v[36, C/16, block, 16], z[36, F/16, block, 16], sums[36, C/8, F/48, 8, 3, 16]
    v = shared
    z = v + 4 * 36 * block * channels
    sums = z + 4 * 36 * block * filters
    down = height // 4
    across = width // 4
    tiles = examples(team) * down * across
    for number in range((tiles + block - 1) // block):  # a range with a step in a variable may raise: refused
        start = number * block
        count = min_i64(block, tiles - start)
        lo, hi = split(count, thread, threads(team))
        for q in range(lo, hi):
            n = (start + q) // (down * across)
            i = (start + q) // across % down * 4
            j = (start + q) % across * 4
            for c in range(channels // 16):
                at = x + 64 * (((n * (height + 2) + i) * (width + 2) + j) * (channels // 16) + c)
                to = v + 64 * (c * block + q)
INPUT
            for f in range(filters // 16):
                at = dy + 64 * (((n * height + i) * width + j) * (filters // 16) + f)
                to = z + 64 * (f * block + q)
GRADIENT
        barrier(team, thread)
        lo, hi = split(36, thread, threads(team))
        for e in range(lo, hi):
            for c in range(channels // 8):
                for f in range(filters // 48):
                    for r in range(8):
                        store_i64(table + 8 * r, v + 4 * (e * channels * block + (c // 2) * 16 * block + c % 2 * 8 + r))
                    for s in range(3):
                        store_i64(table + 64 + 8 * s, z + 4 * (e * filters * block + (3 * f + s) * 16 * block))
                    out = sums + 64 * 24 * ((e * (channels // 8) + c) * (filters // 48) + f)
                    call_product(product, table, 1, count, 64, 64, out, 1 if start == 0 else 0)
        barrier(team, thread)
        if stopped(team):
            return
    lo, hi = split(channels * (filters // 16), thread, threads(team))
    for q in range(lo, hi):
        c = q // (filters // 16)
        f = q % (filters // 16)
        step = 64 * 24 * (channels // 8) * (filters // 48)
        at = sums + 64 * (24 * (c // 8 * (filters // 48) + f // 3) + c % 8 * 3 + f % 3)
        to = dw + 64 * q
OUTPUT
"""


def text():
    into_v = transform(
        16, rows=6, columns=6, matrix="b", STEP="4 * channels * block", FROM="4 * (k * (width + 2) + l) * channels"
    )
    into_z = transform(
        16, rows=6, columns=4, matrix="a", STEP="4 * filters * block", FROM="4 * (k * width + l) * filters"
    )
    into_dw = transform(8, rows=3, columns=6, matrix="g", STEP="4 * channels * filters", FROM="(6 * k + l) * step")
    return (
        BODY.replace("SCRATCH", str(SCRATCH))
        .replace("INPUT", into_v)
        .replace("GRADIENT", into_z)
        .replace("OUTPUT", into_dw)
    )


@pytest.fixture
def case(rig):
    random = np.random.default_rng(1)
    x = np.zeros((N, H + 2, W + 2, C), np.float32)
    x[:, 1:-1, 1:-1] = random.normal(size=(N, H, W, C))
    dy = random.normal(size=(N, H, W, F)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (3, 3), (1, 2))
    expected = np.einsum("nijcuv,nijf->uvcf", windows, dy.astype(float))
    shared = 4 * 36 * (BLOCK * (C + F) + C * F)
    args = (Address("x"), Address("dy"), Address("dw"), Product(f"spread_f32_{ROWS}x{VECTORS}"), H, W, C, F, BLOCK)
    args += tuple(map(Address, "bag"))
    draft = Draft(rig.kernel("winograd_weight_gradient", text()), args, (SCRATCH, shared))
    a, g, b = cook_toom(POINTS)
    matrices = {name: m.astype(np.float32) for name, m in (("b", b.T), ("a", a), ("g", g.T))}
    return draft, {"x": x, "dy": dy, **matrices}, expected


def test_a_weight_gradient_sums_tile_blocks_between_inner_barriers(rig, case):
    draft, inputs, expected = case

    dw = rig.assert_same_bits([draft], inputs, {"dw": (3, 3, C, F)}, N)["dw"]

    # F(4x4, 3x3) loses up to a decimal against direct float32 (2e-7): its transforms cancel. 8e-7 was measured
    assert np.linalg.norm(dw - expected) / np.linalg.norm(expected) < 2e-6


def test_the_transforms_are_exact_in_rational_numbers():
    a, g, b = cook_toom(POINTS)
    d, w = np.array([Q(3), Q(1), Q(4), Q(1), Q(5), Q(9)]), np.array([Q(2), Q(7), Q(1)])

    y = a.T @ ((g @ w) * (b.T @ d))

    assert list(y) == [sum(d[i + k] * w[k] for k in range(3)) for i in range(4)]
