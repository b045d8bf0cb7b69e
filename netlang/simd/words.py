"""Several int64 at once: what a kernel is told, and what it tells a part of it.

A line for each would take Numba two to three times as long, and such lines are a quarter of a kernel's.
"""

import ctypes
from typing import Any

from llvmlite import ir
from numba import types

from netlang.simd import FRAME, MOST
from netlang.simd.emitted import INT64, constant, emits, pointer
from netlang.simd.team import call_kernel
from netlang.simd.vector import store_i64


def _load(count: int) -> Any:
    def load(address: int) -> tuple[int, ...]:
        """So many int64, one behind the other."""
        return tuple((ctypes.c_int64 * count).from_address(address))

    @emits(load, types.UniTuple(types.int64, count)(types.int64))
    def _(builder, address):
        return [builder.load(_word(builder, address, k), align=8) for k in range(count)]

    return load


def _call(count: int) -> Any:
    def call(part: int, frame: int, team: int, thread: int, *words: int) -> None:
        """Run the part at an address, a kernel which finds these words at `frame`."""
        for k, word in enumerate(words):
            store_i64(frame + 8 * k, word)
        call_kernel(part, frame, team, thread)

    @emits(call, types.void(*[types.int64] * (4 + count)))
    def _(builder, part, frame, team, thread, *words):
        for k, word in enumerate(words):
            builder.store(word, _word(builder, frame, k), align=8)
        kernel = ir.FunctionType(ir.VoidType(), [INT64] * 3)
        builder.call(builder.inttoptr(part, kernel.as_pointer()), [frame, team, thread])

    return call


def _word(builder, start, index):
    return pointer(builder, builder.add(start, constant(8 * index)))


for _count in range(2, MOST + 1):
    globals()[f"load_{_count}_i64"] = _load(_count)
for _count in range(1, FRAME + 1):
    globals()[f"call_part_{_count}"] = _call(_count)
