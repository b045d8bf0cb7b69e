"""The nodes of a graph as steps: a layer with its norm and activation."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from netlang.check.counts import data
from netlang.graph import Graph, Node, NodeId
from netlang.layer import Layer
from netlang.record import dataclass


@dataclass(frozen=True)
class Step:
    """What one step of a line says. reads: the ids of what it reads; a tensor that only a setting names is the last"""

    nodes: tuple[Node, ...]
    reads: tuple[NodeId, ...]

    @property
    def id(self) -> NodeId:
        """Of the node that others read."""
        return self.nodes[-1].id

    @property
    def layer(self) -> Any:
        """The layer itself."""
        return self.nodes[0].made_by

    @property
    def norms(self) -> tuple[Node, ...]:
        """The nodes between the layer and its activation."""
        return self.nodes[1:-1] if self.activation is not None else self.nodes[1:]

    @property
    def activation(self) -> Layer | None:
        """The activation behind the layer, as its option."""
        last: Layer = self.nodes[-1].made_by
        return last if len(self.nodes) > 1 and last.activation else None


def steps(graph: Graph) -> Iterator[Step]:
    """The steps of a graph, in its order."""
    for _, nodes in groupby(graph.made_by(Layer), key=lambda node: node.path):
        for run in _runs(graph, list(nodes)):
            yield Step(run, tuple(source.id for source in data(graph, run[0])))


def _runs(graph: Graph, nodes: list[Node]) -> Iterator[tuple[Node, ...]]:
    """The nodes of one path: what a norm or an activation reads is its layer, all else starts anew."""
    run: list[Node] = []
    for node in nodes:
        option = node.made_by.norm or node.made_by.activation
        if run and not (option and data(graph, node)[0].id == run[-1].id and len(graph.readers(run[-1].id)) == 1):
            yield tuple(run)
            run = []
        run.append(node)
    yield tuple(run)
