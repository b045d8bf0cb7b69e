"""Sums and slices of one step read what a scan puts out where it lies; so do weight gradients (`passes/assemble.py`).

before:  p = Piece[start=0, width=384](scan)     db = Sum[over=batch](p)
after:   s = Sum[over=batch](scan)               db = Slice[0, 384](s)

before:  f = Reshape[3840](p)     last = Slice[3456, 3840](f)
after:   f = Reshape[10240](scan)     last = Slice[9216, 9600](f)
"""

from dataclasses import replace

from netlang.formula import Name
from netlang.graph import Graph, Node, NodeId
from netlang.memory import lanes_of
from netlang.primitives.gather.op import Concat, Reshape, Slice
from netlang.primitives.launch import LANES
from netlang.primitives.scan.op import Piece
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass

WHOLE = Sum(Name("i0"), "batch")


def pieces(graph: Graph, batch: int) -> Graph:
    """Pieces that nobody reads any more are left out."""
    parts = {node.id: found for node in graph if (found := parts_of(graph, node))}
    if not parts:
        return graph
    lanes = lanes_of(graph)
    made = Graph(dict(graph.outputs))
    for node in graph:
        found = parts.get(node.inputs[-1], []) if node.inputs and lanes[node.inputs[-1]] == "c" else []
        if len(found) == 1 and node.made_by == WHOLE:
            _summed(made, graph, node, found[0])
        elif of := _step(graph, node, parts):
            _sliced(made, graph, node, *of)
        else:
            made.add(node)
    return without(made, {*parts, *(n.id for n in graph if isinstance(n.made_by, Reshape) and n.inputs[0] in parts)})


@dataclass(frozen=True)
class Part:
    """Some channels of what a scan puts out."""

    scan: NodeId
    start: int
    width: int


def parts_of(graph: Graph, node: Node) -> list[Part]:
    """What a piece, or joined pieces, consist of; neighbours are one. Nothing where one is moved, or cuts a vector."""
    if isinstance(node.made_by, Piece):
        at = node.made_by
        whole = at.shift == 0 and at.start % LANES == 0 and at.width % LANES == 0
        return [Part(node.inputs[0], at.start, at.width)] if whole else []
    if not isinstance(node.made_by, Concat):
        return []
    each = [parts_of(graph, graph[source]) for source in node.inputs]
    joined: list[Part] = []
    for part in (part for found in each for part in found):
        last = joined[-1] if joined else None
        if last and (last.scan, last.start + last.width) == (part.scan, part.start):
            joined[-1] = replace(last, width=last.width + part.width)
        else:
            joined.append(part)
    return joined if all(each) else []


def _step(graph: Graph, node: Node, parts: dict[NodeId, list[Part]]) -> tuple[Part, int] | None:
    """The piece, and the step of it, that a slice of all its steps side by side lies in."""
    flat = graph[node.inputs[0]] if isinstance(node.made_by, Slice) else node
    found = parts.get(flat.inputs[0], []) if isinstance(flat.made_by, Reshape) else []
    if len(found) != 1 or not isinstance(node.made_by, Slice) or len(flat.type.shape) != 2:
        return None
    step, last = node.made_by.start // found[0].width, (node.made_by.stop - 1) // found[0].width
    return (found[0], step) if step == last and graph[found[0].scan].type.channels % LANES == 0 else None


def _summed(made: Graph, graph: Graph, node: Node, part: Part) -> None:
    """All sums of pieces of one scan are slices of one sum."""
    scan = graph[part.scan]
    sums = f"{part.scan}.sums"
    if sums not in made:
        made.add(replace(node, id=sums, inputs=(part.scan,), type=WHOLE.infer(scan.type)))
    made.add(replace(node, made_by=Slice(part.start, part.start + part.width), inputs=(sums,)))


def _sliced(made: Graph, graph: Graph, node: Node, part: Part, step: int) -> None:
    """All such slices of one scan are of one vector."""
    assert isinstance(node.made_by, Slice)
    scan = graph[part.scan]
    _, steps, channels = scan.type.arrayed(0)
    flat = f"{part.scan}.flat"
    if flat not in made:
        form = Reshape((steps * channels,))
        made.add(replace(node, id=flat, made_by=form, inputs=(part.scan,), type=form.infer(scan.type)))
    moved = step * (channels - part.width) + part.start
    made.add(replace(node, made_by=Slice(node.made_by.start + moved, node.made_by.stop + moved), inputs=(flat,)))


def without(graph: Graph, candidates: set[NodeId]) -> Graph:
    """The graph less those of some nodes that nobody reads."""
    kept: list[Node] = []
    wanted = set(graph.outputs.values())
    for node in reversed(graph):
        if node.id in candidates and node.id not in wanted:
            continue
        wanted.update(node.inputs)
        kept.append(node)
    made = Graph(dict(graph.outputs))
    for node in reversed(kept):
        made.add(node)
    return made
