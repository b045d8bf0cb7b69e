"""Activations in PyTorch."""

from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from netlang.layers.activation.op import Abs, Leaky, Linear, Relu, Relu6, Sigmoid, Softplus, Step, Swish, Tanh
from netlang.layers.twin import twin_of

FUNCTIONS = {
    Relu: F.relu,
    Relu6: F.relu6,
    Sigmoid: torch.sigmoid,
    Tanh: torch.tanh,
    Softplus: partial(F.softplus, threshold=100.0),  # its default, 20, is exact in float32 only
    Swish: F.silu,
    Abs: torch.abs,
    Step: lambda x: (x > 0).to(x.dtype),
    Linear: lambda x: x,
}


@twin_of(*FUNCTIONS)
def function(layer, x):
    """The function of the same name."""
    return FUNCTIONS[type(layer)]


@twin_of(Leaky)
def leaky(layer, x):
    """F.leaky_relu."""
    return partial(F.leaky_relu, negative_slope=layer.slope)
