"""What a net costs, as `expect` and `summary` count it (LANGUAGE.md section 6, RULINGS 36 and 38)."""

from netlang.graph import Graph, Node
from netlang.layer import Layer, Weight


def data(graph: Graph, node: Node) -> list[Node]:
    """The inputs of a layer that are not its weights."""
    return [graph[i] for i in node.inputs if not isinstance(graph[i].made_by, Weight)]


def macs_of(graph: Graph, node: Node) -> int:
    """Multiply-adds of one layer per example, forward, biases not counted."""
    assert isinstance(node.made_by, Layer)
    return node.made_by.macs(node.type, *(n.type for n in data(graph, node)))


def flops_of(graph: Graph, node: Node) -> int:
    """Two per MAC plus every other arithmetic operation of one layer, per example, forward."""
    assert isinstance(node.made_by, Layer)
    return node.made_by.flops(node.type, *(n.type for n in data(graph, node)))


def parameters(graph: Graph) -> int:
    """Trained numbers."""
    return sum(node.type.size for node in graph.made_by(Weight))


def macs(graph: Graph) -> int:
    """Multiply-adds of all layers."""
    return sum(macs_of(graph, node) for node in graph.made_by(Layer))


FIGURES = {"parameters": parameters, "macs": macs, "training_parameters": parameters, "training_macs": macs}
