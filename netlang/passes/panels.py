"""Products of many weights read them panel by panel: the rows of 16 filters side by side, not a row's length apart.

before:  y = Contraction(x, w)                     t = Transpose(w)   dx = Contraction[role=data, transposed](dy, t)
after:   p = Panels(w)   y = Contraction(x, p)     t = Panels[turned](w)       dx = Contraction[...](dy, t)

Rows of 2 KB and more, of which a product reads 256 bytes each, share a few sets of a cache, and each opens a page.
"""

from dataclasses import replace

from netlang.graph import Graph, Node, NodeId
from netlang.memory import lanes_of
from netlang.passes.pieces import without
from netlang.primitives.contraction.cover import NEAR
from netlang.primitives.contraction.dense import suits
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Panels, Transpose
from netlang.primitives.map.op import Update
from netlang.primitives.text import SIZES

MANY = NEAR // SIZES["f32"]  # weights; in float64 too, so that both types have one graph
FEWEST = 256  # positions from which a copy in every training step pays: it takes as long as 25 of them


def panels(graph: Graph, batch: int) -> Graph:
    """Each weight is copied once, however many read it; transposed copies that nobody reads any more are left out."""
    trains = any(True for _ in graph.made_by(Update))
    many = {node.id for node in graph if _reads_many(graph, node, batch, trains)}
    if not many:
        return graph
    lanes = lanes_of(graph)
    made, copies = Graph(dict(graph.outputs)), dict[tuple[NodeId, bool], NodeId]()
    for node in graph:
        if node.id not in many or lanes[node.id] != "c":
            made.add(node)
            continue
        source, weight = node.inputs
        flipped = isinstance(graph[weight].made_by, Transpose)
        of = graph[weight].inputs[0] if flipped else weight
        if (of, flipped) not in copies:
            copy = Panels(flipped)
            type_ = copy.infer(graph[of].type)
            name = f"{of}.turned" if flipped else f"{of}.panels"
            copies[of, flipped] = made.add(Node(name, copy, (of,), type_, node.span, node.path)).id
        made_by = replace(node.made_by, filters=graph[weight].type.channels)
        made.add(replace(node, made_by=made_by, inputs=(source, copies[of, flipped])))
    return without(made, {node.id for node in graph if isinstance(node.made_by, Transpose)})


def _reads_many(graph: Graph, node: Node, batch: int, trains: bool) -> bool:
    """Whether it is a product of a value with more weights than stay near, and a copy of them pays."""
    of = node.made_by
    if not isinstance(of, Contraction) or of.role == "weight" or of.rows:
        return False
    source, weight = (graph[i] for i in node.inputs)
    if suits(source.type, weight.type, batch) or weight.type.size <= MANY:
        return False
    copied = isinstance(weight.made_by, Transpose) or not trains  # anyway, or once
    return copied or batch * node.type.positions >= FEWEST
