"""A layer as a net of its own, to tell which one is wrong where a whole net is."""

from dataclasses import replace

from netlang.check.counts import data
from netlang.graph import Graph, Input, Net, Node
from netlang.layer import Layer, Misfit, Weight
from netlang.layers.loss import chosen
from netlang.source import NOWHERE

PLAIN = "squared_error"  # a loss that reads any output


def kinds(net: Net) -> list[Node]:
    """A node of each layer with its inputs, once for those that are alike; without those whose gradient is a rule."""
    found: dict[tuple[object, ...], Node] = {}
    for node in net.graph.made_by(Layer):
        try:
            chosen(PLAIN, node.made_by)
        except Misfit:
            continue
        found.setdefault((node.made_by, *(source.type for source in data(net.graph, node))), node)
    return list(found.values())


def alone(net: Net, node: Node) -> Net:
    """The net of this one layer, its inputs free, its loss the squared error."""
    graph = Graph({"output": node.id})
    for source in dict.fromkeys(node.inputs):
        of = net.graph[source]
        if isinstance(of.made_by, Weight):
            graph.add(replace(of, made_by=replace(of.made_by, transposes=None), inputs=()))
        else:
            graph.add(Node(source, Input(source), (), of.type, NOWHERE))
    graph.add(node)
    return Net(net.name, net.variant, graph, {"loss": PLAIN}, {}, net.text)
