"""What a step cannot be faster than with direct algorithms: operations over peak, and bytes over bandwidth.

Bytes that have to move: each weight is read once per pass; its gradient and the optimizer's state are read and
written once; each activation above 1 MB is written and read once per pass, smaller ones stay in the caches.
"""

from netlang.check import counts
from netlang.graph import Graph
from netlang.layer import Layer, Weight
from netlang.record import dataclass
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
    """Forward, backward and update: the products, and those that gradients take. state: bytes the optimizer keeps"""
    learned, layers = counts.learned(graph), list(graph.made_by(Layer))
    backward = sum(counts.backward_macs_of(graph, node, learned) for node in layers)
    macs = fixed(backward + sum(counts.macs_of(graph, node) for node in layers), {})
    weights = _weights(graph)
    update = 2.0 * weights + 2.0 * state + weights  # gradient and state read and written, weights written
    return Cost(2.0 * macs * batch, 2.0 * weights + update + 4.0 * _activations(graph, batch))


def _weights(graph: Graph) -> float:
    return float(ELEMENT * sum(node.type.size for node in graph.made_by(Weight)))


def _activations(graph: Graph, batch: int) -> float:
    sizes = (ELEMENT * batch * node.type.size for node in graph.made_by(Layer))
    return float(sum(size for size in sizes if size > LARGE))
