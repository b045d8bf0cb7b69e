"""Scale in PyTorch."""

from netlang.layers.scale.op import Scale
from netlang.layers.twin import twin_of


@twin_of(Scale)
def scale(layer, x):
    """A product."""
    return lambda x: x * layer.factor
