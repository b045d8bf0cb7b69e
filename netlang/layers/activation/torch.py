"""Activations in PyTorch."""

from dataclasses import astuple
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from netlang.layers.activation.op import Abs, Activation, Gelu, Leaky, Linear, Prelu, Softplus, Step, Swish
from netlang.layers.twin import twin_of

FUNCTIONS = {  # where PyTorch's name, or what it takes, is another
    Leaky: functional.leaky_relu,
    Softplus: partial(functional.softplus, threshold=100.0),  # its default, 20, is exact in float32 only
    Swish: functional.silu,
    Abs: torch.abs,
    Gelu: partial(functional.gelu, approximate="tanh"),
    Step: lambda x: (x > 0).to(x.dtype),
    Linear: lambda x: x,
}


@twin_of(Prelu)
def prelu(layer, x):
    """nn.PReLU, a slope for each channel."""
    return nn.PReLU(x.channels, layer.start)


@twin_of(Activation)
def function(layer, x):
    """The function of the same name, with the layer's settings in their order."""
    called = FUNCTIONS.get(type(layer)) or getattr(functional, layer.word)
    settings = astuple(layer)
    return lambda x: called(x, *settings)
