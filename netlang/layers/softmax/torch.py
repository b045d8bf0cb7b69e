"""Softmax in PyTorch."""

from functools import partial

import torch

from netlang.layers.softmax.op import LogSoftmax, Softmax
from netlang.layers.twin import twin_of


@twin_of(Softmax, LogSoftmax)
def softmax(layer, x):
    """Over the channels, PyTorch's axis 1."""
    return partial(torch.softmax if isinstance(layer, Softmax) else torch.log_softmax, dim=1)
