"""A reshaped input is an input of that shape: the border copies it there at no cost.

before:  input: f32[n, 28, 28, 1]     r: f32[n, 784] = Reshape(input)     y = Contraction(r, w)
after:   input: f32[n, 784]                                               y = Contraction(input, w)
"""

from dataclasses import replace

from netlang.graph import Graph, Input
from netlang.primitives.gather.op import Reshape


def fold(graph: Graph, batch: int) -> Graph:
    """Inputs whose only reader is a Reshape take its shape; the Reshape goes."""
    shaped, gone = {}, {}
    for node in graph.made_by(Input):
        readers = graph.readers(node.id)
        if len(readers) == 1 and isinstance(readers[0].made_by, Reshape) and node.id not in graph.outputs.values():
            shaped[node.id] = readers[0].type
            gone[readers[0].id] = node.id
    if not gone:
        return graph
    folded = Graph({name: gone.get(of, of) for name, of in graph.outputs.items()})
    for node in graph:
        if node.id not in gone:
            inputs = tuple(gone.get(i, i) for i in node.inputs)
            folded.add(replace(node, inputs=inputs, type=shaped.get(node.id, node.type)))
    return folded
