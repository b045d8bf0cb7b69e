"""Tokens to vectors in PyTorch."""

from torch import nn
from torch.nn import functional

from netlang.layers.tokens.op import Embed, OneHot
from netlang.layers.twin import to_torch, twin_of


class _Embed(nn.Embedding):
    """Tokens [n, t], or [n, 1, t] where they travel as numbers, to [n, f, t]."""

    def forward(self, x):
        return to_torch(super().forward(x.flatten(1).long()))


@twin_of(Embed)
def embed(layer, x):
    """nn.Embedding."""
    return _Embed(x.classes, layer.width)


@twin_of(OneHot)
def onehot(layer, x):
    """functional.one_hot."""
    return lambda tokens: to_torch(functional.one_hot(tokens.flatten(1).long(), x.classes).double())
