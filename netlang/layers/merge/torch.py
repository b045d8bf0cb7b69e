"""Merges in PyTorch."""

from functools import reduce

import torch

from netlang.layers.merge.op import Add, Concatenate, Max, Mul, Sub
from netlang.layers.merge.residual import Residual
from netlang.layers.twin import twin_of

PAIRS = {Add: torch.add, Mul: torch.mul, Sub: torch.sub, Max: torch.maximum, Residual: torch.add}


def _spread(inputs):
    """Vectors as images of one pixel where one of the inputs is an image."""
    rank = max(x.dim() for x in inputs)
    return [x[:, :, None, None] if x.dim() < rank else x for x in inputs]


@twin_of(*PAIRS)
def merge(layer, *types):
    """The function of two, from the left."""
    return lambda *inputs: reduce(PAIRS[type(layer)], _spread(inputs))


@twin_of(Concatenate)
def concat(layer, *types):
    """torch.cat along the channels."""

    def joined(*inputs):
        full = max(inputs, key=lambda x: x.dim()).shape[2:]
        return torch.cat([x.expand(-1, -1, *full) for x in _spread(inputs)], 1)

    return joined
