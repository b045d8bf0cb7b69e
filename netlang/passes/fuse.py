"""Formulas move into the launch that makes, or reads, their operand: everything that only moves bytes.

before:  z = Contraction(x, w)     s = Map(i0 + i1)(z, b)     y = Map(tanh(i0))(s)
after:   y = Region(Contraction, after=tanh(y + i2))(x, w, b)
"""

from collections.abc import Callable
from dataclasses import replace

from netlang.formula import Name, Term, names, needs, substitute
from netlang.graph import Graph, Node
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.unshared.op import Unshared
from netlang.primitives.window.op import Window
from netlang.primitives.winograd.op import Winograd

Rule = Callable[[Node, Node], Node | None]  # (source, its only reader) -> the two as one, if they can be


def fuse(graph: Graph, batch: int) -> Graph:
    """Maps join the maps and sums that alone read them, then the contraction or window they alone read."""
    joined = _merge(graph, _into_reader)
    return _merge(joined, _after_anchor)


def _merge(graph: Graph, rule: Rule) -> Graph:
    """A new graph in which each node has swallowed the operands that `rule` lets it swallow."""
    fused = Graph()
    swallowed = set[str]()
    made: dict[str, Node] = {}
    for node in graph:
        merged = node
        while (found := _swallow(graph, made, merged, rule)) is not None:
            merged, gone = found
            swallowed.add(gone)
        made[node.id] = merged
    for node in made.values():
        if node.id not in swallowed:
            fused.add(node)
    fused.outputs.update(graph.outputs)
    return fused


def _swallow(graph: Graph, made: dict[str, Node], reader: Node, rule: Rule) -> tuple[Node, str] | None:
    for source in reader.inputs:
        alone = len({r.id for r in graph.readers(source)}) == 1 and source not in graph.outputs.values()
        if alone and source in made and made[source].type == _full(graph, reader):
            merged = _shaped(graph, rule(made[source], reader))
            if merged is not None and _full(graph, merged) == _full(graph, reader):  # a sum must not lose its shape
                return merged, source
    return None


def _shaped(graph: Graph, merged: Node | None) -> Node | None:
    """A map that has swallowed the spreading of its operand does the spreading."""
    if merged is None or not isinstance(merged.made_by, Map):
        return merged
    types = [graph[i].type for i in merged.inputs]
    if merged.made_by.infer(*types) == merged.type:
        return merged
    return replace(merged, made_by=replace(merged.made_by, shape=merged.type.shape))


def _full(graph: Graph, reader: Node) -> object:
    """The type over which a reader's formula runs."""
    if isinstance(reader.made_by, Sum):
        types = [graph[i].type for i in reader.inputs]
        return max((t for t in types if t.batched), key=lambda t: t.size, default=types[0])
    return reader.type


def _into_reader(source: Node, reader: Node) -> Node | None:
    """Map -> Map or Sum: the source's formula takes the place of its name."""
    if not (isinstance(source.made_by, Map) and isinstance(reader.made_by, (Map, Sum))):
        return None
    rest = tuple(i for i in reader.inputs if i != source.id)
    inputs = (*rest, *(i for i in source.inputs if i not in rest))
    inner = _renamed(source.made_by.term, source.inputs, inputs)
    outer = {f"i{k}": inner if i == source.id else Name(f"i{inputs.index(i)}") for k, i in enumerate(reader.inputs)}
    term = substitute(reader.made_by.term, outer)
    return replace(reader, made_by=replace(reader.made_by, term=term), inputs=inputs)


def _after_anchor(source: Node, reader: Node) -> Node | None:
    """Contraction or Window -> Map: the formula runs where the anchor's result leaves its registers."""
    anchor = source.made_by
    if not isinstance(reader.made_by, Map) or not _takes_after(anchor) or needs(reader.made_by.term):
        return None
    inputs = (*source.inputs, *(i for i in reader.inputs if i != source.id and i not in source.inputs))
    names_ = {
        f"i{k}": Name("y") if i == source.id else Name(f"i{inputs.index(i)}") for k, i in enumerate(reader.inputs)
    }
    before = tuple(Name(f"i{k}") for k in range(len(source.inputs)))
    region = Region(anchor, before, substitute(reader.made_by.term, names_))
    return replace(reader, made_by=region, inputs=inputs)


def _takes_after(anchor: object) -> bool:
    """A weight gradient is a sum over pixels that is complete only at the end of its launch: it takes none."""
    return isinstance(anchor, Window | Winograd) or (
        isinstance(anchor, Contraction | Grouped | Unshared) and anchor.role != "weight"
    )


def _renamed(term: Term, old: tuple[str, ...], new: tuple[str, ...]) -> Term:
    return substitute(term, {f"i{k}": Name(f"i{new.index(i)}") for k, i in enumerate(old) if f"i{k}" in names(term)})
