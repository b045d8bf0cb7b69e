"""The largest of several in ONNX."""

from functools import reduce

from netlang.layers.dense.onnx import dense
from netlang.layers.maxout.op import ChannelPool, Maxout
from netlang.layers.onnx import END, Named, Operators, in_onnx


@in_onnx(Maxout)
def maxout(ops: Operators, layer: Maxout, x: Named, w: Named, *b: Named) -> str:
    """Gemm of all pieces, then the largest."""
    pieces = ops.reshaped(dense(ops, layer, x, w, *b), 0, layer.kernel, layer.width)
    return ops("ReduceMax", pieces, ops.integers(1), keepdims=0)


@in_onnx(ChannelPool)
def channelpool(ops: Operators, layer: ChannelPool, x: Named) -> str:
    """The largest of every first, every second, ... channel of a group."""
    behind, axis, step = ops.integers(END), ops.integers(1), ops.integers(layer.kernel)
    parts = [ops("Slice", x, ops.integers(k), behind, axis, step) for k in range(layer.kernel)]
    return reduce(lambda a, b: ops("Max", a, b), parts)
