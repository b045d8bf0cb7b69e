"""Calling a product tile from a kernel."""

import ctypes
from typing import Any

from llvmlite import ir
from numba import types

from netlang.simd.emitted import INT64, emits
from netlang.simd.products import ARITY


def call_product(
    address: int, table: int, segments: int, k: int, a_step: int, b_step: int, out: int, first: int
) -> None:
    """Call a compiled product."""
    _PROTOTYPE(address)(table, segments, k, a_step, b_step, out, first)


_PROTOTYPE: Any = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * ARITY)


@emits(call_product, types.void(*[types.int64] * (ARITY + 1)))
def _(builder, address, *arguments):
    function = ir.FunctionType(ir.VoidType(), [INT64] * ARITY)
    builder.call(builder.inttoptr(address, function.as_pointer()), list(arguments))
