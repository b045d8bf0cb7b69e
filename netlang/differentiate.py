"""Graph to graph with gradients, by reverse accumulation; and the optimizer's step behind them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from netlang.formula import Channel, Name, Number, Random, Term, names, order
from netlang.graph import Graph, Node, NodeId, State
from netlang.layer import Kept, Weight
from netlang.layers.optimizer import Optimizer
from netlang.lower import NEXT, Handle
from netlang.primitives.map.op import Map, Update
from netlang.primitives.primitive import Primitive
from netlang.types import Tensor

KEEP = Update((Name("i1"),))  # a kept tensor becomes its next value


def differentiate(graph: Graph, of: str = "loss", wrt: Iterable[NodeId] | None = None) -> Graph:
    """The graph, and behind it the gradients of the scalar output `of`: outputs `d:conv1.w`, ...

    wrt: the ids of the nodes to differentiate by; all weights that are trained if None
    Only what leads to an output is built. A gradient node has the span and path of the node it is the gradient of.
    """
    wanted = [n.id for n in graph.made_by(Weight) if not n.made_by.frozen] if wrt is None else list(wrt)
    backward = _Backward(graph, _depending(graph, wanted))
    backward.run(graph.outputs[of])
    results = {f"d:{node}": backward.gradient(graph[node]).id for node in wanted}
    return _pruned(graph, backward.nodes, results)


def updates(graph: Graph, optimizer: Optimizer) -> Graph:
    """The differentiated graph, and behind it one step of the optimizer on every weight that has a gradient.

    Kept tensors become what the outputs `next.bn1.mean` say, which are outputs no longer.
    """
    updated = Graph({name: of for name, of in graph.outputs.items() if not name.startswith(NEXT)})
    for node in graph:
        updated.add(node)
    for weight in graph.made_by(Weight):
        gradient = graph.outputs.get(f"d:{weight.id}")
        if gradient is None:
            continue
        states = [f"{weight.id}.{name}" for name in optimizer.states]
        for name, state in zip(optimizer.states, states, strict=True):
            updated.add(Node(state, State(weight.id, name), (), weight.type, weight.span, weight.path))
        rule = Update(optimizer.update(weight.made_by.rate, weight.made_by.l2))
        inputs = (weight.id, gradient, *states)
        updated.add(Node(f"update:{weight.id}", rule, inputs, weight.type, weight.span, weight.path))
    for kept in graph.made_by(Kept):
        inputs = (kept.id, graph.outputs[NEXT + kept.id])
        updated.add(Node(f"update:{kept.id}", KEEP, inputs, kept.type, kept.span, kept.path))
    return updated


def _depending(graph: Graph, wanted: list[NodeId]) -> set[NodeId]:
    """The nodes whose value depends on one of these."""
    found = set(wanted)
    for node in graph:
        if any(i in found for i in node.inputs):
            found.add(node.id)
    return found


class _Backward:
    """The gradient nodes so far, their ids marked by a `?`. It is the `Emit` of the primitives' gradients."""

    def __init__(self, graph: Graph, active: set[NodeId]) -> None:
        self.graph, self.active = graph, active
        self.nodes: list[Node] = []
        self.parts: dict[NodeId, list[Handle]] = {}
        self.made: Counter[NodeId] = Counter()  # nodes so far by the one they belong to
        self.enter(next(iter(graph)))

    def enter(self, node: Node) -> None:
        """What follows is the gradient of this node's computation."""
        self.at, self.path = node, node.path

    def __call__(self, primitive: Primitive, *inputs: Any) -> Handle:
        """The result of a primitive on these; a gradient that is a known number is written out first."""
        read = [self._real(x) for x in inputs]
        type_ = primitive.infer(*(x.type for x in read))
        if isinstance(primitive, Map) and not names(primitive.term) and not _placed(primitive.term):
            return Handle("", type_, primitive.term)
        return self._add(primitive, read, type_)

    def keep(self, kept: Any, value: Any) -> None:
        """What layers do, and gradients do not."""
        raise TypeError("a gradient keeps nothing")

    def _add(self, primitive: Primitive, inputs: list[Handle], type_: Tensor) -> Handle:
        name = f"?d:{self.at.id}.{self.made[self.at.id]}"
        self.made[self.at.id] += 1
        made = Node(name, primitive, tuple(x.id for x in inputs), type_, self.at.span, self.at.path)
        self.nodes.append(made)
        return Handle(made.id, type_)

    def _real(self, x: Handle) -> Handle:
        """A value with a node: a known one becomes a map that reads the current node for its shape alone."""
        if x.known is None:
            return x
        return self._add(Map(x.known, x.type.shape), [Handle(self.at.id, self.at.type)], x.type)

    def run(self, result: NodeId) -> None:
        """Walk from the result to the inputs."""
        self.parts[result] = [Handle("", self.graph[result].type, Number(1))]
        for node in reversed(self.graph):
            if node.id not in self.parts or node.id not in self.active or not isinstance(node.made_by, Primitive):
                continue
            self.enter(node)
            dy = self._total(node)
            inputs = tuple(Handle(i, self.graph[i].type) for i in node.inputs)
            slopes = node.made_by.grad(self, inputs, Handle(node.id, node.type), dy)
            for source, slope in zip(node.inputs, slopes, strict=True):
                if source in self.active and isinstance(slope, Handle):
                    self.parts.setdefault(source, []).append(slope)

    def gradient(self, node: Node) -> Handle:
        """The whole gradient by a node; zero where the result does not depend on it."""
        self.enter(node)
        if node.id not in self.parts:
            return self._real(Handle("", node.type, Number(0)))
        return self._real(self._total(node))

    def _total(self, node: Node) -> Handle:
        """The sum of what the node's readers sent back, kept so that it is added up once."""
        total, *rest = self.parts[node.id]
        for part in rest:
            first, second = self._real(total), self._real(part)
            total = self._add(Map(Name("i0") + Name("i1")), [first, second], node.type)
        self.parts[node.id] = [total]
        return total


def _placed(term: Term) -> bool:
    """Whether a formula without operands differs from element to element."""
    return any(isinstance(part, Random | Channel) for part in order(term))


def _pruned(graph: Graph, nodes: list[Node], results: dict[str, NodeId]) -> Graph:
    """The graph and those of the new nodes that lead to a result, renamed after what they are the gradient of."""
    wanted = set(results.values())
    for node in reversed(nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
    named = {made: name for name, made in reversed(results.items()) if made.startswith("?")}
    whole = Graph({**graph.outputs})
    for node in graph:
        whole.add(node)
    for node in nodes:
        if node.id in wanted:
            named.setdefault(node.id, node.id[1:])
            inputs = tuple(named.get(i, i) for i in node.inputs)
            whole.add(Node(named[node.id], node.made_by, inputs, node.type, node.span, node.path))
    whole.outputs.update({name: named.get(made, made) for name, made in results.items()})
    return whole
