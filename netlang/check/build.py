"""Steps in their places to the graph: weights and shapes."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from fractions import Fraction

from netlang.check import shapes, shortcut
from netlang.check.pretrained import Wanted
from netlang.check.problems import Problems
from netlang.check.shapes import Letters
from netlang.check.tree import Op, Promise, Start, Steps, Training
from netlang.diagnostics import Diagnostic, Label, NetError, error
from netlang.graph import Graph, Input, Node, NodeId
from netlang.layer import Layer, Misfit, Weight
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast
from netlang.types import BATCH, Dim, Tensor, shown

LARGEST = 2**31  # numbers per example of one tensor, or of one weight
Jump = tuple[Fraction, Fraction]


@dataclass
class Build:
    """The graph as it grows. A node of None is the output of a wrong layer: nothing more is said of what reads it.

    nodes: the last node of each step; weights: those of each step, in order, for what is tied to it
    places: how many steps stand before each
    jumps: pixels of the input from one row or column of a step's output to the next
    wanted: tensors that are read from files
    """

    problems: Problems
    letters: Letters
    graph: Graph = field(default_factory=Graph)
    nodes: dict[Op, Node | None] = field(default_factory=dict)
    places: dict[Op, int] = field(default_factory=dict)
    weights: dict[Op, list[NodeId]] = field(default_factory=dict)
    jumps: dict[Op, Jump] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)

    def steps(self, steps: Steps) -> None:
        """Add all steps, and compare what is promised."""
        for item in steps.items:
            if isinstance(item, Promise):
                with self.problems.collected(item.inside):
                    self.promised(item)
            else:
                self.places[item] = len(self.places)
                self.nodes[item] = None
                self.jumps[item] = (Fraction(1), Fraction(1))
                with self.problems.collected(item.inside):
                    self.nodes[item] = self.step(item)

    def step(self, op: Op) -> Node | None:
        """Add a step: its layer with its weights, its norm, its activation."""
        if isinstance(op.what, Start):
            dtype = "i32" if op.what.classes else "f32"
            type_ = Tensor(dtype, (BATCH, *op.what.shape), op.what.classes)
            return self.graph.add(Node(".".join(op.path), Input(op.what.name), (), type_, op.span, op.path))
        if op.what is None:
            return None
        read = [*op.inputs, op.skipped] if op.skipped is not None else op.inputs
        inputs = [node for of in read if (node := self.nodes.get(of)) is not None]
        if len(inputs) < len(read) or not inputs:
            return None
        pool = _Pool(op, self.weights)
        if op.skipped is not None:
            inputs[-1] = self.around(op, op.what, inputs, pool)
        name = ".".join(op.path)
        node = self.layer(name, op.what, inputs, op, pool)
        self.jumps[op] = self.jump(op, node)
        if op.norm is not None:
            on = replace_at(op, op.norm.span, op.norm.at)
            node = self.layer(f"{name}.{op.norm.layer.word}", op.norm.layer, [node], on, pool)
        if op.activation is not None:
            on = replace_at(op, op.activation.span, {})
            node = self.layer(f"{name}.{op.activation.layer.word}", op.activation.layer, [node], on, pool)
        self.weights[op] = pool.used
        if op.training.at and not pool.used:
            said, span = next(iter(op.training.at.items()))
            raise error("setting", f"`{op.what.word}` trains nothing, and takes no `{said}`", span)
        return node

    def layer(self, id_: str, layer: Layer, inputs: list[Node], op: Op, pool: "_Pool") -> Node:
        """Add one layer and its weights. Raises NetError where it does not fit its inputs."""
        types = [node.type for node in inputs]
        try:
            type_ = layer.fitted(*types)
            bounded(type_, "an output")
            weights = layer.weights(*types)
            for weight in weights:
                bounded(weight.type, "a weight")
            for said in layer.notes(*types):
                self.problems.note(
                    "condition", f"`{layer.word}` {said}", op.word, help="it is checked again with the size"
                )
        except Misfit as misfit:
            raise _misfit(misfit, layer, types, op) from None
        nodes = [self.weight(id_, weight, op, pool) for weight in weights]
        for kept in layer.kept(*types):
            self.stored(f"{id_}.{kept.name}", kept.type, op)
        sources = (*(node.id for node in inputs), *nodes)
        return self.graph.add(Node(id_, layer, sources, type_, op.span, op.path))

    def weight(self, id_: str, weight: Weight, op: Op, pool: "_Pool") -> NodeId:
        """Add a weight, or find the one it is tied to."""
        name = f"{id_}.{weight.name}"
        source: tuple[NodeId, ...] = ()
        tied = pool.take(weight)
        if tied is not None and op.tied is not None:
            of, transposed, span = self.graph[tied], op.tied[1], op.tied[2]
            if transposed and len(of.type.shape) != 2:
                raise error("tie", f"only a matrix is transposed, and `{tied}` is {shown(of.type.shape)}", span)
            wanted = of.type.shape[::-1] if transposed else of.type.shape
            if weight.type.shape != wanted:
                raise error(
                    "tie",
                    f"the weight `{tied}` has another shape",
                    span,
                    f"it is {shown(wanted)}, and here {shown(weight.type.shape)} is needed",
                )
            if not transposed:
                pool.used.append(tied)
                return tied
            weight, source = replace(weight, transposes=tied), (tied,)
        made = trained(weight, op.training)
        pool.used.append(name)
        if not source:
            self.stored(name, made.type, op)
        return self.graph.add(Node(name, made, source, made.type, op.span, op.path)).id

    def stored(self, name: str, type_: Tensor, op: Op) -> None:
        """Keep in mind what a tensor is read from, where that is said."""
        if op.training.file is not None:
            self.wanted.append(Wanted(name, type_, op.training.file))

    def around(self, op: Op, layer: Layer, inputs: list[Node], pool: "_Pool") -> Node:
        """The shortcut past the branches of a merge that skips: the tensor itself, or layers of its own."""
        *ends, past = inputs
        assert op.skipped is not None
        strides = [self.stride(end, op) for end in op.inputs]
        if len({s for s in strides if s is not None}) > 1:
            remark = " and ".join("?" if s is None else shown(("n", *s)).removeprefix("nx") for s in strides)
            raise error("shape", f"the branches of `{layer.word}` have different strides", op.word, remark)
        bias, norm = shortcut.as_in(op.inputs, op.skipped, self.places, self.axes)
        try:
            layers = shortcut.layers(layer, past.type, ends[0].type, strides[0] or (1, 1), bias, norm)
        except Misfit as misfit:
            where = op.at.get(misfit.setting or "", op.word)
            remark = f"through the branch: {shown(ends[0].type.shape)}; past it: {shown(past.type.shape)}"
            raise NetError(Diagnostic("shape", str(misfit), Label(where, remark), help=misfit.help)) from None
        name = ".".join((*op.path, shortcut.NAME))
        on = replace_at(op, op.span, {}, (*op.path, shortcut.NAME))
        for k, one in enumerate(layers):
            past = self.layer(f"{name}.{one.word}" if k else name, one, [past], on, pool)
        return past

    def axes(self, op: Op) -> int:
        """How many axes the output of a step has; 0 where it is wrong."""
        node = self.nodes[op]
        return 0 if node is None else len(node.type.shape)

    def stride(self, end: Op, op: Op) -> tuple[int, int] | None:
        """Pixels between neighbours at a branch's end, in pixels of what its merge skips; None if not whole."""
        assert op.skipped is not None
        down = [a / b for a, b in zip(self.jumps[end], self.jumps[op.skipped], strict=True)]
        if any(s.denominator != 1 for s in down):
            return None
        return int(down[0]), int(down[1])

    def jump(self, op: Op, node: Node) -> Jump:
        """Told by the input that has as many axes as the output."""
        rank = len(node.type.shape)
        alike = [of for of in op.inputs if (n := self.nodes[of]) is not None and len(n.type.shape) == rank]
        height, width = self.jumps[alike[0]] if alike else (Fraction(1), Fraction(1))
        rows, columns = node.made_by.jump()
        return height * rows, width * columns

    def promised(self, promise: Promise) -> None:
        """Compare `-> 14x14x6` with the shape there is."""
        written = promise.shape.sizes
        wanted: list[Dim | None] = [
            None if isinstance(s, ast.Anything) else shapes.dim(s, promise.names, self.letters) for s in written
        ]
        node = self.nodes.get(promise.op)
        if node is None:
            return
        found = node.type.shape[1:]
        if len(found) != len(wanted):
            raise _differs(promise.shape.span, found, "a vector has 1 size, a sequence 2, an image 3")
        wrong = [s for s, want, have in zip(written, wanted, found, strict=True) if want is not None and want != have]
        if wrong:
            raise _differs(wrong[0].span.to(wrong[-1].span), found, None)


class _Pool:
    """The weights of a step: those it shares, in the order of the step it is tied to, and those it has."""

    def __init__(self, op: Op, known: dict[Op, list[NodeId]]) -> None:
        self.used: list[NodeId] = []
        self.transposed = op.tied is not None and op.tied[1]
        self.shared: Iterator[NodeId] = iter(known.get(op.tied[0], []) if op.tied else [])

    def take(self, weight: Weight) -> NodeId | None:
        """The weight that this one is tied to. Of a transposed layer only the matrix is."""
        if self.transposed and not weight.decays:
            return None
        return next(self.shared, None)


def replace_at(op: Op, span: Span, at: Mapping[str, Span], path: tuple[str, ...] | None = None) -> Op:
    """A step as it stands behind another: its norm, its activation, its shortcut."""
    return replace(op, span=span, word=span, at=at, path=path or op.path)


def trained(weight: Weight, said: Training) -> Weight:
    """A weight with what its step or block says of it."""
    made = said.common.on(weight)
    if said.init is not None and weight.decays:
        made = replace(made, init=said.init)
    return made


def _misfit(misfit: Misfit, layer: Layer, types: list[Tensor], op: Op) -> NetError:
    where = op.at.get(misfit.setting or "", op.word if layer.merge else op.span)
    remark = "" if misfit.setting in op.at else f"gets {' and '.join(shown(t.shape) for t in types)}"
    return NetError(Diagnostic("shape", str(misfit), Label(where, remark), help=misfit.help))


def _differs(span: Span, found: tuple[Dim, ...], help: str | None) -> NetError:
    title = f"the shape here is {shown(found)}"
    return NetError(Diagnostic("promise", title, Label(span, "but this line promises something else"), help=help))


def bounded(type_: Tensor, what: str) -> None:
    """Raise Misfit for a tensor larger than any net needs."""
    if any(isinstance(d, int) and d > LARGEST for d in type_.shape) or (type_.fixed and type_.size > LARGEST):
        raise Misfit(f"{what} of {type_.count:,} numbers is more than {LARGEST:,}")
