"""Locally connected layers in ONNX."""

import numpy as np

from netlang.layers.local.op import Local
from netlang.layers.onnx import Named, Operators, in_onnx, reshape, transpose, windowed


@in_onnx(Local)
def local(ops: Operators, layer: Local, x: Named, w: Named, *b: Named) -> str:
    """Each window as a column, by a convolution whose filters pick one pixel each; then a product for each place."""
    high, wide, kh, kw, c, f = w.type.arrayed(0)
    at = windowed(layer, x.type)
    pixels = np.tile(np.eye(kh * kw).reshape(kh * kw, 1, *at["kernel_shape"]), (c, *(1 for _ in x.type.shape[1:])))
    columns = ops("Conv", x, ops.constant(pixels), group=c, **at)  # [n, c*kh*kw, high, wide]
    lined = ops("Transpose", ops.reshaped(columns, 0, c * kh * kw, high * wide), perm=[2, 0, 1])
    filters = ops.weight(w, transpose(0, 1, 4, 2, 3, 5), reshape(high * wide, c * kh * kw, f))
    products = ops("Transpose", ops("MatMul", lined, filters), perm=[1, 2, 0])
    places = (high, wide)[-(len(x.type.shape) - 2) :]
    y = ops.reshaped(products, 0, f, *places)
    for bias in b:
        last = len(bias.type.shape) - 1
        y = ops("Add", y, ops.weight(bias, transpose(last, *range(last)), reshape(f, *places)))
    return y
