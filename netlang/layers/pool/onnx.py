"""Pools in ONNX."""

from netlang.layers.onnx import Named, Operators, in_onnx, pads, windowed
from netlang.layers.pool.op import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Mean
from netlang.layers.sliding import Sides


@in_onnx(MaxPool)
def maxpool(ops: Operators, layer: MaxPool, x: Named) -> str:
    """MaxPool."""
    return ops("MaxPool", x, **windowed(layer, x.type, end_first=True))


@in_onnx(AvgPool)
def avgpool(ops: Operators, layer: AvgPool, x: Named) -> str:
    """AveragePool. Padding that is counted beside padding that is not stands in front of it, as zeros."""
    at = windowed(layer, x.type, end_first=True)
    if not (layer.count_padding and layer.ceil):
        return ops("AveragePool", x, count_include_pad=int(layer.count_padding), **at)
    counted: Sides
    if "ceil_mode" in at:
        counted, rest = layer._windows(x.type).pad, (0, 0)
        counted = (*counted[:2], *counted[:2])
    else:
        counted, rest = layer._counted(layer._windows(x.type))
    edges = pads(counted, x.type)
    half = len(edges) // 2
    wide = ops("Pad", x, ops.integers(0, 0, *edges[:half], 0, 0, *edges[half:]))
    return ops("AveragePool", wide, count_include_pad=0, **at | {"pads": pads((0, 0, *rest), x.type)})


@in_onnx(GlobalAvgPool, Mean)
def average(ops: Operators, layer: GlobalAvgPool | Mean, x: Named) -> str:
    """GlobalAveragePool, as a vector."""
    return ops("Flatten", ops("GlobalAveragePool", x), axis=1)


@in_onnx(GlobalMaxPool)
def largest(ops: Operators, layer: GlobalMaxPool, x: Named) -> str:
    """GlobalMaxPool, as a vector."""
    return ops("Flatten", ops("GlobalMaxPool", x), axis=1)
