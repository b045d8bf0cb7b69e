"""Tokens to vectors in PyTorch."""

import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import nn

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
    """F.one_hot."""
    return lambda tokens: to_torch(F.one_hot(tokens.flatten(1).long(), x.classes).double())
