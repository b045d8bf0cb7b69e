"""Recurrences read matrices and biases from the weights themselves, not from copies that join, cut or transpose them.

before:  w = Concat(f, i)   u = Rows[64:](w)   Scan[h'·u; h'·u[0:, 512:]](u)     t = Transpose(u)   Scan[d·t](t)
after:   Scan[h'·f[64:]; h'·i[64:]](f, i)                                        Scan[d·fᵀ[0:, 64:]](f)

They are copied once more at the head of the kernel anyway, into the order in which tiles read them.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from netlang.graph import Graph, Node, NodeId
from netlang.passes.pieces import without
from netlang.primitives.gather.op import Concat, Rows, Transpose
from netlang.primitives.launch import LANES
from netlang.primitives.map.op import Map
from netlang.primitives.scan.op import Line, Product, Scan, Shared
from netlang.record import dataclass


@dataclass(frozen=True)
class _Part:
    """Some rows and columns of a matrix, or numbers of a vector, which has one row."""

    node: NodeId
    row: int
    rows: int
    column: int
    columns: int
    turned: bool = False


def matrices(graph: Graph, batch: int) -> Graph:
    """Copies that nobody reads any more are left out."""
    made, gone = Graph(dict(graph.outputs)), set[NodeId]()
    for node in graph:
        if isinstance(node.made_by, Scan):
            moved = _moved(graph, node)
            gone |= {found for i in node.inputs if i not in moved.inputs for found in _copies(graph, i)}
            node = moved
        made.add(node)
    return without(made, gone) if gone else graph


def _moved(graph: Graph, node: Node) -> Node:
    """The recurrence with its products and shared numbers read where they come from."""
    inputs, scan = [*node.inputs], node.made_by

    def operand(source: NodeId) -> int:
        if source not in inputs:
            inputs.append(source)
        return inputs.index(source)

    def multiplied(p: Product, line: Line) -> Product:
        if p.turned:
            return p
        part = _Part(inputs[p.operand], p.row, scan.widths[p.value], p.column, line.width)
        found = _origin(graph, part)
        return replace(p, operand=operand(found.node), row=found.row, column=found.column, turned=found.turned)

    def added(s: Shared) -> Shared:
        found = _origin(graph, _Part(inputs[s.operand], 0, 1, s.start, s.width))
        return replace(s, operand=operand(found.node), start=found.column)

    lines = tuple(replace(n, products=tuple(multiplied(p, n) for p in n.products)) for n in scan.lines)
    shared = tuple(added(s) for s in scan.shared)
    return _pruned(replace(node, made_by=replace(scan, lines=lines, shared=shared), inputs=tuple(inputs)))


def _origin(graph: Graph, part: _Part) -> _Part:
    """The same numbers in what the matrix was put together from, as far back as one source has them all."""
    node = graph[part.node]
    if isinstance(node.made_by, Transpose) and part.rows % LANES == part.columns % LANES == 0:
        found = _origin(graph, _Part(node.inputs[0], part.column, part.columns, part.row, part.rows))
        if not found.turned:
            return _Part(found.node, found.column, found.columns, found.row, found.rows, turned=True)
    if isinstance(node.made_by, Rows):
        first, of = part.row + node.made_by.start, graph[node.inputs[0]]
        if first >= 0 and first + part.rows <= of.type.arrayed(0)[0]:
            return _origin(graph, replace(part, node=of.id, row=first))
    if isinstance(node.made_by, Concat) and not node.type.batched:
        for source, start in _beside(graph, node):
            column = part.column - start
            if column >= 0 and column + part.columns <= graph[source].type.channels and column % LANES == 0:
                return _origin(graph, replace(part, node=source, column=column))
    return part


def _beside(graph: Graph, node: Node) -> Iterator[tuple[NodeId, int]]:
    """What is joined, and the first column of each."""
    starts = accumulate((graph[i].type.channels for i in node.inputs), initial=0)
    return zip(node.inputs, starts, strict=False)


def _pruned(node: Node) -> Node:
    """The recurrence without operands that it does not read."""
    kept = node.made_by.operands
    return replace(node, made_by=node.made_by.on(kept), inputs=tuple(node.inputs[k] for k in kept))


def _copies(graph: Graph, node: NodeId) -> Iterator[NodeId]:
    """The node and what it is put together from, as long as those are copies."""
    if isinstance(graph[node].made_by, Concat | Rows | Transpose | Map):
        yield node
        for source in graph[node].inputs:
            yield from _copies(graph, source)
