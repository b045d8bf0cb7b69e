"""Activations in PyTorch."""

from dataclasses import astuple
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import nn

from netlang.layers.activation.op import Abs, Activation, Gelu, Leaky, Linear, Prelu, Softplus, Step, Swish
from netlang.layers.twin import twin_of

FUNCTIONS = {  # where PyTorch's name, or what it takes, is another
    Leaky: F.leaky_relu,
    Softplus: partial(F.softplus, threshold=100.0),  # its default, 20, is exact in float32 only
    Swish: F.silu,
    Abs: torch.abs,
    Gelu: partial(F.gelu, approximate="tanh"),
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
    called = FUNCTIONS.get(type(layer)) or getattr(F, layer.word)
    settings = astuple(layer)
    return lambda x: called(x, *settings)
