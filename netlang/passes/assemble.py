"""The gradient of a weight of a recurrence is one product, not parts that are cut, moved and added up.

before:  a = Contraction[role=weight](x, p)   b = Contraction[role=weight](h, p)     p: pieces of what a scan puts out
         d = Slice(Rows(a) + Rows(b))
after:   d = Contraction[role=weight, channels=0,512](x, h, scan)

Where several matrices are columns of one, each has a product of its own, whose columns lie where they are wanted.
"""

from collections.abc import Iterable
from dataclasses import replace

from netlang.formula import Name
from netlang.graph import Graph, Node, NodeId
from netlang.memory import lanes_of
from netlang.passes.pieces import Part, parts_of, without
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Rows, Slice
from netlang.primitives.launch import LANES
from netlang.primitives.map.op import Map
from netlang.primitives.scan.op import Scan
from netlang.record import dataclass

ADDED = Name("i0") + Name("i1")


@dataclass(frozen=True)
class _Block:
    """A product of x and a part of a scan, from a row and a column of a matrix on."""

    row: int
    rows: int
    column: int
    x: NodeId
    part: Part


Blocks = tuple[_Block, ...]


def assemble(graph: Graph, batch: int) -> Graph:
    """What is read of such matrices as a whole is computed as a whole, if it has no gaps."""
    if not any(True for _ in graph.made_by(Scan)):
        return graph
    lanes = lanes_of(graph)
    blocks: dict[NodeId, Blocks] = {}
    for node in graph:
        if found := _blocks(graph, node, blocks, lanes):
            blocks[node.id] = found
    made = Graph(dict(graph.outputs))
    for node in graph:
        readers = [r.id for r in graph.readers(node.id)] or [""]
        whole = node.id in blocks and any(reader not in blocks for reader in readers)
        product = _product(graph, node, blocks[node.id]) if whole else None
        made.add(product or node)
    return without(made, {*blocks, *_joined(graph, blocks)})


def _blocks(graph: Graph, node: Node, known: dict[NodeId, Blocks], lanes: dict[NodeId, str]) -> Blocks:
    """What a matrix consists of; nothing where it is made in another way."""
    if isinstance(node.made_by, Contraction):
        return _multiplied(graph, node) if node.made_by.flat and lanes[node.inputs[0]] == "c" else ()
    read = [known.get(i, ()) for i in node.inputs]
    if not read or not all(read) or len(node.type.shape) != 2:
        return ()
    match node.made_by:
        case Slice(start, stop):
            return tuple(_cut(read[0], start, stop))
        case Rows(start, rows):
            moved = tuple(replace(block, row=block.row - start) for block in read[0])
            return moved if all(b.row >= 0 and b.row + b.rows <= rows for b in moved) else ()
        case Concat():
            return tuple(_beside(graph, node, read))
        case Map(term=term) if term == ADDED:
            return tuple(block for each in read for block in each)
    return ()


def _multiplied(graph: Graph, node: Node) -> Blocks:
    """The product of a sequence and what a scan puts out, or parts of that."""
    x, dy = (graph[i] for i in node.inputs)
    whole = [Part(dy.id, 0, dy.type.channels)] if isinstance(dy.made_by, Scan) else []
    found, column = list[_Block](), 0
    for part in parts_of(graph, dy) or whole:
        found.append(_Block(0, x.type.channels, column, x.id, part))
        column += part.width
    return tuple(found)


def _cut(blocks: Blocks, start: int, stop: int) -> Iterable[_Block]:
    for block in blocks:
        low, high = max(start, block.column), min(stop, block.column + block.part.width)
        if low < high:
            part = replace(block.part, start=block.part.start + low - block.column, width=high - low)
            yield replace(block, column=low - start, part=part)


def _beside(graph: Graph, node: Node, read: list[Blocks]) -> Iterable[_Block]:
    column = 0
    for source, blocks in zip(node.inputs, read, strict=True):
        yield from (replace(block, column=block.column + column) for block in blocks)
        column += graph[source].type.channels


def _product(graph: Graph, node: Node, blocks: Blocks) -> Node | None:
    """The node as one product, if its blocks lie one above the other, as wide as it is."""
    rows, channels = node.type.arrayed(0)
    ordered = sorted(blocks, key=lambda block: block.row)
    below = [*(block.row for block in ordered[1:]), rows]
    parts = {(block.column, block.part) for block in ordered}
    part = ordered[0].part
    gapless = ordered[0].row == 0 and all(b.row + b.rows == row for b, row in zip(ordered, below, strict=True))
    if not gapless or len(parts) > 1 or part.width != channels or part.start % LANES:
        return None
    size = (1, graph[part.scan].type.arrayed(0)[1])
    made_by = Contraction("weight", size=size, channels=(part.start, part.width))
    return replace(node, made_by=made_by, inputs=(*(block.x for block in ordered), part.scan))


def _joined(graph: Graph, blocks: dict[NodeId, Blocks]) -> set[NodeId]:
    """The joined pieces that products read."""
    return {node.inputs[-1] for node in graph if node.id in blocks and isinstance(node.made_by, Contraction)}
