"""First convolutions with a stride become some without, of more channels, which Winograd's way makes of fewer products.

before:  y = Contraction[kernel=7, stride=2, pad=3](x, w)
after:   d = SpaceToDepth[side=2](x)   v = SpaceToDepth[side=2](w)   y = Contraction[kernel=4](d, v)

A stride of 2 over 3 channels is one of 1 over the 12 that squares of 2x2 pixels have, and a window of 7x7 pixels one of
4x4 squares, where some taps are zeros. F(3x3, 4x4) takes 48 products for a pixel of y and a filter, where the window
has 147. F(4x4, 4x4) would take 37, but rounds twice as much off: so much, that pools choose other pixels more often.
The weight gradient stays as it is: of 4.5 ms (8 images of 224x224) it would save 0.6, less what puts its squares back.
"""

from collections.abc import Iterator
from dataclasses import replace

from netlang.graph import Graph, Node, NodeId
from netlang.passes.layout import image_lanes
from netlang.passes.winograd import DIRECT, promising, question
from netlang.primitives.contraction.op import Contraction, Pair
from netlang.primitives.contraction.tight import FEW
from netlang.primitives.gather.op import SpaceToDepth


def stems(graph: Graph, batch: int) -> Graph:
    """Those for which Winograd's way promises to be faster; an image is gathered once for all that read it so."""
    wanted = {node.id for node in graph if _strided(graph, node)}
    if not wanted or image_lanes(graph, batch) != "c":
        return graph
    made = _gathered(graph, wanted)
    found = {i for i in wanted if question(made, made[i], batch) and promising(made, made[i], batch) != DIRECT}
    made = made if found == wanted else _gathered(graph, found)
    return made if found and image_lanes(made, batch) == "c" else graph


def _strided(graph: Graph, node: Node) -> bool:
    """Whether it is a convolution of an image of few channels with one stride down and across."""
    of = node.made_by
    if not isinstance(of, Contraction) or of.role != "out" or of.dilation != (1, 1):
        return False
    image = graph[node.inputs[0]].type
    return of.stride[0] == of.stride[1] > 1 and len(image.shape) == 4 and image.channels <= FEW


def _gathered(graph: Graph, wanted: set[NodeId]) -> Graph:
    made, known = Graph(dict(graph.outputs)), dict[tuple[NodeId, SpaceToDepth], NodeId]()
    for node in graph:
        if node.id not in wanted:
            made.add(node)
            continue
        of, read = node.made_by, []
        for source, gather in _gathers(of, node.inputs):
            if (source, gather) not in known:
                before = sum(source == other for other, _ in known)
                name = f"{source}.depth{before or ''}"
                type_ = gather.infer(made[source].type)
                known[source, gather] = made.add(Node(name, gather, (source,), type_, node.span, node.path)).id
            read.append(known[source, gather])
        apart = replace(of, kernel=_squares(of), stride=(1, 1), pad=(0, 0, 0, 0), size=_read(of))
        made.add(replace(node, made_by=apart, inputs=tuple(read)))
    return made


def _gathers(of: Contraction, inputs: tuple[NodeId, ...]) -> Iterator[tuple[NodeId, SpaceToDepth]]:
    """Of x and of w."""
    x, w = inputs
    yield x, SpaceToDepth(of.stride[0], _read(of), of.size, of.pad[:2])
    yield w, SpaceToDepth(of.stride[0], _squares(of), of.kernel)


def _squares(of: Contraction) -> Pair:
    """Height and width of the window, in squares."""
    high, wide = (-(-taps // of.stride[0]) for taps in of.kernel)
    return high, wide


def _read(of: Contraction) -> Pair:
    """How many squares are read down and across."""
    high, wide = (count + taps - 1 for count, taps in zip(of.windows, _squares(of), strict=True))
    return high, wide
