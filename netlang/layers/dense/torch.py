"""Fully connected layers in PyTorch."""

from functools import partial

import numpy as np
from torch import nn

from netlang.layers.dense.op import Dense
from netlang.layers.twin import twin_of


class _Dense(nn.Linear):
    """nn.Linear of a flattened image: its rows are reordered once, when weights are loaded."""

    pieces = 1  # of a maxout, one behind the other; the largest wins

    def forward(self, x):
        y = super().forward(x.flatten(1))
        return y.unflatten(1, (self.pieces, -1)).max(1).values if self.pieces > 1 else y


@twin_of(Dense)
def dense(layer, x, width=None):
    """nn.Linear. PyTorch flattens channels, rows, columns; netlang rows, columns, channels."""
    made = _Dense(x.size, width or layer.width, layer.bias)
    made.orders = {"w": (partial(_to_torch, x.shape[1:]), partial(_to_netlang, x.shape[1:]))}
    return made


def _to_torch(shape, w):
    if len(shape) == 3:
        w = w.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(w.shape)
    return np.transpose(w)


def _to_netlang(shape, w):
    w = np.transpose(w)
    if len(shape) == 3:
        h, width, c = shape
        w = w.reshape(c, h, width, -1).transpose(1, 2, 0, 3).reshape(w.shape)
    return w
