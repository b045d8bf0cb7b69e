"""The graph as its file wrote it: series of steps, branches side by side, repeats folded."""

from dataclasses import dataclass, fields
from itertools import groupby

import networkx as nx

from netlang.check.counts import data
from netlang.graph import Graph, Input, Net, Node, NodeId
from netlang.layer import Layer, Weight
from netlang.types import shown


@dataclass(frozen=True)
class Step:
    """One layer. text: as the file would write it; shape: of its output; line: of the file; family: see `family`."""

    text: str
    activation: str | None
    shape: str
    line: int
    family: str
    place: int  # where it is written: copies of a repeat share it


@dataclass(frozen=True)
class Fork:
    """Branches that read the same tensor, and the layer that merges them."""

    branches: tuple["Series", ...]
    merge: Step


@dataclass(frozen=True)
class Repeat:
    """A series that stands `times` times."""

    series: "Series"
    times: int


Part = Step | Fork | Repeat
LONGEST = 200  # steps of a group that is still recognised as repeated
Series = tuple[Part, ...]


@dataclass(frozen=True)
class Picture:
    """All there is to draw: the shape of the input, and what follows."""

    title: str
    input: str
    series: Series


def picture(net: Net) -> Picture:
    """What to draw of a net."""
    graph = net.graph
    start = next(graph.made_by(Input))
    end = next(iter(graph.outputs.values()))
    title = net.name + (f":{net.variant}" if net.variant else "")
    return Picture(title, shown(start.type.shape), _Reader(graph, start.id).series(end, start.id))


def family(layer: Layer) -> str:
    """By what it does, never by its name: "window" and "full" train weights, "pool" slides without, ..."""
    names = {field.name for field in fields(layer)}
    if layer.merge:
        return "merge"
    if "kernel" in names:
        return "window" if "width" in names else "pool"
    if "width" in names:
        return "full"
    return "activation" if layer.activation or layer.settles else "other"


def line_of(part: Part) -> int | None:
    """The line of the file a part is drawn with; None for branches and for repeats of several steps."""
    match part:
        case Step():
            return part.line
        case Repeat(series=(Step() as only,)):
            return only.line
    return None


def shape_of(part: Part) -> str:
    """The shape a part gives."""
    match part:
        case Step():
            return part.shape
        case Fork():
            return part.merge.shape
        case Repeat():
            return shape_of(part.series[-1])


class _Reader:
    """Reads the graph backwards: what stands between a merge and its immediate dominator are its branches."""

    def __init__(self, graph: Graph, start: NodeId) -> None:
        self.rows = {row[-1].id: row for row in _rows(graph)}
        self.before = {end: [n.id for n in data(graph, row[0])] for end, row in self.rows.items()}
        flow = nx.DiGraph([(i, end) for end, inputs in self.before.items() for i in inputs])
        flow.add_node(start)
        self.dominator: dict[NodeId, NodeId] = nx.immediate_dominators(flow, start)  # type: ignore[no-untyped-call]

    def series(self, end: NodeId, start: NodeId) -> Series:
        """What leads from `start`, not included, to `end`."""
        parts: list[Part] = []
        while end != start:
            row, inputs = self.rows[end], self.before[end]
            step = _step(row)
            if row[0].made_by.merge:
                source = self.dominator[end]
                parts.append(Fork(tuple(self.series(i, source) for i in inputs), step))
                end = source
            else:
                parts.append(step)
                end = inputs[0]
        return folded(tuple(reversed(parts)))


def _rows(graph: Graph) -> list[list[Node]]:
    """Each layer with its activation."""
    return [list(nodes) for _, nodes in groupby(graph.made_by(Layer), key=lambda node: node.path)]


def _step(row: list[Node]) -> Step:
    first, last = row[0], row[-1]
    assert not isinstance(first.made_by, Weight)
    return Step(
        text=str(first.made_by),
        activation=str(last.made_by) if len(row) > 1 else None,
        shape=shown(last.type.shape),
        line=first.span.row,
        family=family(first.made_by),
        place=first.span.start,
    )


def folded(series: Series) -> Series:
    """The series with what is written once and repeated as a `Repeat`, the inner repeats first."""
    while (shorter := _folded_once(series)) != series:
        series = shorter
    return series


def _folded_once(series: Series) -> Series:
    done: list[Part] = []
    at = 0
    while at < len(series):
        period, times = _copies(series, at)
        last = series[at + period * (times - 1) : at + period * times]
        done += [Repeat(last, times)] if times > 1 else last
        at += period * times
    return tuple(done)


def _copies(series: Series, at: int) -> tuple[int, int]:
    """The shortest period that repeats from here, and how often it stands; (1, 1) if nothing repeats."""
    key = _key(series[at])
    for period in range(1, min(LONGEST, (len(series) - at) // 2) + 1):
        if _key(series[at + period]) != key:
            continue
        block = [_key(part) for part in series[at : at + period]]
        times = 1
        while [_key(p) for p in series[at + period * times : at + period * (times + 1)]] == block:
            times += 1
        if times > 1:
            return period, times
    return 1, 1


def _key(part: Part) -> object:
    """What two copies of a step share: the place in the text and the settings, not the shape."""
    match part:
        case Step():
            return part.place, part.text, part.activation
        case Fork():
            return _key(part.merge), tuple(tuple(map(_key, branch)) for branch in part.branches)
        case Repeat():
            return part.times, tuple(map(_key, part.series))
