"""Softmax in ONNX."""

from netlang.layers.onnx import Named, Operators, in_onnx
from netlang.layers.softmax.op import LogSoftmax, Softmax


@in_onnx(Softmax)
def softmax(ops: Operators, layer: Softmax, x: Named) -> str:
    """Over the channels."""
    return ops("Softmax", x, axis=1)


@in_onnx(LogSoftmax)
def logsoftmax(ops: Operators, layer: LogSoftmax, x: Named) -> str:
    """Over the channels."""
    return ops("LogSoftmax", x, axis=1)
