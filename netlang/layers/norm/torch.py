"""Normalisation in PyTorch."""

import torch
from torch import nn
from torch.nn import functional

from netlang.layers.norm.local import LocalResponseNorm
from netlang.layers.norm.op import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from netlang.layers.twin import to_netlang, to_torch, twin_of


class _Norm(nn.Module):
    """PyTorch's function, with a scale and shift where the layer has them."""

    def __init__(self, function, layer, channels):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(channels)) if layer.scale else None
        self.bias = nn.Parameter(torch.zeros(channels)) if layer.shift else None

    def forward(self, x):
        return self.function(x, self.weight, self.bias)


@twin_of(GroupNorm)
def group(layer, x):
    """functional.group_norm."""
    return _Norm(lambda x, w, b: functional.group_norm(x, layer.groups, w, b, layer.eps), layer, x.channels)


@twin_of(LayerNorm)
def layer_norm(layer, x):
    """functional.group_norm of one group for images, layer_norm over the features of sequences and vectors."""
    if len(x.shape) == 4:
        return _Norm(lambda x, w, b: functional.group_norm(x, 1, w, b, layer.eps), layer, x.channels)
    c = (x.channels,)
    return _Norm(lambda x, w, b: to_torch(functional.layer_norm(to_netlang(x), c, w, b, layer.eps)), layer, x.channels)


@twin_of(InstanceNorm)
def instance(layer, x):
    """functional.instance_norm."""
    return _Norm(lambda x, w, b: functional.instance_norm(x, None, None, w, b, True, 0.1, layer.eps), layer, x.channels)


@twin_of(LocalResponseNorm)
def response(layer, x):
    """functional.local_response_norm, which divides alpha by the size."""
    alpha = layer.alpha * (1 if layer.average else layer.size)
    wide = (lambda x: x) if len(x.shape) > 2 else (lambda x: x.unsqueeze(2))

    def normed(x):
        return functional.local_response_norm(wide(x), layer.size, alpha, layer.beta, layer.k).reshape(x.shape)

    return normed


class _BatchNorm(_Norm):
    """functional.batch_norm with its running statistics under netlang's names."""

    def __init__(self, layer, channels):
        super().__init__(None, layer, channels)
        self.layer = layer
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x):
        scale, shift, layer = self.weight, self.bias, self.layer
        return functional.batch_norm(
            x, self.mean, self.variance, scale, shift, self.training, layer.momentum, layer.eps
        )


@twin_of(BatchNorm)
def batch(layer, x):
    """functional.batch_norm over examples and places."""
    return _BatchNorm(layer, x.channels)
