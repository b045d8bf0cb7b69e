"""What must hold of a graph of primitives after every pass."""

from collections.abc import Set as AbstractSet

from netlang.graph import Graph
from netlang.primitives.primitive import Primitive


def verify(graph: Graph, known: AbstractSet[int] = frozenset()) -> None:
    """Types follow from the primitives, and outputs are there. A breach is a bug of a pass, not of a user.

    known: the ids of node objects that were verified; where they read nothing new they need not be looked at again
    """
    new = {node.id for node in graph if id(node) not in known}
    for node in graph:
        if isinstance(node.made_by, Primitive) and (node.id in new or not new.isdisjoint(node.inputs)):
            inferred = node.made_by.infer(*(graph[i].type for i in node.inputs))
            assert inferred == node.type, f"{node.id} is {node.type}, but {node.made_by} makes {inferred}"
    for name, of in graph.outputs.items():
        assert of in graph, f"the output {name} is gone: {of}"
