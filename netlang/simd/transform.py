"""Winograd's transforms of 16 channels at a time, R = high d wide^T, as one function each.

As lines of text they were half of a kernel, and Numba's front end took as long for them as LLVM for all of it.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from numba import types

from netlang.simd.emitted import constant, emits, past_caches, pointer
from netlang.simd.products import SIZES
from netlang.simd.toom_cook import PAST, TRANSFORMS, Matrix
from netlang.simd.vector import VECTORS, fma, load_f32, load_f64, store_f32, store_f64
from netlang.simd.wire import FLOATS, Wire

_LOADS, _STORES = {"f32": load_f32, "f64": load_f64}, {"f32": store_f32, "f64": store_f64}


def _transform(name: str, dtype: str, *, past: bool) -> Any:
    """past: vectors are written past the caches, and begin at multiples of 64 bytes"""
    high, wide = TRANSFORMS[name].matrices
    align = 64 if past else SIZES[dtype]

    def transform(at: int, down: int, right: int, to: int, step: int) -> None:
        """Vector (a, b) of d lies at `at + a * down + b * right`, the k-th of R, row by row, at `to + k * step`."""
        for k, made in enumerate(_turned(high, wide, lambda a, b: _LOADS[dtype](at + a * down + b * right))):
            _STORES[dtype](to + k * step, made)

    @emits(transform, types.void(*[types.int64] * 5))
    def _(builder, at, down, right, to, step):
        def place(start: Any, far: Any, times: int) -> Any:
            return builder.add(start, builder.mul(far, constant(times)))

        def read(a: int, b: int) -> Wire:
            where = pointer(builder, place(place(at, down, a), right, b), VECTORS[dtype].llvm)
            return Wire(builder, builder.load(where, align=SIZES[dtype]))

        for k, made in enumerate(_turned(high, wide, read)):
            written = builder.store(made.value, pointer(builder, place(to, step, k), VECTORS[dtype].llvm), align=align)
            if past:
                past_caches(builder, written)

    return transform


def _turned(high: Matrix, wide: Matrix, read: Callable[[int, int], Any]) -> Iterator[Any]:
    """High d wide^T, row by row: along the columns, then along the rows. read: the vector of d in a row and a column

    Each row may be stored before the next is made: registers are few.
    """
    d = [[read(a, b) for b in range(len(wide[0]))] for a in range(len(high[0]))]
    columns = [_times(high, list(column)) for column in zip(*d, strict=True)]
    for row in zip(*columns, strict=True):
        yield from _times(wide, list(row))


def _times(matrix: Matrix, read: list[Any]) -> list[Any]:
    """A matrix times a vector; two rows whose odd columns differ in sign share their sums of even and odd columns."""
    made: dict[tuple[Fraction, ...], Any] = {}
    for row in matrix:
        mirrored = tuple(-f if k % 2 else f for k, f in enumerate(row))
        if row in made:
            continue
        if mirrored == row or mirrored not in matrix:
            made[row] = _combined(row, read)
        else:
            even = _combined(tuple(Fraction(0) if k % 2 else f for k, f in enumerate(row)), read)
            odd = _combined(tuple(f if k % 2 else Fraction(0) for k, f in enumerate(row)), read)
            made[row], made[mirrored] = even + odd, even - odd
    return [made[row] for row in matrix]


def _combined(factors: tuple[Fraction, ...], read: list[Any]) -> Any:
    """The sum of the factors times what is read; a factor of 1 or -1 is no product."""
    terms = sorted(
        ((f, value) for f, value in zip(factors, read, strict=True) if f), key=lambda term: abs(term[0]) != 1
    )
    (first, made), *rest = terms
    if first != 1:
        made = made * float(first)
    for factor, value in rest:
        made = _joined(made, factor, value)
    return made


def _joined(made: Any, factor: Fraction, value: Any) -> Any:
    if factor == 1:
        return made + value
    return made - value if factor == -1 else fma(value, float(factor), made)


for _name in TRANSFORMS:
    for _dtype in FLOATS:
        globals()[f"transform_{_name}_{_dtype}"] = _transform(_name, _dtype, past=False)
        if _name in PAST:
            globals()[f"transform_past_{_name}_{_dtype}"] = _transform(_name, _dtype, past=True)
