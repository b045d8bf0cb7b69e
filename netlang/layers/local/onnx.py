"""Locally connected layers in ONNX, which has none."""

from math import prod

import numpy as np

from netlang.layers.local.op import Local
from netlang.layers.onnx import Named, Operators, in_onnx, reshape, transpose, windowed


@in_onnx(Local)
def local(ops: Operators, layer: Local, x: Named, w: Named, *b: Named) -> str:
    """Conv with a filter for each pixel of a window cuts the windows out; MatMul has a matrix for each place."""
    high, wide, *kernel, c, f = w.type.arrayed(0)
    places, taps = high * wide, prod(kernel)
    size = kernel if len(x.type.shape) == 4 else kernel[1:]
    one_each = np.tile(np.eye(taps).reshape(taps, 1, *size), (c, *(1 for _ in (0, *size))))
    seen = ops("Conv", x, ops.constant(one_each), group=c, **windowed(layer, x.type))
    by_place = ops("Transpose", ops.reshaped(seen, 0, c * taps, places), perm=[2, 0, 1])
    matrices = ops.weight(w, transpose(0, 1, 4, 2, 3, 5), reshape(places, c * taps, f))
    y = ops("MatMul", by_place, matrices)
    if b:
        y = ops("Add", y, ops.weight(b[0], reshape(places, 1, f)))
    shape = (high, wide) if len(x.type.shape) == 4 else (wide,)
    return ops.reshaped(ops("Transpose", y, perm=[1, 2, 0]), 0, f, *shape)
