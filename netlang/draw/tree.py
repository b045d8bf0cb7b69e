"""The graph as its file wrote it: every layer drawn once, branches found again, blocks opened to a depth."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from functools import cached_property
from itertools import groupby
from pathlib import PurePath
from typing import Any

import networkx as nx

from netlang.check.counts import data
from netlang.draw.fold import folded, joined, steps
from netlang.draw.parts import End, Fork, Frame, Key, Part, Picture, Repeat, Series, Step, Tap, family, taps
from netlang.graph import Input, Net, Node, NodeId
from netlang.layer import Layer
from netlang.record import dataclass
from netlang.types import shown

Path = tuple[str, ...]
ROOT = ""  # what all inputs come from: no node has this id


@dataclass(frozen=True)
class Unit:
    """What is drawn as one: an input, a layer with its norm and activation, or a copy of a block.

    block: its path, if it is a block; nodes: in order
    before: what is drawn in front: of a merge all that it merges, else one tensor
    beside: what it reads beside that
    """

    block: Path | None
    nodes: tuple[Node, ...]
    before: tuple[NodeId, ...]
    beside: tuple[NodeId, ...]

    @property
    def end(self) -> NodeId:
        """The node that holds the output."""
        return self.nodes[-1].id

    @property
    def merges(self) -> bool:
        """Whether it is a merge of branches."""
        return self.block is None and _merges(self.nodes[0])


def picture(net: Net, depth: int = 0, keys: bool = True) -> Picture:
    """What to draw of a net.

    depth: how many blocks deep blocks are opened; keys: whether each block that is not opened is drawn once beside
    """
    reader = _Reader(net)
    whole = _Level(reader, reader.nodes, (), depth)
    side = {output.name for output in net.outputs if output.side}
    ends = [End(name, name in side, whole.series(node, ROOT)) for name, node in net.graph.outputs.items()]
    for unit in reversed(whole.units):  # what is read only beside other tensors leads to no output of its own
        if unit.end not in whole.seen:
            ends.append(End("", False, whole.series(unit.end, ROOT)))
    ends = [replace(end, series=joined(end.series)) for end in ends]
    read = frozenset(tap.id for end in ends for tap in taps(end.series))
    ends = [replace(end, series=folded(end.series, read)) for end in ends]
    title = net.name + (f":{net.variant}" if net.variant else "")
    return Picture(title, tuple(ends), tuple(_keys(reader, ends)) if keys else ())


def _keys(reader: "_Reader", ends: list[End]) -> Iterator[Key]:
    """The first use of each block that the picture shows by its name, opened; of each form that a block has."""
    told: dict[tuple[str, object], Key] = {}
    waiting = [found for end in ends for found in _firsts(end.series)]
    while waiting:
        first, step, times = waiting.pop(0)
        word = step.text.partition("(")[0]
        if step.block is None or (form := (word, reader.form(step.block))) in told:
            continue
        differ = bool(step.first) or reader.reads(first) != reader.reads(step)
        key = reader.key(first if differ else step)
        copies = f"   first of {times}" if differ else f"   x{times}" if times > 1 else ""
        told[form] = replace(key, title=key.title + copies)
        waiting += _firsts(key.series)
    forms = Counter(word for word, _ in told)
    for (word, _), key in told.items():
        said = forms[word] > 1 or "first of" in key.title
        yield key if said else replace(key, title=key.step.text)


def _firsts(series: Series) -> Iterator[tuple[Step, Step, int]]:
    """Every step that is drawn: of copies of it the first and the last, and how many there are.

    Of a series whose copies differ in size it is the first copy: the frame around it tells the sizes of all.
    """
    for part in series:
        match part:
            case Repeat(copies=((Step() as first,), *_), series=(Step() as last,)):
                yield first, last, part.times
            case Repeat():
                differ = any(step.first for step in steps(part.series))
                yield from _firsts(part.copies[0 if differ else -1])
            case Fork():
                yield from (found for branch in part.branches for found in _firsts(branch))
                yield part.merge, part.merge, 1
            case Frame():
                yield from _firsts(part.series)
            case Step():
                yield part, part, 1


def insides(net: Net, found: Iterable[Step]) -> Iterator[Key]:
    """Each block among these steps opened, and those that it shows in turn."""
    reader = _Reader(net)
    waiting, told = list(found), set[Path]()
    while waiting:
        step = waiting.pop(0)
        if step.block is not None and step.block not in told:
            told.add(step.block)
            key = reader.key(step)
            waiting += steps(key.series)
            yield key


class _Reader:
    """What the levels share: the nodes that are drawn, in order, and those of each block."""

    def __init__(self, net: Net) -> None:
        self.graph, self.calls = net.graph, net.calls
        self.nodes = tuple(node for node in net.graph if isinstance(node.made_by, Layer | Input))
        self.order = {node.id: at for at, node in enumerate(self.nodes)}

    @cached_property
    def blocks(self) -> dict[Path, list[Node]]:
        """The nodes of each copy of a block."""
        found: dict[Path, list[Node]] = {}
        for node in self.nodes:
            for length in range(1, len(node.path) + 1):
                if node.path[:length] in self.calls:
                    found.setdefault(node.path[:length], []).append(node)
        return found

    def inside(self, block: Path) -> tuple[Node, ...]:
        """The nodes of a copy of a block."""
        return tuple(self.blocks[block])

    def contents(self, nodes: tuple[Node, ...]) -> tuple[str, ...]:
        """What nodes do: each with its settings, and with where it reads, counted back; sizes are left out."""
        at = {node.id: k for k, node in enumerate(nodes)}
        return tuple(
            f"{node.made_by} {[k - at[i.id] if i.id in at else 'outside' for i in data(self.graph, node)]}"
            for k, node in enumerate(nodes)
        )

    def reads(self, step: Step) -> tuple[str, ...]:
        """The shapes of what a block reads."""
        nodes = self.blocks[step.block] if step.block is not None else []
        inside = {node.id for node in nodes}
        return tuple(shown(i.type.shape) for n in nodes for i in data(self.graph, n) if i.id not in inside)

    def form(self, block: Path) -> frozenset[object]:
        """What kinds of layers a block has: what each is, its kernel and stride, and what kinds it reads."""
        inside = {node.id: node.made_by for node in self.blocks[block]}
        return frozenset(
            (type(made), *(str(getattr(made, name, "")) for name in ("kernel", "stride")),
             tuple(type(inside.get(i.id)) for i in data(self.graph, self.graph[node])))
            for node, made in inside.items()
        )  # fmt: skip

    def key(self, step: Step) -> Key:
        """A block opened."""
        assert step.block is not None
        level = _Level(self, self.inside(step.block), step.block, 0)
        level.into = max(level.sources, key=self.order.__getitem__, default="")
        series = joined(level.series(step.id, ROOT))
        series = folded(series, frozenset(tap.id for tap in taps(series)))
        if len(level.sources) == 1:
            (source,) = level.sources
            return Key(step, source, shown(self.graph[source].type.shape), series, step.text)
        return Key(step, "", "", series, step.text)

    def units(self, nodes: tuple[Node, ...], path: Path) -> Iterator[Unit]:
        """What the inside of a block, or the whole net, is drawn as."""
        for (block, _), found in groupby(nodes, key=lambda node: self.owner(node, path)):
            together = tuple(found)
            inside = {node.id for node in together}
            reads = [i.id for node in together for i in data(self.graph, node) if i.id not in inside]
            if block is not None:  # what was made last leads into a block; the rest are its `@skip`s
                reads = sorted(set(reads), key=lambda i: -self.order[i])
            count = len(data(self.graph, together[0])) if block is None and _merges(together[0]) else 1
            yield Unit(block, together, tuple(reads[:count]), tuple(dict.fromkeys(reads[count:])))

    def owner(self, node: Node, path: Path) -> tuple[Path | None, Path]:
        """The block right inside `path` that a node stands in, if any, and the path it is drawn by."""
        for length in range(len(path) + 1, len(node.path) + 1):
            if node.path[:length] in self.calls:
                return node.path[:length], node.path[:length]
        return None, node.path


class _Level:
    """The inside of one block, or the whole net: units, read backwards from their results.

    into: the tensor that leads into a block, beside its `@skip`s
    """

    into: NodeId = ""

    def __init__(self, reader: _Reader, nodes: tuple[Node, ...], path: Path, depth: int) -> None:
        self.reader, self.path, self.depth = reader, path, depth
        self.units = list(reader.units(nodes, path))
        self.unit = {unit.end: unit for unit in self.units}
        self.sources = {i for unit in self.units for i in (*unit.before, *unit.beside)} - self.unit.keys()
        self.seen: set[NodeId] = set()
        flow = nx.DiGraph([(i, unit.end) for unit in self.units for i in unit.before])
        flow.add_edges_from([(ROOT, unit.end) for unit in self.units if not unit.before])
        flow.add_edges_from([(ROOT, i) for i in self.sources])
        self.dominator: dict[NodeId, NodeId] = nx.immediate_dominators(flow, ROOT)

    def series(self, end: NodeId, start: NodeId) -> Series:
        """What leads from `start`, not included, to `end`; it begins with a `Tap` where it meets what is drawn."""
        parts: list[Part] = []
        while end not in (start, ROOT):
            if end in self.seen or end in self.sources:
                if end in self.seen or len(self.sources) > 1:
                    parts.append(self.tap(end))
                break
            self.seen.add(end)
            unit = self.unit[end]
            if unit.merges:
                source = self.dominator[end]
                parts.append(Fork(tuple(self.series(i, source) for i in unit.before), self.step(unit)))
                end = source
            else:
                parts.append(self.part(unit))
                end = unit.before[0] if unit.before else ROOT
        return tuple(reversed(parts))

    def part(self, unit: Unit) -> Part:
        """A step, or a block that is opened."""
        step = self.step(unit)
        if unit.block is None or self.depth == 0:
            return step
        inner = _Level(self.reader, unit.nodes, unit.block, self.depth - 1)
        return Frame(step, inner.series(unit.end, ROOT))

    def step(self, unit: Unit) -> Step:
        """How a unit is written."""
        first, *options = unit.nodes
        span = first.span if unit.block is None else self.reader.calls[unit.block]
        made = first.made_by
        return Step(
            text=_text(made, options) if unit.block is None else " ".join(span.text.split()),
            options=tuple(str(node.made_by) for node in options) if unit.block is None else (),
            sizes=unit.nodes[-1].type.shape[1:],
            line=span.row,
            stands=f"{PurePath(span.source.name).name}:{span.row}   {span.source.line(span.row).strip()}",
            family="block" if unit.block else family(made) if isinstance(made, Layer) else "input",
            place=span.start,
            id=unit.end,
            block=unit.block,
            layers=(first.path if unit.block is None else unit.block,),
            also=tuple(self.tap(i) for i in unit.beside),
            recurrence=made.recurrence() if unit.block is None and isinstance(made, Layer) else None,
            inside=() if unit.block is None else self.reader.contents(unit.nodes),
        )

    def tap(self, node: NodeId) -> Tap:
        """A tensor that is drawn elsewhere."""
        found = self.reader.graph[node]
        here = self.path if node in self.unit else ()
        name = self.reader.owner(found, here)[1][len(here) :]
        return Tap(node, "in" if node == self.into else "/".join(name), shown(found.type.shape))


def _merges(node: Node) -> bool:
    return isinstance(node.made_by, Layer) and node.made_by.merge


def _text(made: Any, options: list[Node]) -> str:
    """The layer as the file writes it; that a norm takes its bias away goes without saying."""
    if isinstance(made, Input):
        return "input" if made.name == "input" else f"input @{made.name}"
    if options and getattr(options[0].made_by, "centred", False) and "bias" in {field.name for field in fields(made)}:
        made = replace(made, bias=True)
    return plain(str(made))


def plain(settings: str) -> str:
    """A layer's settings as a file writes them: the bare word for `=yes`, and for a padding."""
    return re.sub(r"=yes\b|\bpad=(?=[a-z])", "", settings)  # `ceil`, `valid`
