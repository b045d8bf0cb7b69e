"""What a caller gives a program: the examples of each input, checked, and how long each of them is."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netlang import ragged
from netlang.faults import checked_input
from netlang.graph import Input, Lengths, Net, Node, NodeId
from netlang.lengths import is_sequence, tables

Array = NDArray[Any]
Shared = tuple[tuple[NodeId, NodeId], ...]  # inputs whose examples have lengths, and the input they are given for


class Given(NamedTuple):
    """Examples of all inputs.

    inputs: by input, in its public shape; lengths: of each example, by input; shared: the inputs that have them
    n: how many examples there are
    """

    inputs: Mapping[NodeId, Array]
    lengths: Mapping[NodeId, Array]
    shared: Shared
    n: int

    def part(self, start: int, stop: int) -> "Given":
        """Some of the examples."""
        inputs, lengths = (
            {name: value[start:stop] for name, value in of.items()} for of in (self.inputs, self.lengths)
        )
        return Given(inputs, lengths, self.shared, min(stop, self.n) - start)

    def values(self, nodes: Iterable[Node]) -> Mapping[NodeId, Array]:
        """What the inputs of a plan read: examples, and the numbers of their real steps. Raises LengthsError."""
        if not self.lengths:
            return self.inputs
        found: dict[NodeId, Array] = dict(self.inputs)
        for node in nodes:
            if isinstance(node.made_by, Lengths):
                at = node.made_by
                found[node.id] = ragged.behind(self.lengths[at.of], at.steps, at.why, node.span.text)[:, None]
        return found


class Inputs:
    """The inputs of a net, and how callers give examples for them.

    received: makes an array of a caller's such as the device takes
    usual: the shape and dtype of an array that was right and has none but them to look at
    """

    def __init__(self, nodes: list[Node], received: Callable[[Any], Any]) -> None:
        self.nodes, self.received = nodes, received
        self.usual: tuple[Any, Any] | None = None

    def given(self, x: Any, lengths: Array | Mapping[str, Array] | None) -> Given:
        """Examples for the first input, or for all by their names. Raises ValueError."""
        first = self.nodes[0]
        if self.like_before(x, lengths):  # what follows takes a twentieth of LeNet's run of one example
            return Given({first.id: x}, {}, (), len(x))
        values = x if isinstance(x, Mapping) else {first.id: x}
        found = self._checked({name: self.received(of) for name, of in values.items()}, lengths)
        if type(x) is np.ndarray and lengths is None and not first.type.classes:
            self.usual = x.shape, x.dtype
        return found

    def like_before(self, x: Any, lengths: object) -> bool:
        """Whether examples are right because some of their kind were."""
        return type(x) is np.ndarray and lengths is None and (x.shape, x.dtype) == self.usual

    def _checked(self, values: Mapping[str, Array], lengths: Array | Mapping[str, Array] | None) -> Given:
        if lengths is None:
            inputs = {node.id: checked_input(node, _of(node, values)) for node in self.nodes}
            return Given(inputs, {}, (), len(inputs[self.nodes[0].id]))
        shared = _shared(self.nodes, lengths)
        found: dict[NodeId, Array] = {}
        by_input = {}
        for node in self.nodes:
            if (of := shared.get(node.id)) is not None:
                if of not in found:
                    of_one = lengths[of] if isinstance(lengths, Mapping) else lengths
                    n = np.shape(_of(node, values))[:1]
                    found[of] = ragged.checked(of, of_one, n[0] if n else 0, node.type.arrayed(0)[1])
                by_input[node.id] = found[of]
        inputs = {node.id: checked_input(node, _of(node, values), by_input.get(node.id)) for node in self.nodes}
        return Given(inputs, by_input, tuple(shared.items()), len(inputs[self.nodes[0].id]))


def _of(node: Node, values: Mapping[str, Array]) -> Array:
    if node.id not in values:
        known = ", ".join(map(str, values)) or "none"
        raise ValueError(f"nothing is given for the input `{node.id}`, only for {known}")
    return values[node.id]


def steps_behind(net: Net, output: NodeId, lengths: Array | Mapping[str, Array]) -> Array | None:
    """How many steps of a node's value are real for examples of these lengths, which are right; None if it has none.

    Raises LengthsError where any layer of the net cannot take them.
    """
    found = None
    for node, table in tables(net, _shared(list(net.graph.made_by(Input)), lengths), training=False).items():
        given = np.asarray(lengths[table.of] if isinstance(lengths, Mapping) else lengths)
        steps = ragged.behind(given, table.steps, table.why, net.graph[node].span.text)
        found = steps if node == output else found
    return found


def _shared(nodes: list[Node], lengths: Array | Mapping[str, Array]) -> dict[NodeId, NodeId]:
    """Which inputs have lengths, and whose: what is no mapping is for all of them. Raises ValueError."""
    steps = {node.id: node.type.arrayed(0)[1] for node in nodes if is_sequence(node.type)}
    if not steps:
        raise ValueError("this net reads no sequence, and only sequences have lengths")
    if isinstance(lengths, Mapping):
        if unknown := [name for name in lengths if name not in steps]:
            raise ValueError(
                f"there are lengths for `{unknown[0]}`; the inputs that are sequences are {', '.join(steps)}"
            )
        return {name: name for name in steps if name in lengths}
    if len(set(steps.values())) > 1:
        each = " and ".join(f"`{name}` has {count}" for name, count in steps.items())
        raise ValueError(f"{each} steps: give `lengths` by the names of the inputs")
    first = next(iter(steps))
    return dict.fromkeys(steps, first)
