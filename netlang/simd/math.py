"""Transcendental functions of vectors: polynomials for f32, the C library lane by lane for f64.

The f32 reductions and the logarithm's polynomial are those of the Cephes library (Moshier; expf, logf); exp's own has a
degree less, of nearly the least error there is (Lawson's iteration), 0.05 ulp. With fused multiply-adds they are right
to about 1 ulp, what is made of them to 2 to 3. NaN stays NaN, infinities give the limits.
Kernels must not be compiled with `reassoc`: the range reductions rely on the order of the operations.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir

from netlang.simd.emitted import INT32, extern
from netlang.simd.vector import VECTORS, absolute, defines, equal, fma, isnan, maximum, minimum, where
from netlang.simd.wire import LANES, Wire

_INTS = ir.VectorType(INT32, LANES)
_LOG2E = 1.44269504088896341
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # ln 2 in two parts; the first is exact in 10 bits
_BIAS = 127  # of the power of 2 that a float32 holds
_MAGIC = 12582912.0 + _BIAS  # 1.5 * 2**23: added, it moves a small integer into the low bits, with the bias
_MAGIC_BITS = 0x4B400000 + _BIAS


def exp(x: Any) -> Any:
    """The exponential function."""
    return _libm("exp", np.exp, x) if _double(x) else _exp(x)


def log(x: Any) -> Any:
    """The natural logarithm; -inf of 0, NaN of negative numbers."""
    return _libm("log", np.log, x) if _double(x) else _log(x)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return _libm("tanh", np.tanh, x) if _double(x) else _tanh(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    if _double(x):
        return 1.0 / (1.0 + exp(-x))
    rest, power = _split(maximum(minimum(x, 87.0), -89.0), -1)  # at -89 the power is infinite
    return 1.0 / fma(rest + 1.0, power, _lift(x, 1.0))


def softplus(x: Any) -> Any:
    """log(1 + exp(x)), without overflow."""
    return maximum(x, 0.0) + _log1p(exp(-absolute(x)))


def _double(x: Any) -> bool:
    return x.dtype == "f64" if isinstance(x, Wire) else np.asarray(x).dtype == np.float64


def _libm(name: str, plain: Any, x: Any) -> Any:
    if not isinstance(x, Wire):
        with np.errstate(all="ignore"):
            return plain(x)
    builder, kind, result = x.builder, ir.DoubleType(), ir.Constant(x.value.type, ir.Undefined)
    function = extern(builder, name, kind, kind)
    for lane in range(LANES):
        index = ir.Constant(INT32, lane)
        one = builder.call(function, [builder.extract_element(x.value, index)])
        result = builder.insert_element(result, one, index)
    return Wire(builder, result)


def _exp(x: Any) -> Any:
    x = maximum(minimum(x, 89.0), -104.0)  # beyond, the result is inf or 0 anyway; keeps the exponent in range
    rest, shifted = _rest(x)
    half, other = _powers(shifted)
    return (rest + 1.0) * half * other  # two factors: 2**128 and 2**-149 are no normal numbers


def _split(x: Any, sign: int = 1) -> tuple[Any, Any]:
    """The parts e**r - 1 and 2**n of e**x = e**r 2**n, for x in [-87, 89]; of e**-x where the sign is -1."""
    rest, shifted = _rest(x, sign)
    return rest, _power(shifted)


def _rest(x: Any, sign: int = 1) -> tuple[Any, Any]:
    """e**r - 1 for r = x - n ln 2 of the nearest integer n, which comes as `_MAGIC` moved it into the low bits.

    Where the sign is -1, of e**-x; what is computed with is -r then.
    """
    shifted = fma(x, sign * _LOG2E, _lift(x, _MAGIC))
    n = shifted - _MAGIC
    r = fma(n, -sign * _LN2_HIGH, x)
    r = fma(n, -sign * _LN2_LOW, r)
    square = r * r  # the polynomial in two halves: they do not wait for each other
    low = _polynomial(r, sign * 1.666652113199234e-1, 4.999999403953552e-1)
    high = _polynomial(r, sign * 8.36873147636652e-3, 4.166838899254799e-2)
    high = fma(_lift(r, 1.3814568519592285e-3), square, high)
    return fma(fma(high, square, low), square, r if sign > 0 else -r), shifted


def _log(x: Any) -> Any:
    tiny = x < 1.17549435e-38
    m, e = _fraction(where(tiny, x * 8388608.0, x))
    e = where(tiny, e - 23.0, e)
    low = m < 0.707106781186547524
    e = where(low, e - 1.0, e)
    r = where(low, m + m, m) - 1.0
    y = _polynomial(
        r, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    )  # fmt: skip
    z = r * r
    y = fma(e, _LN2_LOW, y * r * z)
    y = fma(e, _LN2_HIGH, r + fma(z, -0.5, y))
    y = where(equal(x, math.inf), math.inf, y)
    y = where(equal(x, 0.0), -math.inf, y)
    return where(x >= 0.0, y, where(isnan(x), x, math.nan))


def _log1p(x: Any) -> Any:
    """log(1 + x) for x in [0, 1]: log of the rounded sum, corrected by what the rounding lost."""
    if _double(x):
        return _libm("log1p", np.log1p, x)
    u = 1.0 + x
    d = u - 1.0
    safe = where(equal(d, 0.0), 1.0, d)
    return where(equal(d, 0.0), x, _log(u) * (x / safe))


def _tanh(x: Any) -> Any:
    """With m = exp(2x) - 1 it is m / (m + 2), which loses no digits near 0; beyond 9.02 it is 1 in f32."""
    x = maximum(minimum(x, 9.02), -9.02)
    rest, power = _split(x + x)
    m = fma(rest, power, power - 1.0)
    return m / (m + 2.0)


def _polynomial(x: Any, *coefficients: float) -> Any:
    y = _lift(x, coefficients[0])
    for c in coefficients[1:]:
        y = fma(y, x, _lift(x, c))
    return y


def _lift(x: Any, number: float) -> Any:
    return Wire(x.builder, x.lift(number)) if isinstance(x, Wire) else np.full_like(x, number)


def _powers(shifted: Any) -> tuple[Any, Any]:
    """2**(n/2) and 2**(n - n/2) for the integers n that were moved into the low bits by `_MAGIC`."""
    if not isinstance(shifted, Wire):
        n = shifted.view(np.int32) - np.int32(_MAGIC_BITS)
        half = n >> 1
        return tuple(((k + _BIAS) << 23).astype(np.int32).view(np.float32) for k in (half, n - half))
    b, kind = shifted.builder, shifted.value.type
    n = b.sub(b.bitcast(shifted.value, _INTS), _int(_MAGIC_BITS))
    half = b.ashr(n, _int(1))
    low, high = (b.bitcast(b.shl(b.add(k, _int(_BIAS)), _int(23)), kind) for k in (half, b.sub(n, half)))
    return Wire(b, low), Wire(b, high)


def _power(shifted: Any) -> Any:
    """2**n for one of the integers from -126 to 128 (infinity) that were moved into the low bits by `_MAGIC`."""
    if not isinstance(shifted, Wire):
        return (shifted.view(np.int32) << 23).view(np.float32)
    b, kind = shifted.builder, shifted.value.type
    return Wire(b, b.bitcast(b.shl(b.bitcast(shifted.value, _INTS), _int(23)), kind))


def _fraction(x: Any) -> tuple[Any, Any]:
    """The parts m in [1/2, 1) and e as a float, x = m * 2**e, for positive normal numbers."""
    if not isinstance(x, Wire):
        bits = x.view(np.int32)
        m = ((bits & 0x007FFFFF) | 0x3F000000).astype(np.int32).view(np.float32)
        return m, ((bits >> 23) - 126).astype(np.float32)
    b, kind = x.builder, x.value.type
    bits = b.bitcast(x.value, _INTS)
    m = b.bitcast(b.or_(b.and_(bits, _int(0x007FFFFF)), _int(0x3F000000)), kind)
    e = b.sub(b.ashr(bits, _int(23)), _int(126))
    return Wire(b, m), Wire(b, b.sitofp(e, kind))


def _int(value: int) -> Any:
    return ir.Constant(_INTS, [value] * LANES)


for _function in (exp, log, tanh, sigmoid, softplus):
    defines(_function, *(v(v) for v in VECTORS.values()))
