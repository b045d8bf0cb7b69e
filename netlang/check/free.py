"""A net for other sizes of its inputs: every layer is fitted anew (RULINGS 35).

    netlang.check.sized(net, {"H": 32, "W": 32}) -> Net                 sizes that were left open
    netlang.check.refitted(net, {"input": (32, 32, 3)}) -> Net          inputs of other sizes than the file says

The layers stay the same: a shortcut that is a projection for open sizes is one for all of them. What was right for some
sizes only ("needs H even") is an error where it is not right for these. Weights change where a layer's depend on the
size of what it reads, which cannot be where sizes are open.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netlang import sizes
from netlang.check.build import bounded
from netlang.check.inputs import LARGEST
from netlang.check.problems import Problems
from netlang.diagnostics import NetError, either, error
from netlang.graph import Graph, Input, Net, Node
from netlang.layer import Layer, Misfit, Weight
from netlang.source import Source, Span
from netlang.types import BATCH, Dim, shown


def sized(net: Net, values: Mapping[str, int]) -> Net:
    """The net for these sizes, one for each letter. Raises NetError for all lines that they do not suit."""
    _known(net, values)
    shapes = {
        node.id: tuple(sizes.fixed(dim, values) for dim in node.type.shape[1:]) for node in net.graph.made_by(Input)
    }
    return _fitted(net, shapes, ", ".join(f"{name}={value}" for name, value in values.items()))


def refitted(net: Net, shapes: Mapping[str, tuple[int, ...]]) -> Net:
    """The net for inputs of these shapes, by their names; the others stay. Raises NetError for what does not suit."""
    whole = {node.id: shapes.get(node.id, node.type.shape[1:]) for node in net.graph.made_by(Input)}
    return _fitted(net, whole, ", ".join(f"{name} {shown((BATCH, *shape))}" for name, shape in shapes.items()))


def suited(net: Net, tried: Iterable[int]) -> tuple[Net, dict[str, int]]:
    """The net with its open sizes chosen, all the first of these numbers that suits; as it is where none does."""
    for size in tried if letters(net) else ():
        values = dict.fromkeys(letters(net), size)
        try:
            return sized(net, values), values
        except NetError:
            continue
    return net, {}


def _fitted(net: Net, shapes: Mapping[str, tuple[Dim, ...]], said: str) -> Net:
    """The net for these shapes of its inputs. said: the shapes, for messages"""
    problems = Problems()
    made = Graph(dict(net.graph.outputs))
    nodes: dict[str, Node | None] = {}
    for node in net.graph:
        nodes[node.id] = None
        with problems.collected():
            nodes[node.id] = fitted = _node(net, node, shapes, nodes, said)
            if fitted is not None and not problems.errors:
                made.add(fitted)
    problems.settle()
    return replace(net, graph=made)


def letters(net: Net) -> tuple[str, ...]:
    """The letters of the sizes that are not fixed yet."""
    return sizes.letters(*(dim for node in net.graph.made_by(Input) for dim in node.type.shape[1:]))


def _known(net: Net, values: Mapping[str, int]) -> None:
    """Raise NetError unless there is a size for each letter, and no other."""
    wanted = letters(net)
    for name, value in values.items():
        span = _said(name, value)
        if name not in wanted:
            there = f"there are {either(wanted, 'and')}" if wanted else "its sizes are all fixed"
            raise error("set", f"{net.name} has no size `{name}`", span, help=there)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            raise error("set", f"a size is a whole number from 1 to {LARGEST:,}", span)
    if missing := [name for name in wanted if name not in values]:
        start = next(node for node in net.graph.made_by(Input) if missing[0] in sizes.letters(*node.type.shape[1:]))
        raise error("set", f"the size `{missing[0]}` is not fixed", start.span, help=f"give it as `{missing[0]}=64`")


def _node(
    net: Net, node: Node, shapes: Mapping[str, tuple[Dim, ...]], nodes: Mapping[str, Node | None], said: str
) -> Node | None:
    """The node, fitted anew; None where what it reads is wrong already."""
    if isinstance(node.made_by, Input):
        return replace(node, type=replace(node.type, shape=(BATCH, *shapes[node.id])))
    layer = node if isinstance(node.made_by, Layer) else net.graph.readers(node.id)[0]
    read = [nodes[i] for i in layer.inputs if not isinstance(net.graph[i].made_by, Weight)]
    inputs = [source.type for source in read if source is not None]
    if len(inputs) < len(read):
        return None
    try:
        found = layer.made_by.fitted(*inputs)
        bounded(found, "an output")
    except Misfit as misfit:
        if layer is not node:
            return None  # the layer itself tells
        got = " and ".join(shown(type_.shape) for type_ in inputs)
        raise error("shape", f"{misfit}, with {said}", layer.span, f"gets {got}", help=misfit.help) from None
    if layer is not node:
        return _weight(node, next(w for w in layer.made_by.weights(*inputs) if w.name == node.made_by.name), nodes)
    weights = [nodes[i] for i in node.inputs if isinstance(net.graph[i].made_by, Weight)]
    if [weight and weight.type for weight in weights] != [weight.type for weight in layer.made_by.weights(*inputs)]:
        raise error("shape", f"tied weights have other shapes here, with {said}", layer.span)
    return replace(node, type=found)


def _weight(node: Node, fresh: Weight, nodes: Mapping[str, Node | None]) -> Node | None:
    """The node of a weight, of the type its layer wants now; a tied one as its first layer wants it.

    None for the transpose of a weight that has another shape now.
    """
    if node.made_by.transposes is not None:
        of = nodes[node.made_by.transposes]
        if of is None or of.type.shape != fresh.type.shape[::-1]:
            return None
    return replace(node, made_by=replace(node.made_by, type=fresh.type, fans=fresh.fans), type=fresh.type)


def _said(name: str, value: object) -> Span:
    source = Source("sizes", f"{name}={value}", of_file=False)
    return Span(source, 0, len(source.text))
