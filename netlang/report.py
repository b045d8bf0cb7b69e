"""What a net costs: parameters, MACs, FLOPs, memory and receptive fields, a row per layer.

A MAC is one multiply-add of a product, per example, forward, biases not counted: what the papers call "ops".
FLOPs count two per MAC and every other arithmetic operation. Memory is in bytes, for a batch.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from netlang.check.counts import data, flops_of, macs_of
from netlang.graph import Graph, Input, Net, Node, NodeId
from netlang.layer import Layer, Weight
from netlang.types import Dim, Tensor, shown

BYTES = {"f32": 4, "f64": 8, "i32": 4}
Field = tuple[int, int]  # height and width, in pixels of the input


@dataclass(frozen=True)
class Row:
    """One layer with its activation.

    line: of the file, from 1; output: without the batch; parameters: trained numbers
    macs, flops: forward, backward_macs: for the gradients, all per example
    receptive_field: height and width of what one output sees, in pixels of the input; None for other inputs
    memory: of the output, in bytes for the batch
    """

    name: str
    layer: str
    line: int
    activation: str | None
    output: tuple[Dim, ...]
    parameters: int
    macs: int
    flops: int
    backward_macs: int
    receptive_field: Field | None
    memory: int


@dataclass(frozen=True)
class Ends:
    """An input or output: its name, and its shape without the batch."""

    name: str
    shape: tuple[Dim, ...]


@dataclass(frozen=True)
class Memory:
    """Bytes: of all weights, of their gradients, of the outputs of all layers for the batch."""

    weights: int
    gradients: int
    activations: int


@dataclass(frozen=True)
class Summary:
    """The rows of a net and their totals; prints as the table of `netlang summary`."""

    net: str
    variant: str | None
    batch: int
    inputs: tuple[Ends, ...]
    outputs: tuple[Ends, ...]
    layers: tuple[Row, ...]
    memory: Memory

    @property
    def parameters(self) -> int:
        """Trained numbers of all layers."""
        return sum(row.parameters for row in self.layers)

    @property
    def macs(self) -> int:
        """Forward multiply-adds per example."""
        return sum(row.macs for row in self.layers)

    @property
    def flops(self) -> int:
        """Forward arithmetic operations per example."""
        return sum(row.flops for row in self.layers)

    @property
    def backward_macs(self) -> int:
        """Multiply-adds of all gradients per example."""
        return sum(row.backward_macs for row in self.layers)

    def json(self) -> dict[str, Any]:
        """The summary as `netlang summary --json` prints it."""
        return {
            "net": self.net,
            "variant": self.variant,
            "inputs": [asdict(end) for end in self.inputs],
            "outputs": [asdict(end) for end in self.outputs],
            "parameters": self.parameters,
            "training_parameters": self.parameters,
            "trainable": self.parameters,
            "macs": self.macs,
            "training_macs": self.macs,
            "flops": self.flops,
            "backward_macs": self.backward_macs,
            "batch": self.batch,
            "memory": asdict(self.memory),
            "layers": [asdict(row) for row in self.layers],
        }

    def __str__(self) -> str:
        return "\n".join(_table(self))


def summary(net: Net, batch: int = 1) -> Summary:
    """What a net costs. batch: examples at once, for the memory."""
    graph = net.graph
    rows = tuple(_rows(graph, batch))
    weights = sum(_bytes(node.type, 1) for node in graph.made_by(Weight))
    activations = sum(_bytes(node.type, batch) for node in graph.made_by(Layer))
    return Summary(
        net.name,
        net.variant,
        batch,
        tuple(Ends(node.made_by.name, node.type.shape[1:]) for node in graph.made_by(Input)),
        tuple(Ends(name, graph[node].type.shape[1:]) for name, node in graph.outputs.items()),
        rows,
        Memory(weights, weights, activations),
    )


def _rows(graph: Graph, batch: int) -> Iterator[Row]:
    fields = receptive_fields(graph)
    learned = _learned(graph)
    for _, nodes in groupby(graph.made_by(Layer), key=lambda node: node.path):
        yield _row(graph, list(nodes), fields, learned, batch)


def _row(graph: Graph, nodes: list[Node], fields: dict[NodeId, Field | None], learned: set[NodeId], batch: int) -> Row:
    first, last = nodes[0], nodes[-1]
    return Row(
        name="/".join(first.path),
        layer=str(first.made_by),
        line=first.span.row,
        activation=last.made_by.word if len(nodes) > 1 else None,
        output=last.type.shape[1:],
        parameters=sum(graph[i].type.size for node in nodes for i in node.inputs if _weight(graph, i)),
        macs=sum(macs_of(graph, node) for node in nodes),
        flops=sum(flops_of(graph, node) for node in nodes),
        backward_macs=sum(_backward(graph, node, learned) for node in nodes),
        receptive_field=fields[last.id],
        memory=sum(_bytes(node.type, batch) for node in nodes),
    )


def _weight(graph: Graph, node: NodeId) -> bool:
    return isinstance(graph[node].made_by, Weight)


def _learned(graph: Graph) -> set[NodeId]:
    """The values that depend on a weight: only they need a gradient."""
    found: set[NodeId] = set()
    for node in graph:
        if isinstance(node.made_by, Weight) or any(i in found for i in node.inputs):
            found.add(node.id)
    return found


def _backward(graph: Graph, node: Node, learned: set[NodeId]) -> int:
    """A product costs its MACs once for the gradient of its weights and once for that of its data.

    Nothing needs the gradient of the net's input, so a first layer has only the former.
    """
    trained = any(_weight(graph, i) for i in node.inputs)
    passed_on = any(source.id in learned for source in data(graph, node))
    return macs_of(graph, node) * (trained + passed_on)


def receptive_fields(graph: Graph) -> dict[NodeId, Field | None]:
    """For each node, the pixels of the input one of its outputs sees (Araujo et al. 2019, eq. 2).

    A window of k pixels with dilation d, whose neighbours look s pixels apart, adds (k - 1) * d * s.
    """
    fields: dict[NodeId, Field | None] = {}
    jumps: dict[NodeId, Field] = {}
    for node in graph:
        if isinstance(node.made_by, Layer):
            sources = [source.id for source in data(graph, node)]
            fields[node.id], jumps[node.id] = _seen(graph, node, sources, fields, jumps)
        else:
            image = isinstance(node.made_by, Input) and len(node.type.shape) == 4
            fields[node.id], jumps[node.id] = ((1, 1) if image else None), (1, 1)
    return fields


def _seen(
    graph: Graph, node: Node, sources: list[NodeId], fields: dict[NodeId, Field | None], jumps: dict[NodeId, Field]
) -> tuple[Field | None, Field]:
    known = [field for i in sources if (field := fields[i]) is not None]
    if not known:
        return None, (1, 1)
    height, width = (max(field[axis] for field in known) for axis in (0, 1))
    jump = jumps[sources[0]]
    if len(node.type.shape) != 4:  # a vector made of an image has seen all of it
        return _whole(graph), jump
    if not node.made_by.slides:
        return (height, width), jump
    kernel = getattr(node.made_by, "kernel", (1, 1))
    stride = getattr(node.made_by, "stride", None) or kernel
    dilation = getattr(node.made_by, "dilation", (1, 1))
    height += (kernel[0] - 1) * dilation[0] * jump[0]
    width += (kernel[1] - 1) * dilation[1] * jump[1]
    return (height, width), (jump[0] * stride[0], jump[1] * stride[1])


def _whole(graph: Graph) -> Field:
    h, w = next(graph.made_by(Input)).type.shape[1:3]
    assert isinstance(h, int)
    assert isinstance(w, int)
    return h, w


def _bytes(type_: Tensor, batch: int) -> int:
    return type_.size * BYTES[type_.dtype] * (batch if type_.batched else 1)


HEADS = ("name", "layer", "act", "output", "parameters", "MACs", "field", "memory")
NUMERIC = {"parameters", "MACs", "field", "memory"}


def _table(found: Summary) -> Iterator[str]:
    title = found.net + (f":{found.variant}" if found.variant else "")
    ends = ", ".join(shown(("n", *end.shape)) for end in found.inputs)
    yield f"{title}   input {ends}   batch {found.batch}"
    yield ""
    cells = [_cells(row) for row in found.layers]
    total = ("total", "", "", "", f"{found.parameters:,}", f"{found.macs:,}", "", size(found.memory.activations))
    widths = [max(map(len, column)) for column in zip(HEADS, total, *cells, strict=True)]
    yield _line(HEADS, widths)
    rule = "  ".join("─" * width for width in widths)
    yield rule
    for row in cells:
        yield _line(row, widths)
    yield rule
    yield _line(total, widths)
    yield ""
    yield f"forward   {found.macs:,} MACs, {found.flops:,} FLOPs per example"
    yield f"backward  {found.backward_macs:,} MACs per example"
    yield f"weights   {size(found.memory.weights)}, their gradients as much again"


def _cells(row: Row) -> tuple[str, ...]:
    seen = "" if row.receptive_field is None else "x".join(map(str, row.receptive_field))
    return (
        row.name,
        row.layer,
        row.activation or "",
        shown(("n", *row.output)),
        f"{row.parameters:,}" if row.parameters else "",
        f"{row.macs:,}" if row.macs else "",
        seen,
        size(row.memory),
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    aligned = (
        f"{cell:>{width}}" if head in NUMERIC else f"{cell:<{width}}"
        for head, cell, width in zip(HEADS, cells, widths, strict=True)
    )
    return "  ".join(aligned).rstrip()


def size(count: int) -> str:
    """Bytes for people, with three digits: "120 KB" (1 KB = 1,000 bytes)."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= scale:
            value = count / scale
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"
    return f"{count} B"
