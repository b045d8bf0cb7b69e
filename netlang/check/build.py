"""Placed layers to the graph: names, weights and shapes."""

from collections import Counter
from dataclasses import dataclass, field

from netlang.check import values
from netlang.check.problems import Problems
from netlang.check.tree import Activation, Checked, Fork, Placed, Steps
from netlang.check.values import Value
from netlang.diagnostics import Diagnostic, Label, NetError
from netlang.graph import Graph, Input, Node
from netlang.layer import Layer, Misfit
from netlang.source import Span
from netlang.syntax import ast
from netlang.types import Dim, Tensor, shown

INPUT = "input"
LARGEST = 2**31  # numbers per example of one tensor, or of one weight


@dataclass
class Build:
    """The graph as it grows. A node of None is the output of a wrong layer: nothing more is said of what reads it."""

    problems: Problems
    constants: dict[str, Value]
    graph: Graph = field(default_factory=Graph)
    numbers: Counter[str] = field(default_factory=Counter)

    def input(self, shape: tuple[Dim, ...], span: Span) -> Node:
        """The node a net starts from. shape: without the batch."""
        type_ = Tensor("f32", ("n", *shape))
        return self.graph.add(Node(INPUT, Input(INPUT), (), type_, span, (INPUT,)))

    def steps(self, steps: Steps, above: Node | None) -> Node | None:
        """Add the steps; the node of the last one."""
        for step in steps:
            match step:
                case Checked():
                    self.promised(step.shape, above)
                case Fork():
                    ends = [self.steps(branch, above) for branch in step.branches]
                    above = self.placed(step.merge, ends)
                case Placed():
                    above = self.placed(step, [above])
        return above

    def placed(self, step: Placed, inputs: list[Node | None]) -> Node | None:
        """Add a layer, its weights and its activation."""
        if step.layer is None:
            return None
        self.numbers[step.layer.word] += 1
        name = f"{step.layer.word}{self.numbers[step.layer.word]}"
        known = [node for node in inputs if node is not None]
        if len(known) < len(inputs):
            return None
        with self.problems.collected(step.inside):
            node = self.layer(name, (name,), step.layer, known, step)
            return self.activated(name, step.activation, node, step)
        return None

    def activated(self, name: str, activation: Activation | None, node: Node, step: Placed) -> Node:
        """The layer's output through its activation."""
        if activation is None:
            return node
        on = Placed(activation.layer, None, activation.span, {}, step.inside)
        return self.layer(f"{name}.{activation.layer.word}", (name,), activation.layer, [node], on)

    def layer(self, id_: str, path: tuple[str, ...], layer: Layer, inputs: list[Node], step: Placed) -> Node:
        """Add one layer and its weights. Raises NetError where it does not fit its inputs."""
        types = [node.type for node in inputs]
        try:
            type_ = layer.infer(*types)
            _bounded(type_, types)
            weights = layer.weights(*types)
        except Misfit as misfit:
            where = step.at.get(misfit.setting or "", step.span)
            given = " and ".join(shown(t.shape) for t in types)
            remark = "" if misfit.setting in step.at else f"gets {given}"
            raise NetError(Diagnostic("shape", str(misfit), Label(where, remark), help=misfit.help)) from None
        nodes = [self.graph.add(Node(f"{id_}.{w.name}", w, (), w.type, step.span, path)) for w in weights]
        sources = (*(node.id for node in inputs), *(node.id for node in nodes))
        return self.graph.add(Node(id_, layer, sources, type_, step.span, path))

    def promised(self, shape: ast.Shape, above: Node | None) -> None:
        """Compare `-> 14x14x6` with the shape there is."""
        with self.problems.collected():
            wanted = [None if isinstance(s, ast.Anything) else values.integer(s, self.constants) for s in shape.sizes]
            if above is None:
                return
            found = above.type.shape[1:]
            if len(found) != len(wanted):
                raise _differs(shape.span, found, "a vector has 1 size, a sequence 2, an image 3")
            wrong = [s for s, want, have in zip(shape.sizes, wanted, found, strict=True) if want not in (None, have)]
            if wrong:
                raise _differs(wrong[0].span.to(wrong[-1].span), found, None)


def _differs(span: Span, found: tuple[Dim, ...], help: str | None) -> NetError:
    title = f"the shape here is {shown(found)}"
    return NetError(Diagnostic("promise", title, Label(span, "but this line promises something else"), help=help))


def _bounded(type_: Tensor, inputs: list[Tensor]) -> None:
    if any(isinstance(d, int) and d > LARGEST for d in type_.shape) or type_.size > LARGEST:
        raise Misfit(f"an output of {type_.size:,} numbers is more than {LARGEST:,}")
    if inputs and max(t.size for t in inputs) * type_.channels > LARGEST**2:
        raise Misfit("its weights would be larger than any memory")
