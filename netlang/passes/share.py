"""Equal computations are one, and what nothing reads is none.

before:  a = Map(exp(i0))(x)     b = Map(exp(i0))(x)     y = Map(i0 + i1)(a, b)     c = Map(-i0)(x)
after:   a = Map(exp(i0))(x)                             y = Map(i0 + i1)(a, a)
"""

from dataclasses import replace

from netlang.graph import Graph, Input
from netlang.layer import Kept, Weight
from netlang.primitives.map.op import Update
from netlang.primitives.primitive import Primitive


def share(graph: Graph, batch: int) -> Graph:
    """Primitives that are equal and read the same are merged; those that lead to no output are dropped."""
    wanted = _wanted(graph)
    first: dict[tuple[object, tuple[str, ...]], str] = {}
    same: dict[str, str] = {}
    shared = Graph()
    for node in graph:
        if node.id not in wanted:
            continue
        inputs = tuple(same.get(i, i) for i in node.inputs)
        if isinstance(node.made_by, Primitive) and not isinstance(node.made_by, Update):
            same[node.id] = first.setdefault((node.made_by, inputs), node.id)
        if same.get(node.id, node.id) == node.id:
            shared.add(node if inputs == node.inputs else replace(node, inputs=inputs))
    shared.outputs.update({name: same.get(of, of) for name, of in graph.outputs.items()})
    return shared


def _wanted(graph: Graph) -> set[str]:
    """What leads to an output or an update; inputs, weights and kept tensors stay whatever reads them."""
    wanted = set(graph.outputs.values())
    for node in reversed(graph):
        if node.id in wanted or isinstance(node.made_by, (Update, Input, Weight, Kept)):
            wanted.add(node.id)
            wanted.update(node.inputs)
    return wanted
