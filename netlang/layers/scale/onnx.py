"""Scale in ONNX."""

from netlang.layers.onnx import Named, Operators, in_onnx
from netlang.layers.scale.op import Scale


@in_onnx(Scale)
def scale(ops: Operators, layer: Scale, x: Named) -> str:
    """Mul."""
    return ops("Mul", x, ops.constant(layer.factor))
