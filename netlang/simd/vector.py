"""Vectors of 16 elements of f32 or f64; memory by address, an int64 in bytes.

Plain Python on NumPy arrays, and LLVM instructions under Numba. LLVM splits a vector into what the machine has:
one register of AVX-512, two of AVX2, four of NEON, twice as many for f64.
"""

import ctypes
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import lower_builtin, models, register_model

from netlang.simd.emitted import INT32, constant, emits, extern, past_caches, pointer
from netlang.simd.wire import FLOATS, LANES, Wire, splat

DTYPES = {"f32": np.float32, "f64": np.float64}
_SCALARS = {"f32": types.float32, "f64": types.float64}
_C_FLOATS: dict[str, Any] = {"f32": ctypes.c_float, "f64": ctypes.c_double}


class Vector(types.Type):
    """Numba's type of 16 elements."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.llvm = ir.VectorType(FLOATS[dtype], LANES)
        super().__init__(f"{dtype}x{LANES}")


class Mask(types.Type):
    """Numba's type of 16 truth values, made by comparing vectors of `dtype`."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.llvm = ir.VectorType(ir.IntType(1), LANES)
        super().__init__(f"mask_{dtype}x{LANES}")


@register_model(Vector)
@register_model(Mask)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, kind.llvm)


VECTORS = {dtype: Vector(dtype) for dtype in FLOATS}
MASKS = {dtype: Mask(dtype) for dtype in FLOATS}


def defines(key: Any, *signatures: Any, body: Callable[..., Any] | None = None) -> None:
    """Let Numba compile calls of `key` by running `body` (the function itself) on wires."""
    run = body or key

    def lower(context: Any, builder: Any, given: Any, arguments: Any) -> Any:
        return run(*(Wire(builder, a) for a in arguments)).value

    typing = type(f"{key.__name__}_typing", (ConcreteTemplate,), {"key": key, "cases": list(signatures)})
    infer_global(key, types.Function(typing))
    for signature in signatures:
        lower_builtin(key, *signature.args)(lower)


def _pairs(dtype: str, result: Any) -> list[Any]:
    """Two operands of which at least one is a vector; a number goes to all lanes."""
    v, s = VECTORS[dtype], types.float64
    t = _SCALARS[dtype]
    return [result(v, v), result(v, s), result(s, v), *([] if t == s else [result(v, t), result(t, v)])]


def _binary(key: Any, body: Callable[..., Any], result: dict[str, Any]) -> None:
    defines(key, *(s for dtype in FLOATS for s in _pairs(dtype, result[dtype])), body=body)


def _vectors_first(function: Callable[[Wire, Any], Any]) -> Callable[[Wire, Wire], Any]:
    """Both operands as vectors, so that the first can lift the second."""

    def run(a: Wire, b: Wire) -> Any:
        if isinstance(a.value.type, ir.VectorType):
            return function(a, b)
        return function(Wire(b.builder, b.lift(a)), b)

    return run


for _operator in (operator.add, operator.sub, operator.mul, operator.truediv):
    _binary(_operator, _vectors_first(_operator), VECTORS)
for _operator in (operator.gt, operator.lt, operator.ge, operator.le):
    _binary(_operator, _vectors_first(_operator), MASKS)
defines(operator.neg, *(v(v) for v in VECTORS.values()))


def equal(a: Any, b: Any) -> Any:
    """A mask of equal lanes."""
    return a.compare("==", b) if isinstance(a, Wire) else np.equal(a, b)


def isnan(a: Any) -> Any:
    """A mask of the lanes that are not a number."""
    return a.compare("!=", a) if isinstance(a, Wire) else np.isnan(a)


def attains(a: Any, largest: Any) -> Any:
    """A mask of the lanes in which `a` is the `largest` of a set with `a` in it: NaN where any of them is NaN."""
    same, nan = equal(a, largest), isnan(a)
    return Wire(a.builder, a.builder.or_(same.value, nan.value)) if isinstance(a, Wire) else same | nan


def where(mask: Any, then: Any, other: Any) -> Any:
    """`then` in the lanes of the mask, `other` elsewhere."""
    if not isinstance(mask, Wire):
        return _where(mask, then, other)
    like = next(x for x in (then, other) if isinstance(x, Wire) and isinstance(x.value.type, ir.VectorType))
    return Wire(mask.builder, mask.builder.select(mask.value, like.lift(then), like.lift(other)))


def _where(mask: Any, then: Any, other: Any) -> Any:
    like = next((x.dtype for x in (then, other) if isinstance(x, np.ndarray)), np.dtype(np.float32))
    return np.where(mask, np.asarray(then, like), np.asarray(other, like))


def maximum(a: Any, b: Any) -> Any:
    """The larger, lane by lane; NaN where either is NaN, so that a fault is seen where it arises."""
    return _extreme(a, b, "<", np.maximum)


def minimum(a: Any, b: Any) -> Any:
    """The smaller, lane by lane; NaN where either is NaN."""
    return _extreme(a, b, ">", np.minimum)


def _extreme(a: Any, b: Any, symbol: str, plain: Any) -> Any:
    if not isinstance(a, Wire):
        return plain(a, b)
    if not isinstance(b, Wire):  # a number: the comparison is false where `a` is NaN
        return where(a.compare(symbol, b), b, a)
    b = Wire(a.builder, a.lift(b))
    worse = Wire(a.builder, a.builder.or_(a.compare(symbol, b).value, isnan(b).value))
    return where(worse, b, a)


def absolute(a: Any) -> Any:
    """Without the sign."""
    return a.call("fabs") if isinstance(a, Wire) else np.abs(a)


def sqrt(a: Any) -> Any:
    """The square root, correctly rounded; NaN of negative numbers."""
    if isinstance(a, Wire):
        return a.call("sqrt")
    with np.errstate(invalid="ignore"):
        return np.sqrt(a)


def fma(a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, in one instruction where the machine has it (llvm.fma would call libm where it has not)."""
    vector = next((x for x in (a, b, c) if isinstance(x, Wire) and isinstance(x.value.type, ir.VectorType)), None)
    if vector is None:
        return a * b + c
    return Wire(vector.builder, vector.lift(a)).call("fmuladd", b, c)


_binary(equal, _vectors_first(equal), MASKS)
_binary(attains, _vectors_first(attains), MASKS)
_binary(operator.eq, _vectors_first(equal), MASKS)
_binary(maximum, _vectors_first(maximum), VECTORS)
_binary(minimum, _vectors_first(minimum), VECTORS)
for _function in (absolute, sqrt):
    defines(_function, *(v(v) for v in VECTORS.values()))
defines(fma, *(v(a, b, v) for v in VECTORS.values() for a, b in ((v, v), (v, types.float64))))


def _lower_where(dtype: str) -> None:
    v, s, kind = VECTORS[dtype], types.float64, VECTORS[dtype].llvm

    def body(mask: Wire, then: Wire, other: Wire) -> Wire:
        like = Wire(mask.builder, ir.Constant(kind, ir.Undefined))
        return Wire(mask.builder, mask.builder.select(mask.value, like.lift(then), like.lift(other)))

    defines(where, *(v(MASKS[dtype], a, b) for a, b in ((v, v), (v, s), (s, v), (s, s))), body=body)


for _dtype in FLOATS:
    _lower_where(_dtype)


def _fold(v: Any, join: Callable[[Any, Any], Any]) -> Any:
    """The lanes joined in a fixed tree: halves, quarters, ..."""
    lanes = LANES
    while lanes > 1:
        lanes //= 2
        v = join(_part(v, 0, lanes), _part(v, lanes, lanes))
    return (
        v[0] if not isinstance(v, Wire) else Wire(v.builder, v.builder.extract_element(v.value, ir.Constant(INT32, 0)))
    )


def _part(v: Any, start: int, lanes: int) -> Any:
    if not isinstance(v, Wire):
        return v[start : start + lanes]
    index = ir.Constant(ir.VectorType(INT32, lanes), list(range(start, start + lanes)))
    return Wire(v.builder, v.builder.shuffle_vector(v.value, ir.Constant(v.value.type, ir.Undefined), index))


def total(v: Any) -> Any:
    """The sum of the lanes, a scalar, always added in the same order."""
    return _fold(v, operator.add)


def largest(v: Any) -> Any:
    """The largest of the lanes, a scalar."""
    return _fold(v, maximum)


for _dtype, _v in VECTORS.items():
    defines(total, _SCALARS[_dtype](_v))
    defines(largest, _SCALARS[_dtype](_v))


def load_i64(address: int) -> int:
    """The int64 at an address."""
    return ctypes.c_int64.from_address(address).value


def store_i64(address: int, value: int) -> None:
    """Write an int64."""
    ctypes.c_int64.from_address(address).value = value


@emits(load_i64, types.int64(types.int64))
def _(builder, address):
    return builder.load(pointer(builder, address), align=8)


@emits(store_i64, types.void(types.int64, types.int64))
def _(builder, address, value):
    builder.store(value, pointer(builder, address), align=8)


def prefetch(address: int) -> None:
    """Ask for the cache line at an address, any address, to be read soon."""


@emits(prefetch, types.void(types.int64))
def _(builder, address):
    at = pointer(builder, address)
    how = [constant(n, INT32) for n in (0, 3, 1)]  # for reading, into all caches, data
    builder.call(extern(builder, "llvm.prefetch.p0", ir.VoidType(), at.type, INT32, INT32, INT32), [at, *how])


def min_i64(a: int, b: int) -> int:
    """The smaller integer. (Numba's `min` is a call that may fail, and kernels may not.)"""
    return min(a, b)


def max_i64(a: int, b: int) -> int:
    """The larger integer."""
    return max(a, b)


@emits(min_i64, types.int64(types.int64, types.int64))
def _(builder, a, b):
    return builder.select(builder.icmp_signed("<", a, b), a, b)


@emits(max_i64, types.int64(types.int64, types.int64))
def _(builder, a, b):
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _vector_memory(dtype: str) -> tuple[Any, ...]:
    kind, scalar, cell = VECTORS[dtype], _SCALARS[dtype], _C_FLOATS[dtype] * LANES

    def load(address: int) -> Any:
        """The 16 elements at an address; any alignment."""
        return np.array(np.frombuffer(cell.from_address(address), DTYPES[dtype]))

    def store(address: int, v: Any) -> None:
        """Write 16 elements."""
        np.frombuffer(cell.from_address(address), DTYPES[dtype])[:] = v

    def splat_(x: float) -> Any:
        """A number in all lanes."""
        return np.full(LANES, x, DTYPES[dtype])

    def spread(address: int) -> Any:
        """The element at an address in all lanes."""
        return np.full(LANES, _C_FLOATS[dtype].from_address(address).value, DTYPES[dtype])

    align = 4 if dtype == "f32" else 8  # costs nothing where the address happens to be aligned

    @emits(load, kind(types.int64))
    def _(builder, address):
        return builder.load(pointer(builder, address, kind.llvm), align=align)

    @emits(store, types.void(types.int64, kind))
    def _(builder, address, v):
        builder.store(v, pointer(builder, address, kind.llvm), align=align)

    @emits(splat_, kind(scalar))
    def _(builder, x):
        return splat(builder, x)

    @emits(spread, kind(types.int64))
    def _(builder, address):
        return splat(builder, builder.load(pointer(builder, address, FLOATS[dtype]), align=align))

    return load, store, splat_, spread


def _streamed(dtype: str) -> Any:
    kind = VECTORS[dtype]

    def stream(address: int, v: Any) -> None:
        """Write 16 elements past the caches, at a multiple of 64 bytes: nobody reads them soon."""
        np.frombuffer((_C_FLOATS[dtype] * LANES).from_address(address), DTYPES[dtype])[:] = v

    @emits(stream, types.void(types.int64, kind))
    def _(builder, address, v):
        past_caches(builder, builder.store(v, pointer(builder, address, kind.llvm), align=64))

    return stream


stream_f32, stream_f64 = (_streamed(dtype) for dtype in FLOATS)


def _lane_memory(dtype: str) -> tuple[Any, ...]:
    scalar, cell = _SCALARS[dtype], _C_FLOATS[dtype]

    def load_scalar(address: int) -> Any:
        """The element at an address."""
        return DTYPES[dtype](cell.from_address(address).value)

    def store_scalar(address: int, x: float) -> None:
        """Write one element."""
        cell.from_address(address).value = float(x)

    @emits(load_scalar, scalar(types.int64))
    def _(builder, address):
        return builder.load(pointer(builder, address, FLOATS[dtype]))

    @emits(store_scalar, types.void(types.int64, scalar))
    def _(builder, address, x):
        builder.store(x, pointer(builder, address, FLOATS[dtype]))

    def load_whole(address: int) -> int:
        """The element at an address, which is a whole number. (Numba's `int` of a float may fail.)"""
        return int(cell.from_address(address).value)

    @emits(load_whole, types.int64(types.int64))
    def _(builder, address):
        return builder.fptosi(builder.load(pointer(builder, address, FLOATS[dtype])), ir.IntType(64))

    return load_scalar, store_scalar, load_whole


def _lane_numbers(dtype: str) -> tuple[Any, ...]:
    kind = VECTORS[dtype]

    def lanes() -> Any:
        """0, 1, ... 15."""
        return np.arange(LANES, dtype=DTYPES[dtype])

    def head(v: Any, count: int) -> Any:
        """The first `count` lanes; the others become 0. Any count: below 1 none, above 15 all."""
        return np.where(np.arange(LANES) < count, v, 0).astype(DTYPES[dtype])

    numbers = ir.Constant(kind.llvm, [float(i) for i in range(LANES)])

    @emits(lanes, kind())
    def _(builder):
        return numbers

    @emits(head, kind(kind, types.int64))
    def _(builder, v, count):
        # a count beyond 32 bits would wrap when narrowed: clamp first
        sixteen = ir.Constant(count.type, LANES)
        count = builder.select(builder.icmp_signed("<", count, sixteen), count, sixteen)
        wide = splat(builder, builder.trunc(count, INT32))
        index = ir.Constant(ir.VectorType(INT32, LANES), list(range(LANES)))
        return builder.select(builder.icmp_signed("<", index, wide), v, ir.Constant(kind.llvm, [0.0] * LANES))

    return lanes, head


load_f32, store_f32, splat_f32, spread_f32 = _vector_memory("f32")
load_f64, store_f64, splat_f64, spread_f64 = _vector_memory("f64")
load_scalar_f32, store_scalar_f32, load_whole_f32 = _lane_memory("f32")
load_scalar_f64, store_scalar_f64, load_whole_f64 = _lane_memory("f64")
lanes_f32, head_f32 = _lane_numbers("f32")
lanes_f64, head_f64 = _lane_numbers("f64")
