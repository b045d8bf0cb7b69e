"""A net whose sizes were left open, with sizes chosen: every layer is fitted anew (RULINGS 35).

    netlang.check.sized(net, {"H": 32, "W": 32}) -> Net

The layers and weights stay the same: a shortcut that is a projection for open sizes is one for all of them. What was
right for some sizes only ("needs H even") is an error where it is not right for these.
"""

from collections.abc import Mapping
from dataclasses import replace

from netlang import sizes
from netlang.check.build import bounded
from netlang.check.inputs import LARGEST
from netlang.check.problems import Problems
from netlang.diagnostics import either, error
from netlang.graph import Graph, Input, Net, Node
from netlang.layer import Layer, Misfit, Weight
from netlang.source import Source, Span
from netlang.types import Tensor, shown


def sized(net: Net, values: Mapping[str, int]) -> Net:
    """The net for these sizes, one for each letter. Raises NetError for all lines that they do not suit."""
    _known(net, values)
    problems = Problems()
    made = Graph(dict(net.graph.outputs))
    types: dict[str, Tensor | None] = {}
    for node in net.graph:
        types[node.id] = None
        with problems.collected():
            types[node.id] = type_ = _type(net, node, values, types)
            if type_ is not None and not problems.errors:
                made.add(replace(node, type=type_))
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


def _type(net: Net, node: Node, values: Mapping[str, int], types: Mapping[str, Tensor | None]) -> Tensor | None:
    """The type of a node; None where what it reads is wrong already."""
    if isinstance(node.made_by, Input):
        batch, *rest = node.type.shape
        return replace(node.type, shape=(batch, *(sizes.fixed(dim, values) for dim in rest)))
    if not isinstance(node.made_by, Layer):
        return node.type
    read = [types[i] for i in node.inputs if not isinstance(net.graph[i].made_by, Weight)]
    inputs = [type_ for type_ in read if type_ is not None]
    if len(inputs) < len(read):
        return None
    try:
        found = node.made_by.fitted(*inputs)
        bounded(found, inputs)
    except Misfit as misfit:
        chosen = ", ".join(f"{name}={value}" for name, value in values.items())
        got = " and ".join(shown(type_.shape) for type_ in inputs)
        raise error("shape", f"{misfit}, with {chosen}", node.span, f"gets {got}", help=misfit.help) from None
    return found


def _said(name: str, value: object) -> Span:
    source = Source("sizes", f"{name}={value}", of_file=False)
    return Span(source, 0, len(source.text))
