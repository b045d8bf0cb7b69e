"""Groups of lanes: each lane gets what one lane of its group has."""

from typing import Any

import numpy as np
from llvmlite import ir

from netlang.simd import WIDTHS
from netlang.simd.emitted import INT32, emits
from netlang.simd.vector import VECTORS
from netlang.simd.wire import LANES


def _of_group(width: int, k: int, dtype: str) -> Any:
    lanes = [lane // width * width + k for lane in range(LANES)]
    kind = VECTORS[dtype]

    def of_group(v: Any) -> Any:
        """In each lane, the lane k of its group of `width`."""
        return v[np.array(lanes)]

    @emits(of_group, kind(kind))
    def _(builder, v):
        mask = ir.Constant(ir.VectorType(INT32, LANES), lanes)
        return builder.shuffle_vector(v, ir.Constant(v.type, ir.Undefined), mask)

    return of_group


for _dtype in VECTORS:
    for _width in WIDTHS:
        for _k in range(_width):
            globals()[f"of_group_{_width}_{_k}_{_dtype}"] = _of_group(_width, _k, _dtype)
