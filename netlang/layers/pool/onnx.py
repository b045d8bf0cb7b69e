"""Pools in ONNX."""

from netlang.layers.onnx import Named, Operators, in_onnx, windowed
from netlang.layers.pool.op import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Mean


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
    axes = len(at["kernel_shape"])
    before, behind = at["pads"][:axes], at["pads"][axes:]
    counted = list(map(min, before, behind))
    wide = ops("Pad", x, ops.integers(0, 0, *before, 0, 0, *counted))
    rest = [end - part for end, part in zip(behind, counted, strict=True)]
    return ops("AveragePool", wide, count_include_pad=0, **at | {"pads": [0] * axes + rest})


@in_onnx(GlobalAvgPool, Mean)
def average(ops: Operators, layer: GlobalAvgPool | Mean, x: Named) -> str:
    """GlobalAveragePool, as a vector."""
    return ops("Flatten", ops("GlobalAveragePool", x), axis=1)


@in_onnx(GlobalMaxPool)
def largest(ops: Operators, layer: GlobalMaxPool, x: Named) -> str:
    """GlobalMaxPool, as a vector."""
    return ops("Flatten", ops("GlobalMaxPool", x), axis=1)
