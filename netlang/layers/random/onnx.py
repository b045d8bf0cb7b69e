"""Dropout in ONNX."""

from netlang.layers.onnx import Named, Operators, in_onnx
from netlang.layers.random.op import Dropout


@in_onnx(Dropout)
def dropout(ops: Operators, layer: Dropout, x: Named) -> str:
    """Nothing: it was scaled while training."""
    return ops.name(x)
