"""MACs as other tools count them, so that their figures can be compared with netlang's (docs/commands.md).

Each is what the named release printed for one layer at a time, as modules of `torch.nn`, in evaluation, batch 1:
thop 0.1.1.post2209072238, ptflops 0.7.5 (its default, the back end "pytorch") and fvcore 0.1.5.post20221221.
A layer that a tool does not know costs it nothing; where no rule is given below, a layer costs its MACs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from netlang import sizes
from netlang.check.counts import data, macs_of
from netlang.graph import Graph, Node
from netlang.layer import Layer, Weight
from netlang.layers.activation.op import Elu, Gelu, Leaky, Prelu, Relu, Relu6, Swish
from netlang.layers.deconv.op import Deconv
from netlang.layers.norm.local import LocalResponseNorm
from netlang.layers.norm.op import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from netlang.layers.pool.op import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from netlang.layers.recurrent.op import Gru, Lstm, Rnn
from netlang.layers.shape.op import Upsample
from netlang.layers.softmax.op import Softmax
from netlang.record import dataclass
from netlang.types import Count, Tensor


@dataclass(frozen=True)
class Place:
    """One layer as a rule sees it: the type of its output and of its first input, and its MACs."""

    layer: Any
    y: Tensor
    x: Tensor
    macs: Count


Rule = Callable[[Place], Count]
Rules = Mapping[type[Layer], Rule]


@dataclass(frozen=True)
class Convention:
    """How one tool counts. rules: by layer, where it is not the MACs; biases: whether each costs an addition"""

    rules: Rules
    biases: bool = False


def counted(graph: Graph, node: Node, convention: str) -> Count:
    """What a tool says of one layer, per example."""
    how = CONVENTIONS[convention]
    rule = how.rules.get(type(node.made_by))
    place = Place(node.made_by, node.type, data(graph, node)[0].type, macs_of(graph, node))
    if rule is not None:
        return rule(place)
    return place.macs + _biases(graph, node) if how.biases else place.macs


def _biases(graph: Graph, node: Node) -> Count:
    """One addition for each bias at each place."""
    found: Count = 0
    for weight in (graph[i] for i in node.inputs if isinstance(graph[i].made_by, Weight)):
        if weight.made_by.name == "b":
            found = found + weight.type.size * sizes.product(node.type.shape[1:-1])
    return found


def _numbers(times: int) -> Rule:
    """So many for each number of the input."""
    return lambda at: at.x.count * times


def _made(times: int) -> Rule:
    """So many for each number of the output."""
    return lambda at: at.y.count * times


def _norm(plain: int, scaled: int) -> Rule:
    """For each number, without and with a learned scale or shift."""
    return lambda at: at.x.count * (scaled if at.layer.scale or at.layer.shift else plain)


def _upsampled(nearest: int, bilinear: int) -> Rule:
    return lambda at: at.y.count * (bilinear if at.layer.how == "bilinear" else nearest)


def _recurrent(extra: int) -> Rule:
    """So many for each unit, step and direction beside the products; PyTorch has two biases for each gate."""
    return lambda at: (
        at.macs + sizes.counted(at.x.shape[1]) * int(extra * at.layer.width * (1 + at.layer.bidirectional))
    )


def _transposed(at: Place) -> Count:
    """Thop counts the window for each output, as of a convolution."""
    return at.y.count * int(at.layer.kernel[0] * at.layer.kernel[1] * at.x.channels)


def _probabilities(at: Place) -> Count:
    """Thop: an exponential and a division for each number, and the additions of each place."""
    return at.x.count * 3 - sizes.product(at.x.shape[1:-1])


def _averaged(at: Place) -> Count:
    """Thop: the additions and the division of a global average."""
    return at.x.count + at.y.count


def _squares(at: Place) -> Count:
    """Ptflops: a square, a product and a sum for each number, and the pool over channels with their padding."""
    return at.x.count * 3 + sizes.product(at.x.shape[1:-1]) * int(at.x.channels + at.layer.size - 1)


def _nothing(at: Place) -> Count:
    return 0


THOP: Rules = {
    Deconv: _transposed,
    BatchNorm: _norm(2, 4),
    InstanceNorm: _norm(2, 4),
    LayerNorm: _norm(2, 4),
    Prelu: _numbers(1),
    Softmax: _probabilities,
    AvgPool: _made(1),
    GlobalAvgPool: _averaged,
    Upsample: _upsampled(1, 11),
    Rnn: _recurrent(3),
    Lstm: _recurrent(16),
    Gru: _recurrent(13),
}
PTFLOPS: Rules = {  # modules that call a function of `torch.nn.functional` are counted twice
    BatchNorm: _norm(1, 2),
    InstanceNorm: _norm(1, 2),
    GroupNorm: _norm(1, 2),
    LayerNorm: _numbers(1),
    LocalResponseNorm: _squares,
    **dict.fromkeys((Relu, Elu, Prelu, Gelu), _numbers(2)),
    **dict.fromkeys((Relu6, Leaky, Swish, Softmax), _numbers(1)),
    **dict.fromkeys((MaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool), _numbers(2)),
    Upsample: _made(2),
    Rnn: _recurrent(3),
    Lstm: _recurrent(18),
    Gru: _recurrent(13),
}
FVCORE: Rules = {
    BatchNorm: _norm(1, 2),
    InstanceNorm: _norm(4, 5),
    GroupNorm: _norm(4, 5),
    LayerNorm: _norm(4, 5),
    GlobalAvgPool: _numbers(1),
    Upsample: _upsampled(1, 4),
    **dict.fromkeys((Rnn, Lstm, Gru), _nothing),
}
CONVENTIONS: Mapping[str, Convention] = {
    "paper": Convention({}),
    "thop": Convention(THOP),
    "ptflops": Convention(PTFLOPS, biases=True),
    "fvcore": Convention(FVCORE),
}
