"""Graph of layers to graph of primitives: what is computed, for training or for evaluation.

Non-goals: it chooses no layout and fuses nothing; that is for `passes/`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from netlang.check.counts import data, running
from netlang.formula import Name
from netlang.graph import Graph, Input, Lengths, Net, Node, NodeId
from netlang.layer import Ends, Kept, Layer, Value, Weight
from netlang.layers.loss import Loss, chosen
from netlang.lengths import Table, marked, still_zero, tables, zeroed
from netlang.primitives.gather.op import Transpose
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.source import Span
from netlang.types import BATCH, Tensor

NEXT = "next."  # outputs of a training graph: what its kept tensors become, `next.bn1.mean`


@dataclass(frozen=True, slots=True)
class Handle(Value):
    """A value by the id of its node."""

    id: NodeId
    type: Tensor
    known: Any = None
    ends: Ends | None = None


def lower(
    net: Net,
    *,
    training: bool,
    loss: Loss | Mapping[str, Loss] | None = None,
    dtype: str = "f32",
    scored: bool = True,
    lengths: Mapping[NodeId, NodeId] | None = None,
) -> Graph:
    """The primitives of a net, its weights' nodes copied.

    Evaluation has the net's outputs. Training has them too, what kept tensors become (`NEXT`), an input "target"
    (labels or values) and the scalar output "loss"; a net with several outputs has an input `target.NAME` for each,
    and the weighted sum of their losses.

    loss: by output if there are several; what the `train:` statement says, or the default of the last layer, if None
    scored: whether a training graph gets its targets and its loss
    lengths: for each input whose examples have lengths of their own, the input that these are given for: itself, or
        another that has the same. The graph then has `Lengths` inputs beside the others
    Raises Misfit where the loss does not go with the last layer, NetError for a layer that is made for one length.
    """
    lowering = _Lowering(net.graph, training, dtype, tables(net, lengths or {}, training=training))
    ends = [(o, n) for o, n in net.graph.outputs.items() if training or n in net.running()]
    used = running(net.graph, net.running())
    for node in net.graph:
        if node.id in used or isinstance(node.made_by, Input):
            lowering.take(node)
    for node in net.graph:  # behind the rest, so that what is stored lies alike in training and evaluation
        if node.id not in lowering.seen:
            lowering.side(node)
    lowering.made.outputs.update({name: lowering.now[of].id for name, of in ends})
    if training and scored:
        lowering.score(net, loss)
    return lowering.made


def loss_of(net: Net, output: str | None = None, targets: str = "values") -> Loss:
    """The loss of an output, the first if not named: what the `train:` statement says, or the last layer's default.

    targets: what the data has, "labels" or "values". Raises Misfit.
    """
    name = output or next(iter(net.graph.outputs))
    last = net.graph[net.graph.outputs[name]].made_by
    said = next((o.loss for o in net.outputs if o.name == name and o.loss is not None), net.train.get("loss"))
    return chosen(said, last if isinstance(last, Layer) else None, targets)


class _Lowering:
    """The graph under construction; `now` says where each node's value is."""

    def __init__(self, layers: Graph, training: bool, dtype: str, tables: Mapping[NodeId, Table]) -> None:
        self.layers, self.training, self.dtype, self.tables = layers, training, dtype, tables
        self.made = Graph()
        self.ends: dict[Table, Ends] = {}
        self.counts: dict[Table, NodeId] = {}
        self.now: dict[NodeId, Handle] = {}
        self.seen: set[NodeId] = set()

    def side(self, node: Node) -> None:
        """A node of a side head: in evaluation what is stored of it, and no more."""
        if self.training or isinstance(node.made_by, Weight):
            self.take(node)
        elif isinstance(node.made_by, Layer):
            for kept in node.made_by.kept(*(source.type for source in data(self.layers, node))):
                self._kept(node, kept)

    def take(self, node: Node) -> None:
        """Lower one node of the graph of layers."""
        self.seen.add(node.id)
        if isinstance(node.made_by, Layer):
            self._layer(node, node.made_by)
            return
        type_ = replace(node.type, dtype=self.dtype)
        if node.type.classes:  # tokens travel as floats, one in each place: exact up to 2^24
            type_ = replace(type_, shape=(*type_.shape, 1))
        made_by = node.made_by
        if isinstance(made_by, Weight) and made_by.transposes:
            emitted = Emitted(node.path)
            turned = emitted(Transpose(), self.now[made_by.transposes])
            self.now[node.id] = emitted.put(self.made, turned, node.id, node.span)
            return
        if isinstance(made_by, Weight):
            init = settled(self.layers, node) if made_by.init == "auto" else made_by.init
            made_by = replace(made_by, type=type_, init=init)
        ends = self._ends(node)
        if ends is not None:
            made_by = replace(made_by, ends=self._counted(node.id))
        self.made.add(replace(node, made_by=made_by, type=type_))
        self.now[node.id] = Handle(node.id, type_, ends=ends)

    def _ends(self, node: Node) -> Ends | None:
        """Where the examples of a node's value end; the same for all with the same table."""
        table = self.tables.get(node.id)
        if table is not None and table not in self.ends:
            name, steps = f"lengths:{node.id}", node.type.arrayed(0)[1]
            made_by = Lengths(name, "lengths", of=table.of, steps=table.steps, why=table.why)
            type_ = Tensor(self.dtype, (BATCH, 1))
            count = Handle(self.made.add(Node(name, made_by, (), type_, node.span, node.path)).id, type_)
            emitted = Emitted(node.path)
            real = emitted.put(self.made, marked(emitted, count, steps), f"real:{node.id}", node.span)
            self.ends[table], self.counts[table] = Ends(count, real), count.id
        return None if table is None else self.ends[table]

    def _counted(self, node: NodeId) -> NodeId | None:
        """The `Lengths` of a node of the graph of layers."""
        table = self.tables.get(node)
        return None if table is None else self.counts[table]

    def _layer(self, node: Node, layer: Layer) -> None:
        inputs = [self.now[i] for i in node.inputs]
        types = [self.now[i].type for i in node.inputs if not isinstance(self.layers[i].made_by, Weight)]
        kept = [self._kept(node, each) for each in layer.kept(*types)]
        emitted = Emitted(node.path)
        ends = self._ends(node)
        result = layer.lower(emitted, self.training, *inputs, *kept)
        if ends is not None and result not in still_zero(emitted.pending, inputs):
            result = zeroed(emitted, result, ends)
        self.now[node.id] = replace(emitted.put(self.made, result, node.id, node.span), ends=ends)

    def _kept(self, node: Node, kept: Kept) -> Handle:
        made = self.made.add(Node(f"{node.id}.{kept.name}", kept, (), kept.type, node.span, node.path))
        return Handle(made.id, made.type)

    def score(self, net: Net, losses: Loss | Mapping[str, Loss] | None) -> None:
        """Add the targets and the loss."""
        alone = len(net.graph.outputs) == 1
        scores = []
        for name, of in net.graph.outputs.items():
            loss = losses[name] if isinstance(losses, Mapping) else losses or loss_of(net, name)
            suffix = "" if alone else f".{name}"
            scores.append(self._score(net.graph[of], loss, suffix))
        total = scores[0]
        shares = {output.name: output.weight for output in net.outputs}
        if not alone or any(share != 1 for share in shares.values()):
            terms = [Name(f"i{k}") * shares.get(name, 1.0) for k, name in enumerate(net.graph.outputs)]
            emitted = Emitted(())
            total = emitted.put(self.made, emitted(Map(sum(terms[1:], terms[0])), *scores), "loss", net.graph[of].span)
        self.made.outputs["loss"] = total.id

    def _score(self, last: Node, loss: Loss, suffix: str) -> Handle:
        y = self.now[last.id]
        target = loss.expects(y.type)
        kind = loss.target
        made_by = Input(f"target{suffix}", kind, ends=self._counted(last.id))
        self.made.add(Node(f"target{suffix}", made_by, (), target, last.span, last.path))
        read = y if loss.of is None else self.now[last.inputs[0]]
        emitted = Emitted(last.path)
        result = loss.lower(emitted, read, Handle(f"target{suffix}", target))
        return emitted.put(self.made, result, f"loss{suffix}", last.span)


class Emitted:
    """Collects the primitives of one layer, and gives them ids once it is known which is the result."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        self.pending: list[tuple[Handle, Primitive, tuple[Handle, ...]]] = []
        self.next: list[tuple[Handle, Handle]] = []

    def __call__(self, primitive: Primitive, *inputs: Any) -> Handle:
        """The result of a primitive on these; its type is inferred."""
        made = Handle(f"?{len(self.pending)}", primitive.infer(*(x.type for x in inputs)))
        self.pending.append((made, primitive, inputs))
        return made

    def keep(self, kept: Any, value: Any) -> None:
        """The graph gets an output `next.bn1.mean`: what the kept tensor becomes."""
        self.next.append((kept, value))

    def put(self, graph: Graph, result: Any, name: str, span: Span) -> Handle:
        """Append to a graph: the result under `name`, what leads to it as `name.0`, `name.1`, ..."""
        ids = {made.id: f"{name}.{k}" for k, (made, _, _) in enumerate(self.pending)}
        if result.id in ids:
            ids[result.id] = name
        for made, primitive, inputs in self.pending:
            read = tuple(ids.get(x.id, x.id) for x in inputs)
            graph.add(Node(ids[made.id], primitive, read, made.type, span, self.path))
        graph.outputs.update({f"{NEXT}{kept.id}": ids[value.id] for kept, value in self.next})
        return Handle(ids.get(result.id, result.id), result.type)


def settled(layers: Graph, weight: Node) -> str:
    """The initialisation of a weight that leaves it open: what suits the activation behind its layer."""
    for layer in layers.readers(weight.id):
        for reader in layers.readers(layer.id):
            before = getattr(reader.made_by, "before", None)
            if isinstance(before, str):
                return before
    return "xavier"
