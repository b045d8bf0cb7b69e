"""The graph of a net: what is computed from what.

One class serves every stage: the graph of layers, the graph of primitives, the graph with
gradients.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from netlang.record import dataclass
from netlang.source import Span
from netlang.types import Tensor

NodeId = str


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor fed from outside.

    kind: "values" (float), "labels" (class numbers, one per position), "lengths" (numbers of steps) or "seed" (a
        gradient put in by a test)
    lanes: which axis lies in the vector lanes of its buffer, "c" or "n"; chosen by `passes/layout.py`
    ends: the `Lengths` that say how many steps of it are real; zeros are fed beyond them
    """

    name: str
    kind: str = "values"
    lanes: str = "c"
    ends: NodeId | None = None

    def __str__(self) -> str:
        return f"input of {self.kind} in {self.lanes} lanes"


@dataclass(frozen=True, slots=True)
class Lengths(Input):
    """How many steps of each example are real, at an input or where a layer has made fewer or more of them.

    of: the input whose lengths decide
    steps: how many are real here if 1, 2, ... are real there; 0 where a layer cannot take so many, and then `why`
    """

    of: NodeId = ""
    steps: tuple[int, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """A tensor the optimizer keeps beside a weight, of the same shape, zero at the start.

    of: the id of the weight; name: as the optimizer calls it, "velocity"
    """

    of: NodeId
    name: str

    def __str__(self) -> str:
        return f"state {self.name}"


@dataclass(frozen=True, slots=True)
class Node:
    """One value: how it comes about, from what, its type, who wrote it and where in the net.

    made_by: an Input, a Weight, a State, a Layer (graph of layers) or a Primitive (later graphs)
    path: block, instance, copy and layer, as in ("bottleneck5", "conv2"); a layer's option
        (`conv5-6 tanh`) is a node of its own with the layer's path
    """

    id: NodeId
    made_by: Any
    inputs: tuple[NodeId, ...]
    type: Tensor
    span: Span
    path: tuple[str, ...] = ()


@dataclass
class Graph:
    """Nodes in an order in which they can be computed. Grows only at the end; passes build new ones.

    outputs: the name of each result and the node that holds it
    """

    outputs: dict[str, NodeId] = field(default_factory=dict)
    _nodes: dict[NodeId, Node] = field(default_factory=dict)
    _readers: dict[NodeId, list[Node]] = field(default_factory=dict)

    def add(self, node: Node) -> Node:
        """Append a node whose inputs are all here."""
        assert node.id not in self._nodes, f"two nodes are called {node.id}"
        for source in node.inputs:
            assert source in self._nodes, f"{node.id} reads a node that is not there yet"
            self._readers[source].append(node)
        self._nodes[node.id] = node
        self._readers[node.id] = []
        return node

    def __getitem__(self, node: NodeId) -> Node:
        return self._nodes[node]

    def __contains__(self, node: NodeId) -> bool:
        return node in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __reversed__(self) -> Iterator[Node]:
        return reversed(self._nodes.values())

    def readers(self, node: NodeId) -> list[Node]:
        """The nodes that read this one, each once for every slot it fills."""
        return list(self._readers[node])

    def made_by(self, kind: type) -> Iterator[Node]:
        """The nodes of one kind, in order."""
        return (node for node in self if isinstance(node.made_by, kind))

    def __str__(self) -> str:
        lines = [f"{n.id}: {n.type} = {n.made_by}" + (f"({', '.join(n.inputs)})" if n.inputs else "") for n in self]
        return "\n".join([*lines, *(f"output {name} = {node}" for name, node in self.outputs.items())])


@dataclass(frozen=True, slots=True)
class Output:
    """A named result of a net.

    side: whether it exists only while the net is trained (RULINGS 36)
    weight: of its loss in the total; loss: as the file names it, None for what the last layer suggests
    """

    name: str
    node: NodeId
    side: bool
    weight: float
    loss: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a pretrained tensor is read from.

    path: the file, as it is reached from here; written: as the text of the net says it; name: the tensor's in it
    """

    path: Path
    written: str
    name: str


@dataclass(frozen=True)
class Net:
    """A checked net: the graph of its layers and what its file says beside them.

    calls: where each use of a block stands, by its path
    outputs: all of them, those that exist only in training last; `graph.outputs` has the same names in this order
    train: the settings of its `train:` statement, by name, as plain Python values
    expected: the figures of its `expect` statements that hold for this variant
    pretrained: the weights, and tensors kept beside them, that start as files have them (`weights=`)
    written: where the settings of `train` stand in its file, by name
    """

    name: str
    variant: str | None
    graph: Graph
    train: Mapping[str, Any]
    expected: Mapping[str, int]
    text: str
    outputs: tuple[Output, ...] = ()
    calls: Mapping[tuple[str, ...], Span] = field(default_factory=dict)
    pretrained: Mapping[NodeId, Stored] = field(default_factory=dict)
    written: Mapping[str, Span] = field(default_factory=dict)

    def running(self) -> list[NodeId]:
        """The nodes of the outputs that a net has when it is run, and not trained."""
        side = {output.name for output in self.outputs if output.side}
        return [node for name, node in self.graph.outputs.items() if name not in side]
