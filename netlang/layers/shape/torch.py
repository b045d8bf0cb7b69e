"""Shapes in PyTorch."""

from netlang.layers.shape.op import Flatten, Identity
from netlang.layers.twin import to_netlang, twin_of


@twin_of(Flatten)
def flatten(layer, x):
    """Rows, columns, channels."""
    return lambda x: to_netlang(x).flatten(1)


@twin_of(Identity)
def identity(layer, x):
    """The input."""
    return lambda x: x
