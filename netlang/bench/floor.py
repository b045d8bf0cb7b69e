"""What a step cannot be faster than with direct algorithms: operations over peak, and bytes over bandwidth.

Bytes that have to move: each weight is read once per pass; its gradient and the optimizer's state are read and
written once; each activation above 1 MB is written and read once per pass, smaller ones stay in the caches.
"""

from dataclasses import dataclass

from netlang.check import counts
from netlang.graph import Graph, Node
from netlang.layer import Layer, Weight
from netlang.sizes import fixed

ELEMENT = 4  # bytes of a float32
LARGE = 1 << 20  # bytes of an activation that leaves the caches


@dataclass(frozen=True)
class Cost:
    """Operations and bytes of one batch."""

    flops: float
    moved: float


def inference(graph: Graph, batch: int) -> Cost:
    """One forward pass."""
    macs = fixed(sum(counts.macs_of(graph, node) for node in graph.made_by(Layer)), {})
    return Cost(2.0 * macs * batch, _weights(graph) + 2.0 * _activations(graph, batch))


def training(graph: Graph, batch: int, state: int) -> Cost:
    """Forward, backward and update: the products once forward, once per weight gradient, once per data gradient.

    A layer whose inputs depend on no weight needs no data gradient: the first one. state: bytes the optimizer keeps
    """
    macs = fixed(sum(passes(graph, node) * counts.macs_of(graph, node) for node in graph.made_by(Layer)), {})
    weights = _weights(graph)
    update = 2.0 * weights + 2.0 * state + weights  # gradient and state read and written, weights written
    return Cost(2.0 * macs * batch, 2.0 * weights + update + 4.0 * _activations(graph, batch))


def passes(graph: Graph, node: Node) -> int:
    """Products of a layer in one training step."""
    weights = any(isinstance(graph[i].made_by, Weight) for i in node.inputs)
    return 1 + weights + any(_trained(graph, source) for source in counts.data(graph, node))


def _trained(graph: Graph, node: Node) -> bool:
    """Whether a value depends on a weight."""
    open_nodes, seen = [node.id], {node.id}
    while open_nodes:
        found = graph[open_nodes.pop()]
        if isinstance(found.made_by, Weight):
            return True
        fresh = [i for i in found.inputs if i not in seen]
        seen.update(fresh)
        open_nodes += fresh
    return False


def _weights(graph: Graph) -> float:
    return float(ELEMENT * sum(node.type.size for node in graph.made_by(Weight)))


def _activations(graph: Graph, batch: int) -> float:
    sizes = (ELEMENT * batch * node.type.size for node in graph.made_by(Layer))
    return float(sum(size for size in sizes if size > LARGE))
