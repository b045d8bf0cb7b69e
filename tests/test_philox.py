import ctypes

import numpy as np
import pytest

from netlang.backend import cache
from netlang.primitives.launch import KernelText
from netlang.simd.block import SEED as SEED_WORD
from netlang.simd.block import STEP as STEP_WORD
from netlang.simd.block import team_block
from netlang.simd.philox import philox, uniform, uniform_f32, uniform_scalar_f64

KNOWN = [  # Random123 1.14, kat_vectors: philox4x32 with 10 rounds: counter, key, words
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
SEED, STEP, STREAM, INDEX, LANE_STEP = -(2**62) - 12345, 7, 2**32 - 1, 2**33 + 5, 1000


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_words(counter, key, words):
    assert tuple(int(w) for w in philox(counter, key)) == words


def drawn(dtype):
    """What a compiled kernel draws: 16 numbers as a vector, and the scalar of its first index."""
    text = f"""
from netlang.simd.team import seed, step
from netlang.simd.philox import uniform_{dtype}, uniform_scalar_{dtype}
from netlang.simd.vector import load_i64, store_{dtype}, store_scalar_{dtype}
def kernel(args, team, thread):
    out = load_i64(args)
    index = load_i64(args + 8)
    stream = load_i64(args + 24)
    store_{dtype}(out, uniform_{dtype}(seed(team), step(team), stream, index, load_i64(args + 16)))
    one = uniform_scalar_{dtype}(seed(team), step(team), stream, index)
    store_scalar_{dtype}(out + 16 * {4 if dtype == "f32" else 8}, one)
"""
    out = np.full(17, np.nan, np.dtype(dtype.replace("f", "float")))
    args = np.array([out.ctypes.data, INDEX, LANE_STEP, STREAM], np.int64)
    team = team_block(1)
    team[STEP_WORD], team[SEED_WORD] = STEP, SEED
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(cache.compiled(KernelText(f"draw_{dtype}", text)))
    run(args.ctypes.data, team.ctypes.data, 0)
    return out


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_kernels_and_numpy_draw_the_same_bits(dtype):
    out = drawn(dtype)

    expected = uniform(SEED, STEP, STREAM, INDEX + LANE_STEP * np.arange(16), out.dtype)
    np.testing.assert_array_equal(out, np.append(expected, expected[0]))


def test_plain_python_bodies_draw_the_same_bits():
    index = INDEX + LANE_STEP * np.arange(16)

    np.testing.assert_array_equal(uniform_f32(SEED, STEP, STREAM, INDEX, LANE_STEP), uniform(SEED, STEP, STREAM, index))
    assert uniform_scalar_f64(SEED, STEP, STREAM, INDEX) == uniform(SEED, STEP, STREAM, INDEX, np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_uniform_and_below_one(dtype):
    x = uniform(0, 1, 2, np.arange(100_000), dtype)

    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    assert abs(x.mean() - 0.5) < 5 * np.sqrt(1 / 12 / x.size)  # five standard errors
    assert np.ptp(np.bincount((x * 16).astype(int), minlength=16)) < 8 * np.sqrt(x.size / 16)  # 8 sigma of a count


@pytest.mark.parametrize("other", [(1, 5, 6), (0, 4, 6), (0, 5, 7)])
def test_seed_step_and_stream_each_give_other_numbers(other):
    here = uniform(0, 5, 6, np.arange(64))

    assert not np.any(here == uniform(*other, np.arange(64)))
