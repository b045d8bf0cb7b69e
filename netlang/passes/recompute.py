"""Where memory is short, what the way back reads is computed again instead of kept.

before:  y = Map(x)   z = Contraction(y, w)   ...   loss   dw = Contraction(y, dz)
after:   y = Map(x)   z = Contraction(y, w)   ...   loss   y.again = Map(x)   dw = Contraction(y.again, dz)

A copy is the same primitive on the same inputs, so gradients stay the same bit for bit. First the maps and windows
whose inputs are kept anyway, the largest ones first; then whole segments of the way forward, of which only the values
at their ends are kept (Chen et al. 2016, arXiv:1604.06174), those first that free most bytes for their work.
"""

from collections.abc import Iterator
from dataclasses import field, replace
from functools import cached_property

from netlang.graph import Graph, Node, NodeId
from netlang.memory import Memory, constants, own_gradients
from netlang.primitives.gather.op import Concat, Reshape, Slice
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.primitives.region.op import Region
from netlang.primitives.scan.op import Piece, Scan
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.together import together
from netlang.types import Tensor

SMALL = 1 / 1000  # of all bytes of the way forward: statistics and the like are kept
SEGMENTS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
STREAMED = 60  # multiply-adds that take as long as an element read and written: 12 bytes at 50 GB/s, 500 GFLOP/s
CHEAP = (Map, Window, Reshape, Concat, Slice)
Chosen = frozenset[NodeId]


def recompute(graph: Graph, batch: int, room: int, *, hold: bool = True) -> Graph:
    """The graph whose values take at most `room` bytes, for the least work found; else the one with the least bytes.

    hold: as `Memory` has it
    """
    graph = own_gradients(graph)
    forward = Forward(graph, batch, hold)
    if "loss" not in graph.outputs or forward.bytes(graph) <= room:
        return graph
    ladders = [forward.cheap(), *(forward.segments(count) for count in SEGMENTS)]
    whole = [forward.again(frozenset().union(*ladder)) for ladder in ladders]
    sizes = [forward.bytes(each) for each in whole]
    enough = [ladder for ladder, size in zip(ladders, sizes, strict=True) if size <= room]
    if not enough:
        return min(zip(sizes, range(len(whole)), whole, strict=True))[2]
    return min((_fitting(forward, ladder, room) for ladder in enough), key=lambda found: found[0])[1]


def _fitting(forward: "Forward", ladder: list[Chosen], room: int) -> tuple[float, Graph]:
    """The fewest steps of a ladder that make the values fit into `room`, as their work, and the graph."""
    few, many = 0, len(ladder)  # `many` steps fit, `few` do not
    found = forward.again(frozenset().union(*ladder))
    while many - few > 1:
        middle = (few + many) // 2
        tried = forward.again(frozenset().union(*ladder[:middle]))
        if forward.bytes(tried) <= room:
            many, found = middle, tried
        else:
            few = middle
    return sum(forward.work(node) for node in found if node.id.endswith(AGAIN)), found


AGAIN = ".again"


@dataclass
class Forward:
    """The nodes up to the loss, and who reads them when.

    last: the last reader before the loss, by buffer; sizes: bytes by buffer; back: nodes that the way back reads
    """

    graph: Graph
    batch: int
    hold: bool
    memory: Memory = field(init=False)
    nodes: list[Node] = field(init=False)
    last: dict[NodeId, int] = field(init=False, default_factory=dict)
    sizes: dict[NodeId, int] = field(init=False, default_factory=dict)
    back: set[NodeId] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.memory = Memory(self.graph, self.batch)
        everything = list(self.graph)
        loss = next((k for k, node in enumerate(everything) if node.id == self.graph.outputs.get("loss")), -1)
        self.nodes = everything[: loss + 1]
        for k, node in enumerate(everything):
            for source in node.inputs:
                if k <= loss:
                    self.last[self.memory.root(source)] = k
                else:
                    self.back.add(source)
        for node in self.nodes:
            if isinstance(node.made_by, Primitive) and self.memory.root(node.id) == node.id:
                self.sizes[node.id] = self.memory.size(node.type, self.memory.lanes[node.id])

    def bytes(self, graph: Graph) -> int:
        """What the arena of values takes."""
        memory = Memory(graph, self.batch, hold=self.hold)
        groups = together(graph, memory.launched(), memory.root, memory.lanes, "cpu")
        dtype = next(iter(graph)).type.dtype
        memory.place(groups, {"norm": Tensor(dtype, ())}, share=True)
        return memory.arenas["values"]

    @cached_property
    def candidates(self) -> list[Node]:
        """What may be computed again: large values, and other shapes of them."""
        fixed = constants(self.graph) | set(self.graph.outputs.values())
        least = SMALL * sum(self.sizes.values())
        return [
            node
            for node in self.nodes
            if isinstance(node.made_by, Primitive)
            and not isinstance(node.made_by, Scan | Piece)
            and node.id not in fixed
            and self._size(node.id) >= least
        ]

    def _size(self, node: NodeId) -> int:
        return self.sizes.get(self.memory.root(node), 0)

    def cheap(self) -> list[Chosen]:
        """Maps and windows one by one, whose large inputs are kept for the way back anyway, the largest first."""
        large = {node.id for node in self.candidates}
        held = set(self.back)
        found = []
        for node in self.candidates:
            anchor = node.made_by.anchor if isinstance(node.made_by, Region) else node.made_by
            kept = all(source in held for source in node.inputs if source in large)
            if isinstance(anchor, CHEAP) and kept and node.id in self.back:
                found.append(node)
        return [frozenset({node.id}) for node in sorted(found, key=lambda node: -self._size(node.id))]

    def segments(self, count: int) -> list[Chosen]:
        """The cheap ones at once, then all but the values at the ends of segments of about as many bytes each.

        The last one is read at once on the way back, and stays.
        """
        ends = self._ends(count)
        ids = {node.id: k for k, node in enumerate(self.nodes)}
        kept = {b for end in ends for b in self.sizes if ids[b] <= end < self.last.get(b, -1)}
        parts = []
        for start, end in zip([-1, *ends], ends, strict=False):
            members = [node for node in self.candidates if start < ids[node.id] <= end]
            members = [node for node in members if self.memory.root(node.id) not in kept]
            freed = sum(self.sizes.get(node.id, 0) for node in members if node.id in self.back)
            gain = freed / max(1.0, sum(map(self.work, members)))
            parts.append((gain, frozenset(node.id for node in members)))
        parts.sort(key=lambda part: -part[0])
        cheap = frozenset().union(*self.cheap()) - kept
        return [cheap, *(chosen for _, chosen in parts)]

    def _ends(self, count: int) -> list[int]:
        """Where segments end: near equal shares of the bytes, where the fewest values are alive."""
        made, alive, so_far = [], [0] * (len(self.nodes) + 1), 0
        for k, node in enumerate(self.nodes):
            so_far += self.sizes.get(node.id, 0)
            made.append(so_far)
            if node.id in self.sizes:
                alive[k] += self.sizes[node.id]
                alive[max(k, self.last.get(node.id, k))] -= self.sizes[node.id]
        for k in range(1, len(self.nodes)):
            alive[k] += alive[k - 1]
        ends = set()
        for part in range(1, count):
            near = [k for k, bytes_ in enumerate(made) if abs(bytes_ / so_far - part / count) < 1 / (3 * count)]
            if near:
                ends.add(min(near, key=alive.__getitem__))
        return sorted(ends)

    def work(self, node: Node) -> float:
        """What a node costs: multiply-adds with its weights, and its elements as so many of them."""
        weights = (self.graph[i].type for i in node.inputs if i in self.graph and not self.graph[i].type.batched)
        most = max((t.size / t.channels for t in weights if t.shape), default=0.0)
        return (self.batch if node.type.batched else 1) * node.type.size * (most + STREAMED)

    def again(self, chosen: Chosen) -> Graph:
        """The graph in which what stands behind the loss reads copies of the chosen nodes, made when first read."""
        made = Graph(dict(self.graph.outputs))
        copies: dict[NodeId, NodeId] = {}
        for node in self.nodes:
            made.add(node)
        for node in list(self.graph)[len(self.nodes) :]:
            for needed in self._chain(node, chosen, copies):
                copies[needed.id] = f"{needed.id}{AGAIN}"
                made.add(_reading(needed, copies, copies[needed.id]))
            made.add(_reading(node, copies, node.id))
        return made

    def _chain(self, node: Node, chosen: Chosen, copies: dict[NodeId, NodeId]) -> Iterator[Node]:
        """The chosen nodes that one needs and that have no copy yet, in the order of the graph."""
        needed, open_ = set[NodeId](), list(node.inputs)
        while open_:
            source = open_.pop()
            if source in chosen and source not in copies and source not in needed:
                needed.add(source)
                open_ += self.graph[source].inputs
        return (each for each in self.candidates if each.id in needed) if needed else iter(())


def _reading(node: Node, copies: dict[NodeId, NodeId], name: NodeId) -> Node:
    return replace(node, id=name, inputs=tuple(copies.get(i, i) for i in node.inputs))
