"""Winograd's transforms, compiled and as plain Python, are the matrices' products."""

import ctypes

import numpy as np
import pytest
from kernels import aligned
from test_simd import DTYPES

from netlang.backend.cache import compiled
from netlang.primitives.launch import KernelText
from netlang.simd.toom_cook import PAST, TRANSFORMS

CALL = "    transform_{0}_{1}(" + ", ".join(f"load_i64(a + {8 * k})" for k in range(5)) + ")\n"
TEXT = "from netlang.simd import *\n\n\ndef kernel(a, team, thread):\n"


def transformed(name, dtype, d, *, plain):
    """Vectors d[a, b] with a gap behind each row, R with a gap behind each vector."""
    high, wide = TRANSFORMS[name.removeprefix("past_")].matrices
    places = np.full((len(high[0]), len(wide[0]) + 2, 16), np.nan, DTYPES[dtype])
    places[:, : len(wide[0])] = d
    made = aligned(len(high) * len(wide) * 32, DTYPES[dtype]).reshape(-1, 32)  # as what is written past the caches
    made[:] = np.nan
    block = np.array([places.ctypes.data, *places.strides[:2], made.ctypes.data, made.strides[0]], np.int64)
    text = TEXT + CALL.format(name, dtype)
    if plain:
        scope = {}
        exec(text, scope)
        scope["kernel"](block.ctypes.data, 0, 0)
    else:
        address = compiled(KernelText("test", text))
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(block.ctypes.data, 0, 0)
    assert np.isnan(made[:, 16:]).all()
    return made[:, :16].reshape(len(high), len(wide), 16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*TRANSFORMS, *(f"past_{name}" for name in PAST)])
def test_a_transform_is_the_product_of_its_matrices(name, dtype):
    high, wide = (np.array(m, float) for m in TRANSFORMS[name.removeprefix("past_")].matrices)
    d = np.random.default_rng(0).normal(size=(high.shape[1], wide.shape[1], 16)).astype(DTYPES[dtype])
    wanted = np.einsum("ra,abv,sb->rsv", high, d.astype(float), wide)
    bound = np.einsum("ra,abv,sb->rsv", abs(high), abs(d.astype(float)), abs(wide))

    for plain in (False, True):
        made = transformed(name, dtype, d, plain=plain)

        rounding = 12 * np.finfo(DTYPES[dtype]).eps  # of up to 12 sums and products, one behind the other
        assert (np.abs(made - wanted) <= rounding * bound).all()
