"""What differs between two nets: `netlang diff`.

Layers are compared by what they compute from what, whatever they are called and however they are written: a file and
its expansion do not differ.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any

from netlang.check.counts import data
from netlang.graph import Graph, Input, Net, Node, NodeId
from netlang.layer import Layer, Weight
from netlang.layers.activation.op import Linear
from netlang.layers.merge.op import Add
from netlang.record import dataclass
from netlang.report.rows import Row, Summary, summary
from netlang.types import Dim

FIGURES = ("parameters", "training_parameters", "macs", "training_macs", "flops", "backward_macs")


@dataclass(frozen=True)
class Line:
    """A line of a file: its name and number, and its text without the checked shape."""

    file: str
    number: int
    text: str


@dataclass(frozen=True)
class Place:
    """One row of a net: the layer with its norm and activation, where it is written, and its number among the rows.

    reads: the numbers of the rows it reads; key: what it is, whatever it is called
    takes: the inputs it reads, by their names with their shapes; gives: the outputs that it is
    """

    row: Row
    line: Line
    at: int
    reads: tuple[int, ...]
    key: Any
    takes: tuple[tuple[str, tuple[Dim, ...]], ...] = ()
    gives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A layer of the one net and what stands for it in the other; None where nothing does. same: whether all agrees"""

    old: Place | None
    new: Place | None
    same: bool

    @property
    def written(self) -> tuple[Line | None, Line | None]:
        """Where the two are written."""
        return (self.old.line if self.old else None), (self.new.line if self.new else None)


@dataclass(frozen=True)
class Figure:
    """A figure of both nets."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Comparison:
    """Two nets side by side: all layers in pairs, in the order of the text, and the figures."""

    old: Summary
    new: Summary
    pairs: tuple[Pair, ...]
    figures: tuple[Figure, ...]

    @property
    def equal(self) -> bool:
        """Whether the two are one net under two names."""
        return all(pair.same for pair in self.pairs)

    def changes(self) -> Iterator[tuple[tuple[Line | None, Line | None], tuple[Pair, ...]]]:
        """The pairs that differ, by the lines they are written on."""
        found: dict[tuple[Line | None, Line | None], list[Pair]] = {}
        for pair in self.pairs:
            if not pair.same:
                found.setdefault(pair.written, []).append(pair)
        return ((written, tuple(pairs)) for written, pairs in found.items())


def compared(old: Net, new: Net) -> Comparison:
    """Two nets, their layers aligned."""
    one, other = summary(old), summary(new)
    figures = [Figure(name, getattr(one, name), getattr(other, name)) for name in FIGURES]
    figures.append(Figure("receptive field", _sight(one), _sight(other)))
    figures.append(Figure("activations, bytes", one.memory.activations, other.memory.activations))
    return Comparison(one, other, tuple(_aligned(old, new, one, other)), tuple(figures))


def _sight(found: Summary) -> tuple[Dim, ...] | None:
    """What one number of the last image sees: of vectors it is all of the input."""
    seen = [row.receptive_field for row in found.run if row.jump is not None]
    return seen[-1] if seen else None


def _aligned(old: Net, new: Net, one: Summary, other: Summary) -> Iterator[Pair]:
    a, b = _places(old, one), _places(new, other)
    if _form(old) == _form(new):  # the same net, perhaps told in another order
        yield from (Pair(place, place, True) for place in a)
        return
    matcher = SequenceMatcher(None, [p.key for p in a], [p.key for p in b], autojunk=False)
    partner: dict[int, int] = {}
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        pairs = _equal(a[i:i_end], b[j:j_end]) if kind == "equal" else _paired(a[i:i_end], b[j:j_end])
        for pair in pairs:
            if pair.old and pair.new:
                partner[pair.old.at] = pair.new.at
            yield _wired(pair, partner)


def _equal(a: list[Place], b: list[Place]) -> Iterator[Pair]:
    return (Pair(p, q, True) for p, q in zip(a, b, strict=True))


def _paired(a: list[Place], b: list[Place]) -> Iterator[Pair]:
    """Of two series that differ: layers with the same name are one layer that was changed."""
    names = SequenceMatcher(None, [p.row.name for p in a], [p.row.name for p in b], autojunk=False)
    for kind, i, i_end, j, j_end in names.get_opcodes():
        if kind == "equal":
            yield from (Pair(p, q, False) for p, q in zip(a[i:i_end], b[j:j_end], strict=True))
        else:
            yield from (Pair(p, None, False) for p in a[i:i_end])
            yield from (Pair(None, q, False) for q in b[j:j_end])


def _wired(pair: Pair, partner: dict[int, int]) -> Pair:
    """A layer that reads another tensor has changed even where it is the same layer.

    Layers put in or taken out in front of it are changes of their own.
    """
    if not (pair.same and pair.old and pair.new):
        return pair
    known = set(partner.values())
    reads = zip(pair.old.reads, pair.new.reads, strict=True)
    moved = any(i in partner and j in known and partner[i] != j for i, j in reads)
    return replace(pair, same=False) if moved else pair


def _places(net: Net, found: Summary) -> list[Place]:
    """The rows of a net in order."""
    graph = net.graph
    rows = {row.path: row for row in found.layers}
    made: list[Place] = []
    at: dict[NodeId, int] = {}
    for path, nodes in groupby(graph.made_by(Layer), key=lambda node: node.path):
        group = list(nodes)
        sources = data(graph, group[0])
        reads = tuple(at[s.id] for s in sources if s.id in at)
        takes = tuple((s.made_by.name, s.type.shape) for s in sources if isinstance(s.made_by, Input))
        gives = tuple(name for name, end in graph.outputs.items() if end in {node.id for node in group})
        at.update({node.id: len(made) for node in group})
        made.append(Place(rows[path], _line(group[0]), len(made), reads, _key(graph, group), takes, gives))
    return made


def _line(node: Node) -> Line:
    source, row = node.span.source, node.span.row
    text = source.text.split("\n")[row - 1].partition("#")[0].partition("->")[0]
    return Line(source.name, row, " ".join(text.split()))


def _key(graph: Graph, nodes: list[Node]) -> Any:
    """What a row computes: layers, shapes that it reads and makes, and how its weights start and are trained."""
    said = tuple(map(_said, (node.made_by for node in nodes)))
    weights = tuple(_said(graph[i].made_by) for n in nodes for i in n.inputs if isinstance(graph[i].made_by, Weight))
    kept = tuple(s for s in said if s is not None)
    return kept, tuple(s.type for s in data(graph, nodes[0])), nodes[-1].type, weights


def _said(made_by: Any) -> Any:
    """What makes a node: a residual is a sum, a pool's stride its kernel; None for what changes nothing."""
    if isinstance(made_by, Weight):
        return replace(made_by, transposes=None, fans=(1, 1))
    if isinstance(made_by, Input):
        return made_by.kind
    if isinstance(made_by, Linear):
        return None
    if getattr(made_by, "stride", ()) is None:
        return replace(made_by, stride=made_by.kernel)
    return Add() if made_by.skips else made_by


def _form(net: Net) -> Any:
    """A graph without names: how often each value is there, told by what it is computed from, and the outputs."""
    keys: dict[NodeId, int] = {}
    count: Counter[int] = Counter()
    for node in net.graph:
        said = _said(node.made_by)
        if said is None:
            keys[node.id] = keys[node.inputs[0]]
            continue
        # equal fields have equal hashes, whatever the class
        keys[node.id] = hash((type(said), said, node.type, tuple(keys[i] for i in node.inputs)))
        count[keys[node.id]] += 1
    return count, {o.name: (keys[o.node], o.side, o.weight, o.loss) for o in net.outputs}
