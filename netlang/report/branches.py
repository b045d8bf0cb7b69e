"""A block in a line, `[conv1-64, conv3-64]`, or one for each of its branches: `[conv1-64`, `| conv1-96, conv3-128]`."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from netlang.check.counts import data
from netlang.graph import Graph, Input, Node, NodeId
from netlang.layer import Layer
from netlang.layers.merge.op import Concatenate
from netlang.record import dataclass


@dataclass(frozen=True)
class Fork:
    """Branches that a layer merges. word: of that layer, none where channels are joined"""

    word: str
    branches: tuple["Series", ...]


Series = tuple["str | Fork", ...]


def before(graph: Graph) -> dict[NodeId, NodeId | None]:
    """The nearest value through which all ways to a value go, of each input and layer; None where there is none.

    These are immediate dominators (Cooper, Harvey and Kennedy 2001); the graph is in order, so one round finds them.
    """
    found: dict[NodeId, NodeId | None] = {}
    depth: dict[NodeId | None, int] = {None: 0}
    for node in graph:
        if isinstance(node.made_by, Input | Layer):
            sources = [source.id for source in _sources(graph, node)]
            common: NodeId | None = sources[0] if sources else None
            for other in sources[1:]:
                common = _meeting(common, other, found, depth)
            found[node.id], depth[node.id] = common, depth[common] + 1
    return found


def _meeting(
    a: NodeId | None, b: NodeId | None, found: Mapping[NodeId, NodeId | None], depth: Mapping[NodeId | None, int]
) -> NodeId | None:
    while a != b:
        if a is not None and depth[a] >= depth[b]:
            a = found[a]
        elif b is not None:
            b = found[b]
    return a


def _sources(graph: Graph, node: Node) -> list[Node]:
    """What a layer computes with; a tensor that only tells a size (`like=@a`) is not."""
    sources = data(graph, node)
    return sources[:1] if isinstance(node.made_by, Layer) and node.made_by.references else sources


@dataclass(frozen=True)
class Block:
    """A use of a block. says: what stands for each of its values, "" for what is not written; before: as above"""

    graph: Graph
    before: Mapping[NodeId, NodeId | None]
    says: Mapping[NodeId, str]

    def series(self, end: NodeId | None, start: NodeId | None = None) -> Series:
        """What leads to a value, from behind another on; branches that nothing is written of are left out."""
        parts: list[str | Fork] = []
        while end is not None and end != start and end in self.says:
            node = self.graph[end]
            sources = _sources(self.graph, node)
            if len(sources) == 1:
                parts += [self.says[end]] if self.says[end] else []
                end = sources[0].id
                continue
            fork = self.before[end]
            branches = tuple(filter(None, (self.series(source.id, fork) for source in sources)))
            if len(branches) == 1:
                parts += reversed(branches[0])
            elif branches:
                word = "" if isinstance(node.made_by, Concatenate) else node.made_by.word
                parts.append(Fork(word, branches))
            end = fork
        return tuple(reversed(parts))


def lines(series: Series, most: int) -> list[str]:
    """The series in brackets, a line for each of its branches; none if a line would have more layers than `most`."""
    match series:
        case (Fork(word, branches),):
            first, *others = _bracketed(branches, "\n| ")
            return [f"{word}{first}", *others] if max(map(_count, branches)) <= most else []
    if _count(series) <= most:
        return [f"[{_inline(series)}]"]
    parts = [tuple(group) for _, group in groupby(series, key=lambda part: part if isinstance(part, Fork) else None)]
    return _bracketed(parts, ",\n") if max(map(_count, parts)) <= most else []


def _bracketed(parts: Sequence[Series], between: str) -> list[str]:
    """A line for each part, in brackets. between: what stands there, a new line included"""
    return f"[{between.join(map(_inline, parts))}]".split("\n")


def _inline(series: Series) -> str:
    return ", ".join(part if isinstance(part, str) else _fork(part) for part in series)


def _fork(fork: Fork) -> str:
    return f"{fork.word}[{' | '.join(map(_inline, fork.branches))}]"


def _count(series: Series) -> int:
    return sum(1 if isinstance(part, str) else sum(map(_count, part.branches)) for part in series)
