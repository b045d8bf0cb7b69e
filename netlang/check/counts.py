"""What a net costs, as `expect` and `summary` count it (LANGUAGE.md section 6, RULINGS 36 and 38)."""

from collections.abc import Callable, Collection, Iterable

from netlang.graph import Graph, Node, NodeId
from netlang.layer import Layer, Weight
from netlang.sizes import Count


def data(graph: Graph, node: Node) -> list[Node]:
    """The inputs of a layer that are not its weights."""
    return [graph[i] for i in node.inputs if not isinstance(graph[i].made_by, Weight)]


def macs_of(graph: Graph, node: Node) -> Count:
    """Multiply-adds of one layer per example, forward, biases not counted."""
    assert isinstance(node.made_by, Layer)
    return node.made_by.macs(node.type, *(n.type for n in data(graph, node)))


def flops_of(graph: Graph, node: Node) -> Count:
    """Two per MAC plus every other arithmetic operation of one layer, per example, forward."""
    assert isinstance(node.made_by, Layer)
    return node.made_by.flops(node.type, *(n.type for n in data(graph, node)))


def learned(graph: Graph) -> set[NodeId]:
    """The values that depend on a weight that is trained: only they need a gradient."""
    found: set[NodeId] = set()
    for node in graph:
        trained = isinstance(node.made_by, Weight) and not node.made_by.frozen
        if trained or any(i in found for i in node.inputs):
            found.add(node.id)
    return found


def backward_macs_of(graph: Graph, node: Node, learned: Collection[NodeId]) -> Count:
    """Multiply-adds of one layer per example, backward: once for the gradient of its weights, once for that of data.

    Nothing needs the gradient of the net's input, nor of a frozen weight: a first layer has only the former, and of
    the latter what leads back to its own weights, through time.
    """
    assert isinstance(node.made_by, Layer)
    weights = (graph[i].made_by for i in node.inputs)
    trained = any(isinstance(weight, Weight) and not weight.frozen for weight in weights)
    passed_on = any(source.id in learned for source in data(graph, node))
    within = node.made_by.carried(node.type, *(source.type for source in data(graph, node)))
    return macs_of(graph, node) * (trained + passed_on) + within * (trained and not passed_on)


def running(graph: Graph, outputs: Iterable[NodeId]) -> set[NodeId]:
    """What some outputs depend on."""
    found: set[NodeId] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name].inputs
    return found


def own(graph: Graph, node: Node) -> list[Node]:
    """The weights of a layer that no layer before it has: tied ones count where they stand first."""
    weights = (graph[i] for i in node.inputs if isinstance(graph[i].made_by, Weight))
    return [w for w in weights if w.made_by.transposes is None and graph.readers(w.id)[0].id == node.id]


def parameters(graph: Graph, only: Collection[NodeId] | None = None) -> int:
    """Learned numbers, tied ones once. only: the nodes that count, all of them if None."""
    return sum(
        node.type.size
        for node in graph.made_by(Weight)
        if node.made_by.transposes is None and (only is None or node.id in only)
    )


def macs(graph: Graph, only: Collection[NodeId] | None = None) -> Count:
    """Multiply-adds of all layers."""
    total: Count = 0
    for node in graph.made_by(Layer):
        if only is None or node.id in only:
            total = total + macs_of(graph, node)
    return total


# By the name in `expect`: what is counted, and whether for the net in training or as it is run.
FIGURES: dict[str, tuple[Callable[..., Count], bool]] = {
    "parameters": (parameters, False),
    "macs": (macs, False),
    "training_parameters": (parameters, True),
    "training_macs": (macs, True),
}
