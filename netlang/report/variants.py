"""Nets side by side, as papers print the variants of an architecture: VGG's table 1, ResNet's table 1.

A layer without weights that all nets have at the same place (a pool) parts the table; what stands between two of them
is one row for each size of the output, its layers below one another, or a line across all columns where all nets have
the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby

from netlang.check.counts import macs_of
from netlang.graph import Net, Node, NodeId
from netlang.layer import Layer
from netlang.record import dataclass
from netlang.report import branches
from netlang.report.rows import Row, Summary, summary
from netlang.types import Count, Dim, shown

SHORTCUT = "shortcut"  # in the path of a residual's projection, which papers do not print
MOST = 7  # layers of a block, or of a branch, that are written out; of a larger one its call is


@dataclass(frozen=True)
class Item:
    """A step of a net, or a use of a block, in lines. plain: whether it has no weights"""

    text: str
    output: tuple[Dim, ...]
    plain: bool
    block: bool


@dataclass(frozen=True)
class Band:
    """A row of the table. cells: the lines of each net, one cell where `whole`, for all nets

    output: the size behind it where all nets agree, without the batch
    """

    output: tuple[Dim, ...] | None
    cells: tuple[tuple[str, ...], ...]
    whole: bool


@dataclass(frozen=True)
class Variants:
    """The table of some nets as they run.

    names: of the nets; depths: the layers with matrices or filters on their longest way from an input to an output
    """

    names: tuple[str, ...]
    bands: tuple[Band, ...]
    depths: tuple[int, ...]
    parameters: tuple[int, ...]
    macs: tuple[Count, ...]


def side_by_side(nets: Sequence[Net], names: Sequence[str]) -> Variants:
    """The table of some nets, in this order."""
    found = [summary(net) for net in nets]
    items = [[*_inputs(of), *_items(net, of)] for net, of in zip(nets, found, strict=True)]
    return Variants(
        tuple(names),
        tuple(_bands(items)),
        tuple(map(depth, nets)),
        tuple(of.parameters for of in found),
        tuple(of.macs for of in found),
    )


def depth(net: Net) -> int:
    """How many layers with matrices or filters stand behind one another at most, side heads not counted.

    So GoogLeNet is "22 layers deep when counting only layers with parameters" (Szegedy et al. 2015, section 5): of
    branches the longest counts, and so no projection beside the layers of a residual does.
    """
    deep: dict[NodeId, int] = {}
    for node in net.graph:
        weighted = isinstance(node.made_by, Layer) and macs_of(net.graph, node) != 0
        deep[node.id] = weighted + max((deep[source] for source in node.inputs), default=0)
    return max(deep[output] for output in net.running())


def _inputs(found: Summary) -> Iterator[Item]:
    for end in found.inputs:
        yield Item(f"input {shown(('n', *end.shape))}", end.shape, plain=True, block=False)


def _items(net: Net, found: Summary) -> Iterator[Item]:
    """The steps of the file itself; what computes nothing when the net runs (dropout) is left out."""
    nodes: dict[tuple[str, ...], list[Node]] = {}
    for node in net.graph.made_by(Layer):
        nodes.setdefault(node.path, []).append(node)
    before = branches.before(net.graph)
    for group in _steps(net, found.run, nodes):
        output, plain = group[-1].output, not any(row.parameters for row in group)
        if len(group) > 1 or len(group[0].path) > 1:
            yield Item(_block(net, before, group, nodes), output, plain, block=True)
        elif not nodes[group[0].path][0].made_by.transparent:
            yield Item(_layer(group[0], nodes[group[0].path]), output, plain, block=False)


def _layer(row: Row, nodes: list[Node]) -> str:
    """A layer as its file has it, without its norm where numbers stand for names."""
    norms = "".join(f" {node.made_by}" for node in nodes[1:] if node.made_by.norm)
    return _text(nodes[0].span.text, row.layer.removesuffix(norms))


def _block(
    net: Net,
    before: Mapping[NodeId, NodeId | None],
    rows: Sequence[Row],
    nodes: Mapping[tuple[str, ...], Sequence[Node]],
) -> str:
    """A use of a block: its layers with weights or windows, but the projections of shortcuts; else how it is called."""
    says: dict[NodeId, str] = {}
    for row in rows:
        first, *others = nodes[row.path]
        shows = (row.macs != 0 or first.made_by.slides) and SHORTCUT not in row.path
        says |= {first.id: _layer(row, [first, *others]) if shows else "", **dict.fromkeys((n.id for n in others), "")}
    series = branches.Block(net.graph, before, says).series(nodes[rows[-1].path][-1].id)
    if series and (lines := branches.lines(series, MOST)):
        return "\n".join(lines)
    call = net.calls.get(rows[-1].path[:1])
    return call.text if call else f"{nodes[rows[-1].path][0].made_by.word}[...]"


def _steps(net: Net, rows: Sequence[Row], nodes: Mapping[tuple[str, ...], Sequence[Node]]) -> list[list[Row]]:
    """The rows of each step of the file: of a layer, a use of a block, or a merge with all that its brackets hold."""
    found: list[list[Row]] = []
    outer = None
    for path, group in groupby(reversed(rows), key=lambda row: row.path[:1]):
        inside = list(group)[::-1]
        span = net.calls.get(path) or nodes[inside[-1].path][0].span
        if outer and span.source is outer.source and outer.start < span.start and span.end <= outer.end:
            found[-1] = [*inside, *found[-1]]
        else:
            outer = span
            found.append(inside)
    return found[::-1]


def _text(written: str, canonical: str) -> str:
    """A layer as its file has it, but for names in it that stand for numbers."""
    first, _, rest = written.partition(" ")
    named = re.search(r"[-/=(]\s*[A-Za-z_(]", first) or re.search(r"=\s*[A-Za-z_(]|\(", rest)
    return canonical if named or "[" in written else written


def _bands(nets: list[list[Item]]) -> Iterator[Band]:
    at = [0] * len(nets)
    for anchor in [*_anchors(nets), None]:
        ends = [len(items) if anchor is None else anchor[k] for k, items in enumerate(nets)]
        yield from _between([items[start:end] for items, start, end in zip(nets, at, ends, strict=True)])
        if anchor is not None:
            yield _whole([[items[k]] for items, k in zip(nets, anchor, strict=True)])
            at = [end + 1 for end in ends]


def _anchors(nets: list[list[Item]]) -> list[tuple[int, ...]]:
    """Where all nets have the same layer without weights: its place in each."""
    places = [[k for k, item in enumerate(items) if item.plain] for items in nets]
    found: list[tuple[int, ...]] = [(k,) for k in places[0]]
    for items, there in zip(nets[1:], places[1:], strict=True):
        mine, other = [nets[0][p[0]].text for p in found], [items[k].text for k in there]
        blocks = SequenceMatcher(None, mine, other, autojunk=False).get_matching_blocks()
        pairs = [(b.a + k, b.b + k) for b in blocks for k in range(b.size)]
        found = [(*found[a], there[b]) for a, b in pairs]
    return found


def _between(parts: list[list[Item]]) -> Iterator[Band]:
    """What stands between two anchors."""
    if not any(parts):
        return
    if all([item.text for item in part] == [item.text for item in parts[0]] for part in parts):
        for _, alike in groupby(range(len(parts[0])), key=lambda k: (parts[0][k].text, parts[0][k].output)):
            run = list(alike)
            yield _whole([part[run[0] : run[-1] + 1] for part in parts])
        return
    sizes = [[size for size, _ in groupby(part, key=lambda item: item.output[:-1])] for part in parts]
    stages = sizes[0] if all(s == sizes[0] for s in sizes) else [None]
    for k, size in enumerate(stages):
        cells = parts
        if size is not None:
            cells = [list([list(g) for _, g in groupby(part, key=lambda item: item.output[:-1])][k]) for part in parts]
        ends = {cell[-1].output if cell else None for cell in cells}
        yield Band(ends.pop() if len(ends) == 1 else None, tuple(tuple(_lines(cell)) for cell in cells), whole=False)


def _whole(same: list[list[Item]]) -> Band:
    """A line across the columns; same: the items of each net."""
    ends = {items[-1].output for items in same}
    return Band(ends.pop() if len(ends) == 1 else None, (tuple(_lines(same[0])),), whole=True)


def _lines(items: list[Item]) -> Iterator[str]:
    """One line a layer, as papers stack them; uses of a block that are alike are counted."""
    for text, same in groupby(items, key=lambda item: item.text):
        alike = list(same)
        if alike[0].block:
            yield from (f"{text} x{len(alike)}" if len(alike) > 1 else text).split("\n")
        else:
            yield from [text] * len(alike)


def text(found: Variants) -> str:
    """For the terminal: a column for each net, lines across where all have the same."""
    outputs = [shown(("n", *band.output)) if band.output else "" for band in found.bands]
    first = max(len("weight layers"), *map(len, outputs))
    cells = [band.cells for band in found.bands if not band.whole]
    foot = footing(found)
    widths = [
        max(map(len, [name, *(line for row in cells for line in row[k]), *(parts[k] for _, parts in foot)]))
        for k, name in enumerate(found.names)
    ]
    common = [line for band in found.bands if band.whole for line in band.cells[0]]
    across = max([sum(widths) + 3 * (len(widths) - 1), *map(len, common)])
    widths[-1] += across - sum(widths) - 3 * (len(widths) - 1)

    def line(head: str, parts: Sequence[str]) -> str:
        return f"{head:<{first}} │ " + " │ ".join(p.ljust(w) for p, w in zip(parts, widths, strict=True)).rstrip()

    rule = "─" * (first + 1) + "┼" + "─" * (across + 2)
    lines = [line("output", found.names), rule]
    for band, output in zip(found.bands, outputs, strict=True):
        if band.whole:
            lines += [f"{head:<{first}} │ {said.center(across)}".rstrip() for head, said in _stacked(output, band)]
        else:
            height = max(map(len, band.cells))
            for k in range(height):
                parts = [cell[k] if k < len(cell) else "" for cell in band.cells]
                lines.append(line(output if k == 0 else "", parts))
        lines.append(rule)
    return "\n".join([*lines, *(line(head, parts) for head, parts in foot)])


def _stacked(output: str, band: Band) -> Iterator[tuple[str, str]]:
    wide = max(map(len, band.cells[0]))
    for k, said in enumerate(band.cells[0]):
        yield output if k == 0 else "", said.ljust(wide)


def footing(found: Variants) -> list[tuple[str, list[str]]]:
    """The rows below the layers."""
    return [
        ("weight layers", [str(depth) for depth in found.depths]),
        ("parameters", [f"{count:,}" for count in found.parameters]),
        ("MACs", [f"{count:,}" for count in found.macs]),
    ]


def markdown(found: Variants) -> str:
    """A table for Markdown: what all nets have stands in every column."""
    count = len(found.names)
    rows = [["output", *found.names], ["---"] * (count + 1)]
    for band in found.bands:
        cells = ["<br>".join(cell).replace("|", r"\|") for cell in band.cells]
        rows.append([shown(("n", *band.output)) if band.output else "", *(cells * count if band.whole else cells)])
    rows += [[head, *parts] for head, parts in footing(found)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
