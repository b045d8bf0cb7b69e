"""What is computed in one launch: sums over the batch that read the same numbers, and the product that makes these;
and on the CPU what is made row by row of the same rows, as softmax and its loss are.

before:           z = Region(x, w)    s = Sum(z)    m = Map(s)    q = Squares(z, m)    v = Map(q)
after:            z, s, q = Region(x, w)            m, v = Map(s, q)

before:           m = Sum[max, channel](x)   s = Sum[channel](x, m)   y = Map(x, m, s)
after:            m, s, y = Sum(x), Sum(x, m), Map(x, m, s), one after the other
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from netlang.formula import Name, Term, substitute
from netlang.graph import Graph, Node
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import broadcast
from netlang.primitives.region.op import Region, made
from netlang.primitives.sum.op import Squares, Sum
from netlang.primitives.winograd.op import Winograd

Group = list[Node]
MOST = 8  # of a launch: on CUDA all maps of a net, as evaluation has them, took more than the registers


def together(
    graph: Graph, nodes: list[Node], root: Callable[[str], str], lanes: Mapping[str, str], device: str
) -> list[Group]:
    """The nodes in an order in which each input is ready, those of a list in one launch.

    The first may be a product, and the others its sums; squares are taken with the sum that their mean is made of. Of
    sums alone, on the CPU the last of them reads all that the others read.
    root: the node whose buffer another one's is; lanes: of each node
    """
    when = {node.id: k for k, node in enumerate(nodes)}
    joined: dict[str, Group] = {}
    taken = set[str]()

    def ready(node: Node, first: Node) -> bool:
        early = (i for i in node.inputs if i != first.id)
        return node.id not in taken and all(when.get(root(i), -1) < when[first.id] for i in early)

    for node in nodes:
        product = made(node.made_by) and _sums_leave(node, lanes[node.id], device)
        if node.id in taken or not (summed(node) or product):
            continue
        group = [node]
        found = [other for other in _alike(graph, node) if ready(other, node)]
        if product and device == "cpu" and not _read_anyway(graph, node, found):
            continue
        for other in found:
            if product or device == "cuda" or set(group[-1].inputs) <= set(other.inputs):
                group.append(other)
        if product or device == "cuda":
            group += [q for q in _squares(graph, group) if q.id not in taken]
        joined[node.id] = group
        taken.update(each.id for each in group[1:])
    groups = [joined.get(node.id, [node]) for node in nodes if node.id not in taken]
    if device == "cpu":
        groups = _gathered(groups, root, rowwise, partial(_of_rows, graph, lanes))
    return _gathered(groups, root, _small, partial(_of_channels, device))


def _gathered(
    groups: list[Group],
    root: Callable[[str], str],
    begins: Callable[[Node], bool],
    joins: Callable[[Group, Node], bool],
) -> list[Group]:
    """The groups, those of single nodes in an earlier one that they join, if what they read is there by then."""
    when = {node.id: k for k, group in enumerate(groups) for node in group}
    taken = set[int]()
    for k, group in enumerate(groups):
        for later in range(k + 1, len(groups)) if k not in taken and begins(group[0]) else ():
            node, *others = groups[later]
            if others or later in taken or len(group) == MOST or not joins(group, node):
                continue
            own = {each.id for each in group}
            if all(i in own or when.get(root(i), -1) < k for i in node.inputs):
                group.append(node)
                taken.add(later)
    return [group for k, group in enumerate(groups) if k not in taken]


def _of_channels(device: str, group: Group, node: Node) -> bool:
    """Whether both are maps of a number per channel, as statistics are.

    On the CPU those of one layer: whatever came together would be a kernel of its own.
    """
    first = group[0]
    return _small(node) and node.type == first.type and (device == "cuda" or node.path == first.path)


def rowwise(node: Node) -> bool:
    """Whether it is a number per row, a sum of channels or the largest; what is made of it may be made beside it."""
    return isinstance(node.made_by, Sum) and node.made_by.over == "channel"


def _of_rows(graph: Graph, lanes: Mapping[str, str], group: Group, node: Node) -> bool:
    """Whether a node makes a number of the rows of a group, or a row with the help of one."""
    first, of = group[0], [each.id for each in group if each.id in node.inputs]
    alike = node.type.batched and node.type.positions == first.type.positions and lanes[node.id] == lanes[first.id]
    channels = {node.type.channels, *(graph[i].type.channels for i in of)}
    return bool(of) and alike and (rowwise(node) or (type(node.made_by) is Map and 1 in channels))


def _small(node: Node) -> bool:
    return type(node.made_by) is Map and not node.type.batched and len(node.type.shape) == 1


def summed(node: Node) -> bool:
    """Whether a node is a sum over the batch."""
    return isinstance(node.made_by, Sum) and node.made_by.over == "batch" and node.made_by.how == "sum"


def _sums_leave(node: Node, lanes: str, device: str) -> bool:
    """Whether a product's kernel takes sums: on the CPU those of images and sequences, channels in the lanes."""
    if device == "cuda":
        return not isinstance(node.made_by.anchor if isinstance(node.made_by, Region) else node.made_by, Grouped)
    return lanes == "c" and len(node.type.shape) > 2


def _read_anyway(graph: Graph, product: Node, sums: list[Node]) -> bool:
    """Whether sums read no further numbers of full size than the product's formula does.

    A pass of its own reads those twice as fast as a product, which asks for a tile's at a time.
    """
    full = {i for s in sums for i in s.inputs if graph[i].type == product.type}
    return full <= {product.id, *product.inputs}


def _alike(graph: Graph, node: Node) -> Iterator[Node]:
    """Sums of as many numbers that read the product; or one of the operands of this sum."""
    full = node.type if made(node.made_by) else _full(graph, node)
    sources = (node.id,) if made(node.made_by) else node.inputs
    found = {r.id: r for i in sources for r in graph.readers(i) if r.id != node.id and summed(r)}
    return (r for r in found.values() if _full(graph, r) == full)


def _squares(graph: Graph, group: Group) -> Iterator[Node]:
    """The squares of distances from the mean that go with a sum of the group."""
    for plain in group:
        if plain.made_by == Sum(Name("i0"), "batch"):
            readers = graph.readers(plain.inputs[0])
            yield from (r for r in readers if isinstance(r.made_by, Squares) and r.inputs[0] == plain.inputs[0])


def _full(graph: Graph, node: Node) -> object:
    return broadcast(*(graph[i].type for i in node.inputs))


def read(group: Group) -> tuple[str, ...]:
    """What a launch reads: of a product first its factors; squares with their sum do not read the mean.

    What one of its nodes makes no other reads from memory.
    """
    first = group[0]
    if len(group) == 1:
        return first.inputs
    inputs = [n.inputs[:1] if with_sum(n, group) else n.inputs for n in group]
    order = reversed(inputs) if summed(first) else inputs
    own = {node.id for node in group}
    return tuple(i for i in dict.fromkeys(i for each in order for i in each) if i not in own)


def with_sum(node: Node, group: Group) -> bool:
    """Whether these are squares that go with a sum of their launch."""
    sums = (n for n in group if n.made_by == Sum(Name("i0"), "batch"))
    return isinstance(node.made_by, Squares) and any(n.inputs[0] == node.inputs[0] for n in sums)


def first_of(group: Group) -> Any:
    """The primitive of a launch, in the names of what it reads."""
    node = group[0]
    if isinstance(node.made_by, Contraction | Grouped | Winograd) and len(group) > 1:
        return Region(node.made_by, (Name("i0"), Name("i1")), Name("y"))
    if made(node.made_by) or node.inputs == read(group):
        return node.made_by
    return replace(node.made_by, term=_term(node, group))


def further_of(group: Group) -> list[tuple[Term, bool]]:
    """What else a launch makes, and whether it is squares."""
    return [(_term(node, group), with_sum(node, group)) for node in group[1:]]


def _term(node: Node, group: Group) -> Term:
    """What a node makes, in the names of what the launch reads; `y` is what a product makes."""
    if node is group[0] and made(node.made_by):
        return Name("y")
    inputs, nodes = read(group), {each.id: each for each in group}
    names: Mapping[str, Term] = {
        f"i{k}": Name(f"i{inputs.index(i)}") if i in inputs else _term(nodes[i], group)
        for k, i in enumerate(node.inputs[:1] if with_sum(node, group) else node.inputs)
    }
    term = Name("i0") if with_sum(node, group) else node.made_by.term
    return substitute(term, dict(names))
