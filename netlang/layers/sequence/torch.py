"""Steps of a sequence in PyTorch."""

from netlang.layers.sequence.op import First, Last
from netlang.layers.twin import twin_of


@twin_of(First, Last)
def pick(layer, x):
    """The first or last of [n, c, t]."""
    return lambda x: x[..., layer.step(x.shape[-1])]
