"""The figures of each layer, and of the net.

A MAC is one multiply-add of a product, per example, forward, biases not counted: what the papers call "ops".
FLOPs count two per MAC and every other arithmetic operation. Memory is in bytes, for a batch. Where a size of the
input is not fixed yet, figures are polynomials of it: `65536*T`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import groupby
from typing import Any

from netlang.check.counts import backward_macs_of, flops_of, learned, macs_of, own, running
from netlang.graph import Input, Net, Node
from netlang.layer import Layer, Weight
from netlang.record import dataclass
from netlang.report.conventions import counted
from netlang.report.fields import Field, Jump, receptive_fields
from netlang.types import Count, Dim, Size, Tensor

BYTES = {"f32": 4, "f64": 8, "i32": 4}
PAPER = "paper"


@dataclass(frozen=True)
class Row:
    """One layer with its norm and activation, or a folded block.

    line: of the file, from 1; output: without the batch; parameters: learned numbers, each in the first row that has it
    trainable: those that are not frozen
    macs, flops: forward, backward_macs, backward_flops: for the gradients; counted: as `--as` asks; all per example
    receptive_field: height and width of what one output sees, in pixels of the input, or steps of a sequence
    jump: pixels of the input between what two neighbours see; both None for a vector as input
    memory: of the outputs, in bytes for the batch
    side: whether it exists only while training
    """

    name: str
    path: tuple[str, ...]
    layer: str
    line: int
    activation: str | None
    output: tuple[Dim, ...]
    parameters: int
    trainable: int
    macs: Count
    flops: Count
    backward_macs: Count
    backward_flops: Count
    counted: Count
    receptive_field: Field | None
    jump: Jump | None
    memory: Count
    side: bool

    def json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {name: plain(value) for name, value in vars(self).items() if name != "path"}


@dataclass(frozen=True)
class Ends:
    """An input or output: its name, and its shape without the batch. side: whether it exists only while training"""

    name: str
    shape: tuple[Dim, ...]
    side: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes: of all weights, of their gradients, of the outputs of all layers for the batch.

    arena: of the memory that a run takes for all values, once planned; training_arena: that a training step takes.
        Values share it, one after the other. None where no plan was asked for.
    step: of all that a training step takes: that, weights, gradients, running statistics and what the optimizer keeps
    """

    weights: int
    gradients: int
    activations: Count
    arena: int | None = None
    training_arena: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Summary:
    """The rows of a net and their totals; prints as the table of `netlang summary`."""

    net: str
    variant: str | None
    batch: int
    convention: str
    inputs: tuple[Ends, ...]
    outputs: tuple[Ends, ...]
    layers: tuple[Row, ...]
    memory: Memory

    @property
    def run(self) -> tuple[Row, ...]:
        """The rows of the net as it runs: without what exists only while training."""
        return tuple(row for row in self.layers if not row.side)

    @property
    def parameters(self) -> int:
        """Learned numbers of the net as it runs."""
        return sum(row.parameters for row in self.run)

    @property
    def training_parameters(self) -> int:
        """Learned numbers, side heads included."""
        return sum(row.parameters for row in self.layers)

    @property
    def trainable(self) -> int:
        """Learned numbers that training changes: all but the frozen ones."""
        return sum(row.trainable for row in self.layers)

    def total(self, figure: str, *, training: bool = False) -> Count:
        """The sum of one figure over the rows of the net as it runs, or of all rows."""
        return total(getattr(row, figure) for row in (self.layers if training else self.run))

    @property
    def macs(self) -> Count:
        """Forward multiply-adds per example, as run."""
        return self.total("macs")

    @property
    def training_macs(self) -> Count:
        """Forward multiply-adds per example, side heads included."""
        return self.total("macs", training=True)

    @property
    def flops(self) -> Count:
        """Forward arithmetic operations per example, as run."""
        return self.total("flops")

    @property
    def backward_macs(self) -> Count:
        """Multiply-adds of all gradients per example, side heads included."""
        return self.total("backward_macs", training=True)

    @property
    def backward_flops(self) -> Count:
        """Arithmetic operations of all gradients per example, side heads included."""
        return self.total("backward_flops", training=True)

    def json(self) -> dict[str, Any]:
        """The summary as `netlang summary --json` prints it; a figure of no fixed size is a string."""
        totals = ("parameters", "training_parameters", "trainable", "macs", "training_macs", "flops")
        return {
            "net": self.net,
            "variant": self.variant,
            "inputs": [{"name": end.name, "shape": plain(end.shape)} for end in self.inputs],
            "outputs": [plain(asdict(end)) for end in self.outputs],
            **{name: plain(getattr(self, name)) for name in totals},
            "backward_macs": plain(self.backward_macs),
            "backward_flops": plain(self.backward_flops),
            "as": self.convention,
            "counted": plain(self.total("counted")),
            "batch": self.batch,
            "memory": plain(asdict(self.memory)),
            "layers": [row.json() for row in self.layers],
        }

    def __str__(self) -> str:
        from netlang.report.table import table

        return "\n".join(table(self))


def plain(value: Any) -> Any:
    """A figure for programs: numbers and lists of them; polynomials as text."""
    match value:
        case Size():
            return str(value)
        case Fraction():
            return value.numerator if value.denominator == 1 else float(value)
        case tuple():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(item) for name, item in value.items()}
    return value


def total(figures: Iterable[Count]) -> Count:
    """The sum of figures, fixed or not."""
    found: Count = 0
    for figure in figures:
        found = found + figure
    return found


def summary(net: Net, batch: int = 1, convention: str = PAPER) -> Summary:
    """What a net costs. batch: examples at once, for the memory; convention: of `conventions.py`."""
    graph = net.graph
    sides = {output.name for output in net.outputs if output.side}
    rows = tuple(_Rows(net, batch, convention).rows())
    weights = sum(_bytes(node.type) for node in graph.made_by(Weight))
    return Summary(
        net.name,
        net.variant,
        batch,
        convention,
        tuple(Ends(node.made_by.name, node.type.shape[1:]) for node in graph.made_by(Input)),
        tuple(Ends(name, graph[node].type.shape[1:], name in sides) for name, node in graph.outputs.items()),
        rows,
        Memory(weights, weights, total(row.memory for row in rows)),
    )


class _Rows:
    """What the rows of one net are made from.

    learned: the values that depend on a weight, and so need a gradient; used: the nodes the net needs as it runs
    """

    def __init__(self, net: Net, batch: int, convention: str) -> None:
        self.graph, self.batch, self.convention = net.graph, batch, convention
        self.fields = receptive_fields(net.graph)
        self.learned = learned(net.graph)
        self.used = running(net.graph, net.running())

    def rows(self) -> Iterator[Row]:
        for path, nodes in groupby(self.graph.made_by(Layer), key=lambda node: node.path):
            yield self._row(path, list(nodes))

    def _row(self, path: tuple[str, ...], nodes: list[Node]) -> Row:
        first, last = nodes[0], nodes[-1]
        activated = len(nodes) > 1 and last.made_by.activation
        macs = total(macs_of(self.graph, node) for node in nodes)
        backward = total(backward_macs_of(self.graph, node, self.learned) for node in nodes)
        flops = total(flops_of(self.graph, node) for node in nodes)
        seen = self.fields[last.id]
        weights = [weight for node in nodes for weight in own(self.graph, node)]
        return Row(
            name=".".join(path),
            path=path,
            layer=_written(nodes[:-1] if activated else nodes),
            line=first.span.row,
            activation=last.made_by.word if activated else None,
            output=last.type.shape[1:],
            parameters=sum(weight.type.size for weight in weights),
            trainable=sum(weight.type.size for weight in weights if not weight.made_by.frozen),
            macs=macs,
            flops=flops,
            backward_macs=backward,
            backward_flops=2 * backward + (flops - 2 * macs if first.id in self.learned else 0),
            counted=total(counted(self.graph, node, self.convention) for node in nodes),
            receptive_field=seen.field if seen else None,
            jump=seen.jump if seen and seen.jump else None,
            memory=total(_bytes_of(node.type) * self.batch for node in nodes),
            side=last.id not in self.used,
        )


def _written(nodes: list[Node]) -> str:
    """A layer and its norm as a file writes them: under a norm that centres, no bias goes without saying."""
    layer, *norms = (node.made_by for node in nodes)
    if any(norm.centred for norm in norms):
        layer = replace(layer, bias=True)
    return " ".join(map(str, (layer, *norms)))


def _bytes(type_: Tensor) -> int:
    return type_.size * BYTES[type_.dtype]


def _bytes_of(type_: Tensor) -> Count:
    return type_.count * BYTES[type_.dtype]
