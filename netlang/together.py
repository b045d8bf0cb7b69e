"""Sums over the batch that read the same numbers: they are taken in one launch."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from netlang.formula import Name, substitute
from netlang.graph import Graph, Node
from netlang.primitives.primitive import broadcast
from netlang.primitives.sum.op import Sum


def together(graph: Graph, nodes: list[Node], root: Callable[[str], str]) -> list[list[Node]]:
    """The nodes in an order in which each input is ready, those of a list in one launch.

    Of those the last reads all that the others read: what any of them reads is there until all are done.
    root: the node whose buffer another one's is
    """
    when = {node.id: k for k, node in enumerate(nodes)}
    joined: dict[str, list[Node]] = {}
    taken = set[str]()
    for node in nodes:
        if not _summed(node) or node.id in taken:
            continue
        group = [node]
        for other in _alike(graph, node):
            ready = all(when.get(root(i), -1) < when[node.id] for i in other.inputs)
            if other.id not in taken and ready and set(group[-1].inputs) <= set(other.inputs):
                group.append(other)
        joined[node.id] = group
        taken.update(each.id for each in group[1:])
    return [joined.get(node.id, [node]) for node in nodes if node.id not in taken]


def _summed(node: Node) -> bool:
    return isinstance(node.made_by, Sum) and node.made_by.over == "batch" and node.made_by.how == "sum"


def _alike(graph: Graph, node: Node) -> list[Node]:
    """Other sums of as many numbers behind it that read one of the same operands."""
    found = {r.id: r for i in node.inputs for r in graph.readers(i) if r.id != node.id and _summed(r)}
    return [r for r in found.values() if _full(graph, r) == _full(graph, node)]


def _full(graph: Graph, node: Node) -> object:
    return broadcast(*(graph[i].type for i in node.inputs))


def reading(node: Node, inputs: tuple[str, ...]) -> Any:
    """The node's primitive, with its formula in the names of these inputs where they are others."""
    if node.inputs == inputs:
        return node.made_by
    names = {f"i{k}": Name(f"i{inputs.index(i)}") for k, i in enumerate(node.inputs)}
    return replace(node.made_by, term=substitute(node.made_by.term, names))
