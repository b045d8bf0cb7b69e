"""Which values a GPU keeps in bf16 where products are made of it: half the bytes, for what is rounded there anyway.

Values of many places and channels, made and read by kernels that know both; their rows are padded to eight channels,
16 bytes. Weights, gradients by them, statistics, outputs and what few numbers are made of stay float32; of the weights
that such a value is multiplied with there is a copy.

before:  y = Contraction(x, w)     dx = Contraction[data](dy, w)
after:   h = Map(i0)(w)            y = Contraction(x, h)     dx = Contraction[data](dy, h)
"""

from dataclasses import replace

from netlang.formula import Name
from netlang.graph import Graph, Node, NodeId
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.window.op import Window

COPY = ":bf16"  # behind the name of a weight; no tensor of a file is called so


def halves(graph: Graph) -> frozenset[NodeId]:
    """The nodes whose values are kept in bf16."""
    outputs = set(graph.outputs.values())
    values = (
        node.id
        for node in graph
        if node.id not in outputs
        and node.type.dtype == "f32"
        and node.type.batched
        and node.type.positions > 1
        and node.type.channels > 1  # one may be spread over others, by kernels that know float32 alone
        and _made(node)
        and all(_read(reader) for reader in graph.readers(node.id))
    )
    return frozenset((*values, *(node.id for node in graph if node.id.endswith(COPY))))


def with_copies(graph: Graph) -> Graph:
    """The graph in which what multiplies values in bf16 is such a copy of the weights, if it has whole vectors too."""
    kept = halves(graph)
    copied = Graph(dict(graph.outputs))
    for node in graph:
        weights = _weights(node)
        if weights and node.inputs[0] in kept:
            source = graph[weights]
            if weights + COPY not in copied:
                copied.add(replace(source, id=weights + COPY, made_by=Map(Name("i0")), inputs=(weights,)))
            node = replace(node, inputs=(node.inputs[0], weights + COPY, *node.inputs[2:]))
        copied.add(node)
    return copied


def _weights(node: Node) -> NodeId:
    """What pixels are multiplied with, "" if it is pixels too."""
    anchor = node.made_by.anchor if isinstance(node.made_by, Region) else node.made_by
    return node.inputs[1] if isinstance(anchor, Contraction) and anchor.role != "weight" else ""


def _made(node: Node) -> bool:
    anchor = node.made_by.anchor if isinstance(node.made_by, Region) else node.made_by
    return isinstance(anchor, Map | Window) or (isinstance(anchor, Contraction) and anchor.role != "weight")


def _read(reader: Node) -> bool:
    """Whether a reader knows it in bf16: its formula number by number, its product as pixels."""
    anchor = reader.made_by.anchor if isinstance(reader.made_by, Region) else reader.made_by
    return isinstance(anchor, Map | Sum | Window | Contraction)
