"""Activations in ONNX: operators of their own where ONNX has them, else the formula."""

from netlang.formula import trace
from netlang.layers.activation.op import (
    Abs,
    Activation,
    Elu,
    Leaky,
    Linear,
    Prelu,
    Relu,
    Sigmoid,
    Softplus,
    Tanh,
)
from netlang.layers.onnx import Named, Operators, in_onnx, reshape

FUNCTIONS: dict[type[Activation], str] = {
    Relu: "Relu",
    Sigmoid: "Sigmoid",
    Tanh: "Tanh",
    Softplus: "Softplus",
    Abs: "Abs",
    Leaky: "LeakyRelu",
    Elu: "Elu",
}


@in_onnx(*FUNCTIONS)
def function(ops: Operators, layer: Activation, x: Named) -> str:
    """The operator, with its slope where it has one."""
    if isinstance(layer, Leaky | Elu):
        return ops(FUNCTIONS[type(layer)], x, alpha=layer.slope)
    return ops(FUNCTIONS[type(layer)], x)


@in_onnx(Linear)
def linear(ops: Operators, layer: Linear, x: Named) -> str:
    """The input."""
    return ops.name(x)


@in_onnx(Prelu)
def prelu(ops: Operators, layer: Prelu, x: Named, slope: Named) -> str:
    """PRelu, a slope for each channel."""
    ones = [1 for _ in x.type.shape[2:]]
    return ops("PRelu", x, ops.weight(slope, *([reshape(x.type.channels, *ones)] if ones else [])))


@in_onnx(Activation)
def formula(ops: Operators, layer: Activation, x: Named) -> str:
    """The formula, operation by operation."""
    return ops.formula(trace(layer.formula, "i0"), {"i0": x})
