"""What must hold of a graph of primitives after every pass."""

from netlang.graph import Graph
from netlang.primitives.primitive import Primitive


def verify(graph: Graph) -> None:
    """Types follow from the primitives, and outputs are there. A breach is a bug of a pass, not of a user."""
    for node in graph:
        if isinstance(node.made_by, Primitive):
            inferred = node.made_by.infer(*(graph[i].type for i in node.inputs))
            assert inferred == node.type, f"{node.id} is {node.type}, but {node.made_by} makes {inferred}"
    for name, of in graph.outputs.items():
        assert of in graph, f"the output {name} is gone: {of}"
