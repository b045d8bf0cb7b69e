"""Random numbers by counting: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

The key is the seed, the counter (public index low, public index high, step, stream): a number depends on nothing
else, neither on threads nor on layout, fusion, device or rank. Each index takes the first word of its own block
(float64: the first two), so the kernels and `uniform`, the NumPy function, agree bit for bit.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from netlang.simd.emitted import INT32, INT64, emits
from netlang.simd.vector import VECTORS
from netlang.simd.wire import LANES, splat

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio, sqrt(3) - 1: added to the key between rounds
ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counter: tuple[Any, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """The four words (uint64 arrays below 2^32) of a counter of four words, each a number or an array."""
    c = [np.asarray(word, np.uint64) & _LOW for word in counter]
    k = [int(word) for word in key]
    for _ in range(ROUNDS):
        products = [c[2 * i] * np.uint64(MULTIPLIERS[i]) for i in (0, 1)]
        high, low = [p >> _HALF for p in products], [p & _LOW for p in products]
        c = [high[1] ^ c[1] ^ np.uint64(k[0]), low[1], high[0] ^ c[3] ^ np.uint64(k[1]), low[0]]
        k = [(k[i] + WEYL[i]) & 0xFFFFFFFF for i in (0, 1)]
    return tuple(c)


def uniform(seed: int, step: int, stream: int, index: Any, dtype: Any = np.float32) -> np.ndarray:
    """Numbers in [0, 1), one for each public index; the same as the kernels draw.

    seed: any int64; step and stream: their low 32 bits count
    """
    at = np.asarray(index, np.int64).astype(np.uint64)
    key = (seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF)
    words = philox((at & _LOW, at >> _HALF, step & 0xFFFFFFFF, stream & 0xFFFFFFFF), key)
    if np.dtype(dtype) == np.float32:
        return (words[0] >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)
    high, low = (words[0] >> np.uint64(5)).astype(np.float64), (words[1] >> np.uint64(6)).astype(np.float64)
    return (high * 2.0**26 + low) * 2.0**-53


def uniform_f32(seed, step, stream, index, lane_step):
    """A vector of float32 in [0, 1): lane l draws for the public index `index + l * lane_step`."""
    return uniform(seed, step, stream, index + lane_step * np.arange(LANES), np.float32)


def uniform_f64(seed, step, stream, index, lane_step):
    """A vector of float64 in [0, 1): lane l draws for the public index `index + l * lane_step`."""
    return uniform(seed, step, stream, index + lane_step * np.arange(LANES), np.float64)


def uniform_scalar_f32(seed, step, stream, index):
    """The float32 in [0, 1) of one public index."""
    return uniform(seed, step, stream, index, np.float32)[()]


def uniform_scalar_f64(seed, step, stream, index):
    """The float64 in [0, 1) of one public index."""
    return uniform(seed, step, stream, index, np.float64)[()]


def _fill(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * kind.count if isinstance(kind, ir.VectorType) else value)


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    return value if lanes == 1 else splat(builder, value, lanes)


def _emit_words(builder: Any, seed: Any, step: Any, stream: Any, index: Any, lanes: int) -> list[Any]:
    """The four words of the blocks of `index`, an int64 or a vector of them: the low halves of what is put out.

    Each word stays in a lane of 64 bits, for its product needs them; the bits above 32 are whatever is left there.
    """
    kind = ir.VectorType(INT64, lanes) if lanes > 1 else INT64

    def low(word: Any) -> Any:
        return builder.and_(word, _fill(kind, 0xFFFFFFFF))

    def high(word: Any) -> Any:
        return builder.lshr(word, _fill(kind, 32))

    step, stream, seed = (_spread(builder, word, lanes) for word in (step, stream, seed))
    c, k = [index, high(index), step, stream], [seed, high(seed)]
    for _ in range(ROUNDS):
        p = [builder.mul(low(c[2 * i]), _fill(kind, MULTIPLIERS[i])) for i in (0, 1)]
        c = [builder.xor(builder.xor(high(p[1 - i]), c[2 * i + 1]), k[i]) for i in (0, 1)]
        c = [c[0], p[1], c[1], p[0]]
        k = [builder.add(k[i], _fill(kind, WEYL[i])) for i in (0, 1)]
    narrow = ir.VectorType(INT32, lanes) if lanes > 1 else INT32
    return [builder.trunc(word, narrow) for word in c]


def _emit_float(builder: Any, words: list[Any], element: Any, lanes: int) -> Any:
    """The words as numbers in [0, 1): 24 bits as float32, 53 as float64. All steps are exact."""
    kind = ir.VectorType(element, lanes) if lanes > 1 else element
    shift = {ir.FloatType(): (8,), ir.DoubleType(): (5, 6)}[element]
    parts = [builder.uitofp(builder.lshr(w, _fill(w.type, s)), kind) for w, s in zip(words, shift, strict=False)]
    if len(parts) == 1:
        return builder.fmul(parts[0], _fill(kind, 2**-24))
    whole = builder.fadd(builder.fmul(parts[0], _fill(kind, 2.0**26)), parts[1])
    return builder.fmul(whole, _fill(kind, 2.0**-53))


def _emit_indices(builder: Any, index: Any, lane_step: Any) -> Any:
    lanes = ir.Constant(ir.VectorType(INT64, LANES), list(range(LANES)))
    return builder.add(_spread(builder, index, LANES), builder.mul(_spread(builder, lane_step, LANES), lanes))


def _scalar(function: Any, result: Any, element: Any) -> None:
    @emits(function, result(*[types.int64] * 4))
    def _(builder, seed, step, stream, index):
        return _emit_float(builder, _emit_words(builder, seed, step, stream, index, 1), element, 1)


def _vector(function: Any, result: Any, element: Any) -> None:
    @emits(function, result(*[types.int64] * 5))
    def _(builder, seed, step, stream, index, lane_step):
        indices = _emit_indices(builder, index, lane_step)
        return _emit_float(builder, _emit_words(builder, seed, step, stream, indices, LANES), element, LANES)


_scalar(uniform_scalar_f32, types.float32, ir.FloatType())
_scalar(uniform_scalar_f64, types.float64, ir.DoubleType())
_vector(uniform_f32, VECTORS["f32"], ir.FloatType())
_vector(uniform_f64, VECTORS["f64"], ir.DoubleType())
