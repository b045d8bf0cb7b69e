"""Sequences whose examples have lengths of their own: where they end, behind every layer (RULINGS 59).

A shorter example of a batch is what it would be alone, cut to its length. Behind its end all numbers are zero, so
that convolutions see zeros there; what sums, compares or averages over steps reads `Value.ends`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netlang.check.counts import data, running
from netlang.diagnostics import error
from netlang.formula import Channel, Name, keeps_zero, where
from netlang.graph import Input, Net, NodeId
from netlang.layer import Emit, Ends, Layer, Misfit, Value
from netlang.primitives.gather.op import Concat, Reshape
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.primitives.scan.op import Piece, Scan
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

LETTER = "T"  # stands for a number of steps that is not known


@dataclass(frozen=True, slots=True)
class Table:
    """How many steps are real behind a layer if 1, 2, ... are real at the input `of`.

    0 where a layer cannot take so many; `why` is empty where it can.
    """

    of: NodeId
    steps: tuple[int, ...]
    why: tuple[str, ...]


def is_sequence(x: Tensor) -> bool:
    """Whether a value of the graph of layers has steps: ("n", t, c), or tokens ("n", t)."""
    return len(x.shape) == (2 if x.classes else 3)


def sequences(net: Net) -> list[NodeId]:
    """The inputs that have steps."""
    return [node.id for node in net.graph.made_by(Input) if is_sequence(node.type)]


def whole(of: NodeId, x: Tensor) -> Table:
    """Of an input."""
    longest = x.arrayed(0)[1]
    return Table(of, tuple(range(1, longest + 1)), ("",) * longest)


def tables(net: Net, given: Mapping[NodeId, NodeId], *, training: bool) -> dict[NodeId, Table]:
    """Of every node whose examples end early. given: as `lower` has it.

    Raises NetError for a layer that is made for one length.
    """
    found = {name: whole(of, net.graph[name].type) for name, of in given.items()}
    used = running(net.graph, net.graph.outputs.values() if training else net.running())
    for node in net.graph if given else ():
        if not isinstance(node.made_by, Layer) or node.id not in used:
            continue
        sources = data(net.graph, node)
        try:
            table = behind(node.made_by, [s.type for s in sources], [found.get(s.id) for s in sources], node.type)
        except Misfit as misfit:
            title = f"{misfit}, and here examples have lengths of their own"
            raise error("lengths", title, node.span, help=misfit.help) from None
        if table is not None:
            found[node.id] = table
    return found


def behind(layer: Layer, types: list[Tensor], tables: list[Table | None], y: Tensor) -> Table | None:
    """The table of a layer's output; None where that is no sequence, or none that ends early.

    types, tables: of its inputs. Raises Misfit for a layer that is made for one length.
    """
    ending = [table for table in tables if table is not None]
    if not ending:
        return None
    if len({table.of for table in ending}) > 1:
        advice = "give `lengths=` without names: then they are those of all inputs"
        raise Misfit(f"`{layer.word}` reads what comes from several inputs", help=advice)
    if len(set(ending)) == 1:
        found = _fitted(layer, types, tables, LETTER)  # refuses what needs a fixed size
        if is_sequence(y) and found.shape[1] == LETTER:
            return ending[0]
    return _counted(layer, types, tables) if is_sequence(y) else None


def _fitted(layer: Layer, types: list[Tensor], tables: list[Table | None], steps: str) -> Tensor:
    cut = [x if table is None else _cut(x, steps) for x, table in zip(types, tables, strict=True)]
    return layer.fitted(*cut)


def _cut(x: Tensor, steps: int | str) -> Tensor:
    return replace(x, shape=(BATCH, steps, *x.shape[2:]))


def _counted(layer: Layer, types: list[Tensor], tables: list[Table | None]) -> Table:
    """Asks the layer, for every length there may be."""
    ending = [table for table in tables if table is not None]
    steps, why = [], []
    for k in range(len(ending[0].steps)):
        said = next((table.why[k] for table in ending if table.why[k]), "")
        cut = [x if table is None else _cut(x, table.steps[k]) for x, table in zip(types, tables, strict=True)]
        count, said = (0, said) if said else _asked(layer, types, cut)
        steps.append(count)
        why.append(said)
    return Table(ending[0].of, tuple(steps), tuple(why))


def _asked(layer: Layer, types: list[Tensor], cut: list[Tensor]) -> tuple[int, str]:
    """How many steps a layer makes of inputs that are cut; or 0, and what keeps it from that."""
    try:
        count = layer.fitted(*cut).arrayed(0)[1]
        if layer.alignment(*cut) != layer.alignment(*types):
            return 0, f"its steps would lie otherwise than in a sequence of {types[0].shape[1]}"
    except Misfit as misfit:
        return 0, str(misfit)
    return count, ""


def marked(emit: Emit, count: Value, steps: int) -> Value:
    """("n", t, 1) of `count` ("n", 1): 1 at the steps that are real, else 0."""
    flat = emit(Map(where(Channel() < Name("i0"), 1, 0), (BATCH, steps)), count)
    return emit(Reshape((steps, 1)), flat)


def zeroed(emit: Emit, y: Value, ends: Ends) -> Value:
    """Zero beyond the ends."""
    return emit(Map(where(Name("i1") > 0, Name("i0"), 0)), y, ends.real)


def still_zero(
    primitives: Iterable[tuple[Value, Primitive, tuple[Value, ...]]], inputs: Iterable[Value]
) -> list[Value]:
    """Those of some results that are zero beyond the ends: formulas of inputs that are, number by number; recurrences.

    primitives: result, what makes it, and what that reads, in order
    """
    zero = [x for x in inputs if x.ends is not None]
    for made, primitive, read in primitives:
        names = {f"i{k}" for k, x in enumerate(read) if x in zero and x.type.shape[:-1] == made.type.shape[:-1]}
        formula = isinstance(primitive, Map) and bool(names) and keeps_zero(primitive.term, names)
        joined = isinstance(primitive, Concat | Piece) and all(x in zero for x in read)
        if formula or joined or (isinstance(primitive, Scan) and primitive.lengths is not None):
            zero.append(made)
    return zero
