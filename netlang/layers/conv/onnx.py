"""Convolutions in ONNX."""

from typing import Any

from netlang.layers.conv.op import Conv, DepthwiseConv
from netlang.layers.onnx import Named, Operators, Step, in_onnx, reshape, transpose, windowed


@in_onnx(Conv, DepthwiseConv)
def conv(ops: Operators, layer: Any, x: Named, w: Named, *b: Named) -> str:
    """Conv; a depthwise one has a group for each channel."""
    groups = layer.groups if isinstance(layer, Conv) else x.type.channels
    filters = ops.weight(w, *filters_first(x, w))
    return ops("Conv", x, filters, *b, group=groups, **windowed(layer, x.type))


def filters_first(x: Named, w: Named) -> tuple[Step, ...]:
    """w[kh,kw,c,f] as [f,c,kh,kw]; as [f,c,k] for sequences."""
    _, k, c, f = w.type.arrayed(0)
    turned = transpose(3, 2, 0, 1)
    return (turned, reshape(f, c, k)) if len(x.type.shape) == 3 else (turned,)
