"""The largest of several in PyTorch."""

from netlang.layers.dense.torch import dense
from netlang.layers.maxout.op import ChannelPool, Maxout
from netlang.layers.twin import to_netlang, to_torch, twin_of


@twin_of(Maxout)
def maxout(layer, x):
    """nn.Linear of all pieces, then the largest."""
    made = dense(layer, x, layer.kernel * layer.width)
    made.pieces = layer.kernel
    return made


@twin_of(ChannelPool)
def channelpool(layer, x):
    """The largest of neighbouring channels."""
    return lambda x: to_torch(to_netlang(x).unflatten(-1, (-1, layer.kernel)).max(-1).values)
