"""The mask of a ReLU is told by what the norm in front of it read, where a sum on the way out reads that anyway.

before:  y = Map(maximum(f(i0, ...), 0))(x, ...)     d = Region(dz, w, after=where(i2 > 0, y, 0))(dz, w, y)
after:                                               d = Region(dz, w, after=where(f(i2, ...) > 0, y, 0))(dz, w, x, ...)
         where Sum[over=batch](d, x, ...) follows: the gradient by the norm's scale

Both sums of a norm's way back are then taken where their numbers are made, which reads x in the place of y.
"""

from dataclasses import replace

from netlang.formula import Call, Name, Number, Term, names, needs, substitute
from netlang.formula import replace as replaced
from netlang.graph import Graph, Node
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region, made
from netlang.together import summed


def masks(graph: Graph, batch: int) -> Graph:
    """Only where there is one number of full size to be read for the mask."""
    told = Graph(dict(graph.outputs))
    for node in graph:
        region = isinstance(node.made_by, Region) and made(node.made_by)
        source = next((i for i in node.inputs[2:] if region and _told(graph, node, i)), None)
        told.add(node if source is None else _inlined(graph, node, source))
    return told


def _told(graph: Graph, node: Node, mask: str) -> bool:
    """Whether a region reads a value only to ask where it is above 0, and its sums read what that is made of."""
    of = graph[mask]
    term = _positive(of)
    if term is None or needs(term) or of.type != node.type:
        return False
    name = f"i{node.inputs.index(mask)}"
    if name in names(replaced(node.made_by.after, Name(name) > 0, Number(0))):
        return False
    full = {i for i in of.inputs if graph[i].type == of.type}
    read = {i for reader in graph.readers(node.id) if summed(reader) for i in reader.inputs}
    return len(full) == 1 and full <= read


def _positive(of: Node) -> Term | None:
    """What a map is the larger of, and of 0."""
    term = of.made_by.term if isinstance(of.made_by, Map) else None
    if isinstance(term, Call) and term.name == "maximum" and term.args[1] == Number(0):
        return term.args[0]
    return None


def _inlined(graph: Graph, node: Node, mask: str) -> Node:
    of = graph[mask]
    rest = tuple(i for i in node.inputs if i != mask)
    inputs = (*rest, *(i for i in of.inputs if i not in rest))
    term = _positive(of)
    assert term is not None
    inner = substitute(term, {f"i{k}": Name(f"i{inputs.index(i)}") for k, i in enumerate(of.inputs)})
    outer = {f"i{k}": Name(f"i{inputs.index(i)}") for k, i in enumerate(node.inputs) if i != mask}
    asked, held = Name(f"i{node.inputs.index(mask)}") > 0, Name("mask")
    after = replaced(substitute(replaced(node.made_by.after, asked, held), outer), held, inner > 0)
    return replace(node, made_by=replace(node.made_by, after=after), inputs=inputs)
