"""Graph of primitives to a plan: launches in order, barriers, and where every buffer lies.

Non-goals: it knows no layer and compiles nothing. Kernels' texts come from the primitives (`draft`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import replace

from netlang import together
from netlang.formula import Name
from netlang.graph import Graph, Input, Node
from netlang.halves import halves, with_copies
from netlang.layer import Kept
from netlang.memory import Buffer, Memory, own_gradients
from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.launch import Address, Also, Draft, Operand, Target, addressed, chain, draft
from netlang.primitives.map.op import Update
from netlang.primitives.sum.op import Sum
from netlang.primitives.text import in_turn
from netlang.record import dataclass
from netlang.source import NOWHERE, Span
from netlang.types import Tensor

NORM = "gradients:norm2"  # the buffer of the squared norm of all gradients
SCRATCH, SHARED = "scratch", "shared scratch"  # arenas of the launches themselves: a thread's own, and the team's
_SHARED = Buffer(SHARED, Tensor("f32", ()), "w", SHARED, 0, 1)


@dataclass(frozen=True, slots=True)
class Launch:
    """One kernel call.

    writes: the buffer of its result, and every other it changes
    barrier: all threads wait for each other behind it
    """

    node: str
    draft: Draft
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    span: Span
    barrier: bool = False


@dataclass(frozen=True, slots=True)
class Squared:
    """The buffers of squared lengths where a gradient x^T dy is never written: its own is there after the update."""

    x: str
    dy: str
    gradient: str


@dataclass(frozen=True)
class Plan:
    """What to run, in three segments, and the memory it runs in.

    segments: "prepare" depends on the weights only and runs again when they changed; "step" is the rest,
        forward and backward; "update" is the optimizer, run only if the loss and the gradients are finite
    inputs: the node of each Input; outputs: the buffer of each output
    gradients: the buffer of the gradient by each weight that is trained
    factored: by each weight whose gradient is never written, what its length is told by
    scratch: bytes per thread, and bytes shared
    """

    batch: int
    target: Target
    segments: Mapping[str, tuple[Launch, ...]]
    buffers: Mapping[str, Buffer]
    arenas: Mapping[str, int]
    inputs: tuple[Node, ...]
    outputs: Mapping[str, str]
    gradients: Mapping[str, str]
    factored: Mapping[str, Squared]
    scratch: tuple[int, int]

    @property
    def size(self) -> int:
        """Bytes of all that a run takes: arenas, and scratch of all threads."""
        return sum(self.arenas.values()) + self.scratch[0] * self.target.threads + self.scratch[1]

    @property
    def moved(self) -> int:
        """Bytes that all launches read and write: every buffer of each once, and what its blocks leave each other."""
        launches = [launch for segment in self.segments.values() for launch in segment]
        buffers = (self.buffers[name].size for each in launches for name in (*{*each.reads}, *{*each.writes}))
        return sum(buffers) + sum(d.scratch[1] for each in launches if each.draft.then for d in chain(each.draft))

    @property
    def beside(self) -> int:
        """Bytes it takes beside what plans of one net share: weights, what is kept, and the optimizer's states."""
        return self.size - sum(size for name, size in self.arenas.items() if shared(name))

    def __str__(self) -> str:
        lines = [f"plan for batches of up to {self.batch}, {self.target.name}, {self.target.dtype}"]
        lines += [f"arena {name}: {size:,} bytes" for name, size in self.arenas.items()]
        lines.append(f"scratch: {self.scratch[0]:,} bytes a thread, {self.scratch[1]:,} shared")
        for segment, launches in self.segments.items():
            lines.append(f"{segment}:")
            for launch in launches:
                at = self.buffers[launch.writes[0]]
                reads = ", ".join(launch.reads)
                lines.append(f"  {launch.node} = {launch.draft.kernel.name}({reads})   in {at.arena} at {at.offset:,}")
                lines += ["  --- barrier"] if launch.barrier else []
        return "\n".join(lines)


def shared(arena: str) -> bool:
    """Whether all plans of a net have one arena in common."""
    return arena in ("weights", "kept") or arena.startswith("state.")


def plan(graph: Graph, target: Target, batch: int, *, share: bool = True, hold: bool = True) -> Plan:
    """The launches of a graph, in an order in which each input is ready.

    Two values share memory when one is last read before the other is written (not with share=False).
    hold: whether what depends on weights alone is computed once, in the segment "prepare" (`Memory`)
    """
    rounded = target.products == "bf16"
    graph = with_copies(own_gradients(graph)) if rounded else own_gradients(graph)
    kept = halves(graph) if rounded else frozenset()
    memory = Memory(graph, batch, hold=hold, halves=kept, pad=target.pad)
    nodes = memory.launched()
    groups = together.together(graph, nodes, memory.root, memory.lanes, target.device)
    drafts: dict[Hashable, Draft] = {}
    drafted = [_drafted(memory, group, target, drafts) for group in groups]
    factored = _factored(graph)
    spare = (
        [NORM, *(name for of in factored.values() for name in (of.x, of.dy, of.gradient))] if _trained(graph) else []
    )
    memory.place(groups, {name: Tensor(target.dtype, ()) for name in spare}, share=share, device=target.device)
    if target.device == "cuda":  # the next batch comes while a step runs; the CPU reads it where it is
        memory.receive()
    lengths, updates = _lengths(memory, factored, target), _updates(memory, factored, target)
    cut = sum(group[0].id in memory.prepared for group in groups)
    segments = {"prepare": drafted[:cut], "step": [*drafted[cut:], *lengths], "update": updates}
    scratch = [d.scratch for launches in segments.values() for launch in launches for d in chain(launch.draft)]
    return Plan(
        batch=batch,
        target=target,
        segments={name: _with_barriers(launches, memory.buffers) for name, launches in segments.items()},
        buffers=memory.buffers,
        arenas=memory.arenas,
        inputs=tuple(graph.made_by(Input)),
        outputs={name: memory.root(of) for name, of in graph.outputs.items()},
        gradients={n.inputs[0]: memory.root(n.inputs[1]) for n in _trained(graph)},
        factored=factored,
        scratch=(max((s[0] for s in scratch), default=0), max((s[1] for s in scratch), default=0)),
    )


def _drafted(memory: Memory, group: list[Node], target: Target, drafts: dict[Hashable, Draft]) -> Launch:
    """The launch of nodes that are computed together.

    drafts: those so far; a net has the same layers again and again, on other buffers
    """
    if together.rowwise(group[0]) and len(group) > 1:
        alone = replace(target, threads=1)  # no thread may claim another one's rows: it does not wait for them
        return _in_turn([_drafted(memory, [node], alone, drafts) for node in group])
    read = together.read(group)
    operands = [memory.operand(i) for i in (*read, *(n.id for n in group))]
    slots = {name: str(slot) for slot, name in enumerate(dict.fromkeys(o.buffer for o in operands))}
    local = [replace(o, buffer=slots[o.buffer]) for o in operands]
    inputs, (result, *results) = local[: len(read)], local[len(read) :]
    sums = zip(together.further_of(group), results, strict=True)
    primitive, further = together.first_of(group), [Also(term, to, squares) for (term, squares), to in sums]
    key = primitive, target.threads, *further, *local
    if key not in drafts:
        drafts[key] = draft(primitive, tuple(inputs), result, target, memory.batch, *further)
    addresses = {slot: Address(name) for name, slot in slots.items()}
    made = addressed(drafts[key], addresses)
    writes = tuple(n.id for n in group)
    return Launch(writes[0], made, tuple(o.buffer for o in operands[: len(read)]), writes, group[0].span)


def _in_turn(stages: list[Launch]) -> Launch:
    """The launch of all that is made row by row: a thread makes all of its rows."""
    writes = tuple(stage.node for stage in stages)
    reads = dict.fromkeys(name for stage in stages for name in stage.reads if name not in writes)
    made = in_turn(f"rows_{stages[0].draft.kernel.name[-1]}", [stage.draft for stage in stages])
    return Launch(writes[0], made, tuple(reads), writes, stages[0].span)


def _trained(graph: Graph) -> list[Node]:
    """The updates of weights that have a gradient buffer: kept tensors have none."""
    updates = (n for n in graph.made_by(Update) if not isinstance(n.made_by, FactoredUpdate))
    return [n for n in updates if not isinstance(graph[n.inputs[0]].made_by, Kept)]


def _factored(graph: Graph) -> dict[str, Squared]:
    """The scalars of weights whose gradient stays in its factors; no tensor of a file is called so."""
    weights = (n.inputs[0] for n in graph.made_by(FactoredUpdate))
    return {w: Squared(*(f"gradients:{w}:{of}" for of in ("x", "dy", "g"))) for w in weights}


def _lengths(memory: Memory, factored: Mapping[str, Squared], target: Target) -> list[Launch]:
    """The squared norm of all gradients that are written, and those of the factors of the others."""
    if not _trained(memory.graph):
        return []
    launches = [_squares(memory, memory.stretch("gradients", target.dtype), NORM, target, NOWHERE)]
    for node in memory.graph.made_by(FactoredUpdate):
        of = factored[node.inputs[0]]
        for source, name in zip(node.inputs[1:3], (of.x, of.dy), strict=True):
            launches.append(_squares(memory, memory.operand(source), name, target, node.span))
    return launches


def _squares(memory: Memory, of: Operand, name: str, target: Target, span: Span) -> Launch:
    result = Operand(name, Tensor(target.dtype, ()), "w")
    squares = draft(Sum(Name("i0") * Name("i0"), "all"), (of,), result, target, memory.batch)
    return Launch(name, squares, (of.buffer,), (name,), span)


def _updates(memory: Memory, factored: Mapping[str, Squared], target: Target) -> list[Launch]:
    """One pass of the optimizer over all weights that lie side by side with the same rule, and so do their gradients.

    Behind them, one pass over all kept tensors.
    """
    launches = [_stepped(memory, run, target) for run in _runs(memory)]
    launches += [_multiplied(memory, n, factored, target) for n in memory.graph.made_by(FactoredUpdate)]
    kept = [n for n in memory.graph.made_by(Update) if isinstance(memory.graph[n.inputs[0]].made_by, Kept)]
    return launches + [_keep(memory, kept[0], target) for _ in kept[:1]]


def _runs(memory: Memory) -> list[list[Node]]:
    """The updates of weights that lie side by side and have the same rule."""
    runs: list[list[Node]] = []
    end = None
    for node in sorted(_trained(memory.graph), key=lambda n: memory.buffers[n.inputs[0]].offset):
        at = memory.buffers[node.inputs[0]]
        if runs and at.offset == end and runs[-1][0].made_by == node.made_by:
            runs[-1].append(node)
        else:
            runs.append([node])
        end = at.offset + at.size
    return runs


def _stepped(memory: Memory, nodes: list[Node], target: Target) -> Launch:
    """A step of the optimizer on weights that lie side by side."""
    arenas = ("weights", "gradients", *(memory.buffers[s].arena for s in nodes[0].inputs[2:]))
    inputs = tuple(memory.stretch(arena, target.dtype, [n.inputs[k] for n in nodes]) for k, arena in enumerate(arenas))
    made = draft(nodes[0].made_by, inputs, inputs[0], target, memory.batch)
    names = tuple(o.buffer for o in inputs)
    return Launch("update", made, names, (names[0], *names[2:]), NOWHERE)


def _multiplied(memory: Memory, node: Node, factored: Mapping[str, Squared], target: Target) -> Launch:
    """A step on a weight whose gradient is formed on the way."""
    operands = tuple(memory.operand(i) for i in node.inputs)
    length = factored[node.inputs[0]].gradient
    made = draft(node.made_by, operands, Operand(length, Tensor(target.dtype, ()), "w"), target, memory.batch)
    weight, _, _, *states = (o.buffer for o in operands)
    return Launch(node.id, made, tuple(o.buffer for o in operands), (weight, *states, length), node.span)


def _keep(memory: Memory, node: Node, target: Target) -> Launch:
    whole = tuple(memory.stretch(arena, target.dtype) for arena in ("kept", "next"))
    made = draft(node.made_by, whole, whole[0], target, memory.batch)
    kept, following = (o.buffer for o in whole)
    return Launch("keep", made, (kept, following), (kept,), NOWHERE)


def _with_barriers(launches: list[Launch], buffers: Mapping[str, Buffer]) -> tuple[Launch, ...]:
    """A barrier before each launch that touches what one since the last barrier writes, or writes what one reads."""
    parted: list[Launch] = []
    reads, writes = list[Buffer](), list[Buffer]()
    for launch in launches:
        shared = [_SHARED] if launch.draft.scratch[1] else []
        now_reads = [buffers[b] for b in launch.reads]
        now_writes = [buffers[b] for b in launch.writes] + shared
        if _meet(now_reads, writes) or _meet(now_writes, [*writes, *reads]):
            parted[-1] = replace(parted[-1], barrier=True)
            reads, writes = [], []
        reads += now_reads
        writes += now_writes
        parted.append(launch)
    if parted:
        parted[-1] = replace(parted[-1], barrier=True)
    return tuple(parted)


def _meet(some: list[Buffer], others: list[Buffer]) -> bool:
    return any(a.overlaps(b) for a in some for b in others)
