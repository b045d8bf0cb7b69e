"""Squares of 16 by 16 elements, rows and columns exchanged in registers."""

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from netlang.simd.emitted import INT32, constant, emits, past_caches, pointer
from netlang.simd.vector import DTYPES, VECTORS
from netlang.simd.wire import FLOATS, LANES

_C_FLOATS: dict[str, Any] = {"f32": ctypes.c_float, "f64": ctypes.c_double}


def _square(dtype: str, past: bool) -> Any:
    """past: rows are written past the caches, and begin at multiples of 64 bytes"""
    cell, kind = _C_FLOATS[dtype] * LANES, VECTORS[dtype].llvm
    align = 4 if dtype == "f32" else 8

    def transpose(to: int, to_step: int, at: int, at_step: int) -> None:
        """Row i of the square at `to` becomes column i of the one at `at`; rows are `step` bytes apart."""
        rows = np.array([np.frombuffer(cell.from_address(at + i * at_step), DTYPES[dtype]) for i in range(LANES)])
        for i in range(LANES):
            np.frombuffer(cell.from_address(to + i * to_step), DTYPES[dtype])[:] = rows[:, i]

    @emits(transpose, types.void(*[types.int64] * 4))
    def _(builder, to, to_step, at, at_step):
        def place(start: Any, step: Any, i: int) -> Any:
            return pointer(builder, builder.add(start, builder.mul(step, constant(i))), kind)

        rows = [builder.load(place(at, at_step, i), align=align) for i in range(LANES)]
        for distance in (8, 4, 2, 1):
            rows = _exchanged(builder, rows, distance)
        for i, row in enumerate(rows):
            made = builder.store(row, place(to, to_step, i), align=64 if past else align)
            if past:
                past_caches(builder, made)

    return transpose


def _exchanged(builder: Any, rows: list[Any], distance: int) -> list[Any]:
    """Of each pair of rows `distance` apart, the blocks off the diagonal change places."""
    made = list(rows)
    lanes = range(LANES)
    upper = [i + LANES - distance if i & distance else i for i in lanes]
    lower = [i + LANES if i & distance else i + distance for i in lanes]
    for i in lanes:
        if i & distance == 0:
            pair = rows[i], rows[i + distance]
            for to, mask in ((i, upper), (i + distance, lower)):
                made[to] = builder.shuffle_vector(*pair, ir.Constant(ir.VectorType(INT32, LANES), mask))
    return made


transpose_f32, transpose_f64 = (_square(dtype, past=False) for dtype in FLOATS)
transpose_past_f32, transpose_past_f64 = (_square(dtype, past=True) for dtype in FLOATS)
