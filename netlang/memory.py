"""Where the buffers of a graph lie: sizes, aliases, lifetimes, and one arena for all values."""

from bisect import insort
from dataclasses import replace
from math import inf, prod

from netlang.formula import Name
from netlang.graph import Graph, Input, Node, NodeId, State
from netlang.layer import Kept, Weight
from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.gather.op import Convert, Reshape
from netlang.primitives.launch import LANES, ROW, Operand
from netlang.primitives.map.op import Map, Update
from netlang.primitives.primitive import Primitive
from netlang.primitives.region.op import Region, made
from netlang.record import dataclass
from netlang.types import Tensor

ITEM = {"f32": 4, "f64": 8}  # bytes of an element


@dataclass(frozen=True, slots=True)
class Buffer:
    """A stretch of an arena. Offsets and sizes in bytes.

    arena: "weights", "gradients", "state.<name>" (all laid out alike, weight by weight), "kept" and "next" (likewise),
        "values", or "incoming"
    half: whether its float32 are rounded to bf16; pad: numbers that its rows are made of wholes of (`Target.pad`)
    """

    id: str
    type: Tensor
    lanes: str
    arena: str
    offset: int
    size: int
    half: bool = False
    pad: int = LANES

    def overlaps(self, other: "Buffer") -> bool:
        """Whether the two share memory."""
        return (
            self.arena == other.arena
            and self.offset < other.offset + other.size
            and other.offset < self.offset + self.size
        )


def elements(type_: Tensor, lanes: str, batch: int, pad: int = LANES) -> int:
    """Of a tensor, padding included: [n, places, ⌈c/pad⌉, pad], [⌈n/16⌉, places, c, 16], or rows of the last axis."""
    if lanes == "n":
        return -(-batch // LANES) * type_.size * LANES
    rows = batch * type_.positions if type_.batched else prod(type_.arrayed(0)[:-1])
    return rows * -(-type_.channels // pad) * pad


def incoming(node: NodeId) -> str:
    """The buffer in which the examples of an input come: no tensor of a file is called so."""
    return f"incoming `{node}`"


def lanes_of(graph: Graph) -> dict[str, str]:
    """The lanes of every node: told by inputs and conversions, else those of what it reads; "w" where no batch is."""
    lanes: dict[str, str] = {}
    for node in graph:
        if not node.type.batched:
            lanes[node.id] = "w"
        elif isinstance(node.made_by, Input | Convert):
            lanes[node.id] = node.made_by.lanes
        else:
            told = {lanes[i] for i in node.inputs} - {"w"}
            assert len(told) == 1, f"{node.id} reads values in the lanes {told or 'of none'}"
            lanes[node.id] = told.pop()
    return lanes


def constants(graph: Graph) -> set[str]:
    """The weights, what is kept, and what depends on nothing else: computed once for as long as the weights stay."""
    found: set[str] = set()
    for node in graph:
        derived = isinstance(node.made_by, Primitive) and not isinstance(node.made_by, Update)
        if isinstance(node.made_by, Weight | Kept) or (derived and node.inputs and found.issuperset(node.inputs)):
            found.add(node.id)
    return found


def own_gradients(graph: Graph) -> Graph:
    """The graph in which every weight has a gradient buffer of its own: a second reader gets a copy."""
    owned, taken = Graph(dict(graph.outputs)), set[str]()
    for node in graph:
        if isinstance(node.made_by, Update) and not isinstance(node.made_by, FactoredUpdate):
            weight, gradient, *states = node.inputs
            if gradient in taken:
                made = Node(f"{gradient}.{weight}", Map(Name("i0")), (gradient,), node.type, node.span, node.path)
                gradient = owned.add(made).id
            taken.add(gradient)
            node = replace(node, inputs=(weight, gradient, *states))
        owned.add(node)
    return owned


class Memory:
    """The buffers of one graph for batches of up to `batch`. Filled by `place`.

    prepared: the nodes that stay as they are for as long as the weights do; with hold=False, where each run changes the
        weights, none: they are computed where they are read, and their memory serves others before and after
    halves: the nodes whose values are kept in bf16; pad: numbers that rows are made of wholes of
    """

    def __init__(
        self,
        graph: Graph,
        batch: int,
        *,
        hold: bool = True,
        halves: frozenset[NodeId] = frozenset(),
        pad: int = LANES,
    ) -> None:
        self.graph, self.batch, self.halves, self.pad = graph, batch, halves, pad
        self.prepared = constants(graph) if hold else set[NodeId]()
        self.lanes = lanes_of(graph)
        self.roots = _roots(graph, self.lanes, pad)
        self.arenas: dict[str, int] = {}
        self.buffers: dict[str, Buffer] = {}
        self._place_weights()

    def root(self, node: str) -> str:
        """The node whose buffer this one's value lies in."""
        return self.roots.get(node, node)

    def launched(self) -> list[Node]:
        """The nodes that are launched, in order, the prepared ones in front."""
        nodes = (n for n in self.graph.made_by(Primitive) if not isinstance(n.made_by, Update))
        return sorted((n for n in nodes if self.root(n.id) == n.id), key=lambda n: n.id not in self.prepared)

    def operand(self, node: str) -> Operand:
        """The node's value as a kernel sees it."""
        return Operand(self.root(node), self.graph[node].type, self.lanes[node], node in self.halves)

    def stretch(self, arena: str, dtype: str, of: list[str] | None = None) -> Operand:
        """A stretch of an arena as one weight: one row of all its vectors.

        of: the buffers it reaches over, which lie side by side; the whole arena if None
        """
        found = [self.buffers[b] for b in of] if of is not None else []
        start = min((b.offset for b in found), default=0)
        end = max((b.offset + b.size for b in found), default=self.arenas[arena])
        whole = (start, end) == (0, self.arenas[arena])
        name = f"{arena}[:]" if whole else f"{arena}[{start}:{end}]"  # no tensor of a file is called so
        type_ = Tensor(dtype, ((end - start) // ITEM[dtype],))
        self.buffers[name] = Buffer(name, type_, "w", arena, start, end - start, pad=self.pad)
        return Operand(name, type_, "w")

    def size(self, type_: Tensor, lanes: str) -> int:
        """Bytes of a value, padding included."""
        return elements(type_, lanes, self.batch, self.pad) * ITEM[type_.dtype]

    def _place_weights(self) -> None:
        """Weights one after another, those that are trained alike side by side, whole rows first, frozen ones last.

        Optimizer states have the same offsets in arenas of their own; gradients lie in the same order, without gaps
        where one is never written.
        """
        offset = 0
        offsets = {}
        for node in sorted(self.graph.made_by(Weight), key=lambda n: (*_training(n), self._size(n.id) % ROW > 0)):
            offsets[node.id] = offset
            self._put(node, node.id, "weights", offset)
            offset += self.buffers[node.id].size
        self.arenas["weights"] = offset
        self._place_kept()
        trained = [n for n in self.graph.made_by(Update) if n.inputs[0] in offsets]
        for node in sorted(trained, key=lambda n: offsets[n.inputs[0]]):
            if not isinstance(node.made_by, FactoredUpdate):
                self._append(node.inputs[1], "gradients")
            for state in node.inputs[node.made_by.states_from :]:
                made_by: State = self.graph[state].made_by
                self._put(self.graph[state], state, f"state.{made_by.name}", offsets[node.inputs[0]])
                self.arenas[f"state.{made_by.name}"] = offset

    def _append(self, buffer: str, arena: str) -> None:
        """Place a value behind all others of an arena."""
        offset = self.arenas.get(arena, 0)
        self._put(self.graph[buffer], buffer, arena, offset)
        self.arenas[arena] = offset + self.buffers[buffer].size

    def _place_kept(self) -> None:
        """Kept tensors one after another, and what they become at the same offsets of an arena of its own."""
        next_ = {n.inputs[0]: n.inputs[1] for n in self.graph.made_by(Update)}
        offset = 0
        for node in self.graph.made_by(Kept):
            self._put(node, node.id, "kept", offset)
            if node.id in next_:
                self._put(self.graph[next_[node.id]], next_[node.id], "next", offset)
            offset += self.buffers[node.id].size
        if offset:
            self.arenas["kept"] = offset
            self.arenas |= {"next": offset} if any(b.arena == "next" for b in self.buffers.values()) else {}

    def _put(self, node: Node, buffer: str, arena: str, offset: int) -> None:
        assert buffer not in self.buffers, f"{buffer} would lie in two places"
        size, half = self._size(node.id), node.id in self.halves
        self.buffers[buffer] = Buffer(buffer, node.type, self.lanes[node.id], arena, offset, size, half, self.pad)

    def _size(self, node: NodeId) -> int:
        """Bytes of a node's value; a place begins at 64 of them."""
        size = self.size(self.graph[node].type, self.lanes[node])
        return -(-size // 2 // 64) * 64 if node in self.halves else size

    def place(self, order: list[list[Node]], spare: dict[str, Tensor], *, share: bool, device: str = "cpu") -> None:
        """Give every other value a place in the arena "values", the largest first, as low as it fits.

        order: the nodes of each launch, in order; spare: further scalars, by id
        share: let values lie in the same place when one is last read before the other is written; or, on the CPU, by
            the launch that writes it (`_hosts`)
        """
        lives = self._lives(order)
        hosts = self._hosts(order, lives) if share and device == "cpu" else {}
        placed: list[tuple[int, int, float, float]] = []  # from byte to byte, from launch to launch; sorted
        sizes = {b: -(-self._size(b) // ROW) * ROW for b in lives}
        for buffer in sorted(lives, key=lambda b: -sizes[b]):
            life = lives[buffer] if share else (-inf, inf)
            offset = _lowest(sizes[buffer], life, placed)
            self._put(self.graph[buffer], buffer, "values", offset)
            insort(placed, (offset, offset + sizes[buffer], *life))
        for buffer, host in hosts.items():
            self._put(self.graph[buffer], buffer, "values", self.buffers[host].offset)
        top = max((end for _, end, _, _ in placed), default=0)
        for name, type_ in spare.items():
            self.buffers[name] = Buffer(name, type_, "w", "values", top, self.size(type_, "w"), pad=self.pad)
            top += self.buffers[name].size
        self.arenas["values"] = top

    def _hosts(self, order: list[list[Node]], lives: dict[str, tuple[float, float]]) -> dict[str, str]:
        """Results of products that take the place of a value that their formula is the last to read.

        A formula reads each element just before the result is stored there: its line is near, and needs not be read
        to be written. The value's life becomes that of both, and the result has none of its own.
        """
        hosts: dict[str, str] = {}
        for k, (node, *_) in enumerate(order):
            for source in node.inputs[2:] if _written_once(node) and self.lanes[node.id] == "c" else ():
                host = hosts.get(source, source)
                factor = source in map(self.root, node.inputs[:2])
                last = host in lives and lives[host][1] == k
                if last and not factor and self.graph[source].type == node.type:
                    hosts[node.id] = host
                    lives[host] = lives[host][0], lives.pop(node.id)[1]
                    break
        return hosts

    def receive(self) -> None:
        """An arena "incoming" for one batch of the inputs as callers have them, without padding."""
        top = 0
        for node in self.graph.made_by(Input):
            count = self.batch * node.type.size
            size = -(-count // LANES) * LANES * ITEM[node.type.dtype]
            name = incoming(node.id)
            self.buffers[name] = Buffer(name, Tensor(node.type.dtype, (count,)), "w", "incoming", top, size)
            top += size
        self.arenas["incoming"] = top

    def _lives(self, order: list[list[Node]]) -> dict[str, tuple[float, float]]:
        """From which launch to which a buffer is needed.

        Inputs, outputs and prepared values stay for good; of inputs so that their padding, zero at first, stays zero.
        """
        when = {node.id: k for k, group in enumerate(order) for node in group}
        keep = {self.root(of) for of in self.graph.outputs.values()}
        lives: dict[str, tuple[float, float]] = {}
        for node in self.graph:
            buffer = self.root(node.id)
            if buffer in self.buffers or not isinstance(node.made_by, Input | Primitive):
                continue
            lasting = isinstance(node.made_by, Input) or buffer in keep or buffer in self.prepared
            readers = self.graph.readers(node.id)
            reads = [when.get(r.id, inf) for r in readers if r.id in when or isinstance(r.made_by, FactoredUpdate)]
            start = when.get(buffer, -1)
            first, last = lives.get(buffer, (start, start))
            lives[buffer] = (-inf, inf) if lasting else (first, max(last, *reads, start))
        return lives


def _training(node: Node) -> tuple[bool, float, float]:
    weight: Weight = node.made_by
    return weight.frozen, weight.rate, weight.l2


def _written_once(node: Node) -> bool:
    """Whether a node is a product of images with a formula, which reads and writes each place once."""
    return isinstance(node.made_by, Region) and made(node.made_by) and len(node.type.shape) > 2


def _roots(graph: Graph, lanes: dict[str, str], pad: int) -> dict[str, str]:
    """Reshapes that move nothing, to the node whose buffer they share."""
    roots: dict[str, str] = {}
    for node in graph.made_by(Reshape):
        source = graph[node.inputs[0]]
        whole = all(t.channels % pad == 0 for t in (node.type, source.type))
        if lanes[node.id] == "n" or whole or node.type.channels == source.type.channels:
            roots[node.id] = roots.get(source.id, source.id)
    return roots


def _lowest(size: int, life: tuple[float, float], placed: list[tuple[int, int, float, float]]) -> int:
    """The lowest offset at which `size` bytes lie beside all that lives at the same time."""
    offset = 0
    born, dies = life
    for start, end, first, last in placed:
        if first > dies or last < born:
            continue
        if offset + size <= start:
            break
        if end > offset:
            offset = end
    return offset
