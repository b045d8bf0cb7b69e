"""Gradients of large dense weights by few examples stay in their factors, which the optimizer multiplies.

before:  g = Contraction[role=weight](x, dy)     Update(w, g, states)
after:   FactoredUpdate(w, x, dy, states)

The gradient of 100 million weights is written, read for its length, and read by the optimizer: as many bytes again as
the step itself moves. Of n examples it has rank n, and forming a vector of it takes n multiply-adds.
"""

from dataclasses import replace

from netlang.graph import Graph, Node
from netlang.memory import lanes_of
from netlang.primitives.contraction.dense import FEW
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.map.op import Update

LARGE = 3 << 20  # weights; of fewer, two more kernels to compile cost more than they save


def factor(graph: Graph, batch: int) -> Graph:
    """At least one gradient stays, so that the plan has a length of all of them to look at."""
    updates = list(graph.made_by(Update))
    gradients = {node.inputs[1] for node in updates if _factors(graph, node, batch)}
    if not gradients or all(node.inputs[1] in gradients for node in updates):
        return graph
    made = Graph({name: of for name, of in graph.outputs.items() if of not in gradients})
    for node in graph:
        if isinstance(node.made_by, Update) and node.inputs[1] in gradients:
            weight, gradient, *states = node.inputs
            inputs = (weight, *graph[gradient].inputs, *states)
            made.add(replace(node, made_by=FactoredUpdate(node.made_by.terms), inputs=inputs))
        elif node.id not in gradients:
            made.add(node)
    return made


def _factors(graph: Graph, update: Node, batch: int) -> bool:
    """Whether a weight's gradient is one dense product that nothing else reads, of operands in lanes "c"."""
    gradient = graph[update.inputs[1]]
    made_by = gradient.made_by
    if not isinstance(made_by, Contraction) or not made_by.flat or len(graph.readers(gradient.id)) > 1:
        return False
    x, *_, dy = (graph[i] for i in gradient.inputs)
    if len(x.type.shape) > 2 or batch > FEW or gradient.type.size < LARGE:
        return False
    lanes = lanes_of(graph)
    return lanes[x.id] == "c" == lanes[dy.id]
