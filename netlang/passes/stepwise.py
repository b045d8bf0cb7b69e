"""A product of all steps in front of a recurrence moves into its steps: nothing is stored and read again.

before:  p = Contraction(x, v) + b     y = Scan[r = h'·w; h = tanh(p + r)](p, w)
after:   y = Scan[r = x·v + h'·w; h = tanh(b + r)](x, w, v, b)

That pays where all matrices of a step stay near each core, or x adds little to them, and where enough examples share
what is read of them.
"""

from dataclasses import replace

from netlang.formula import Name, Number, Term, derive, substitute
from netlang.graph import Graph, Node
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Map
from netlang.primitives.scan.op import Given, Line, Product, Scan, Shared
from netlang.primitives.scan.phases import near
from netlang.record import dataclass

LITTLE = 4  # times as wide is what else is multiplied
FEW = 16  # examples; below, a product of all steps has more rows to share a matrix among


@dataclass(frozen=True)
class _Outside:
    """The k-th operand of a recurrence as a product that it alone reads: x, its matrix, what is added, all of it."""

    operand: int
    x: str
    matrix: str
    bias: str | None
    nodes: tuple[str, ...]


def stepwise(graph: Graph, batch: int) -> Graph:
    """The graph in which recurrences multiply their inputs themselves."""
    moved = dict[str, Node]()
    gone = set[str]()
    for node in graph.made_by(Scan):
        for k in range(len(node.inputs)):
            now = moved.get(node.id, node)
            found = _outside(graph, now, k) if batch >= FEW else None
            if found is not None:
                taken = _taken(graph, now, found)
                if near(taken.made_by, node.type.dtype) or _little(taken.made_by, k):
                    moved[node.id] = taken
                    gone |= set(found.nodes)
    made = Graph(dict(graph.outputs))
    for node in graph:
        if node.id not in gone:
            made.add(moved.get(node.id, node))
    return made


def _outside(graph: Graph, node: Node, k: int) -> _Outside | None:
    """The operand, if it is a product of all steps, with or without a bias, that nothing else reads."""
    scan = node.made_by
    given = [g for g in scan.given if g.operand == k]
    if not given or any(g.shift for g in given) or scan.lengths == k:
        return None
    last = graph[node.inputs[k]]
    product, bias = last, None
    if isinstance(last.made_by, Map) and last.made_by.term == Name("i0") + Name("i1"):
        product, bias = graph[last.inputs[0]], last.inputs[1]
    chain = tuple({product.id: None, last.id: None})
    if any(len({r.id for r in graph.readers(i)}) != 1 or i in graph.outputs.values() for i in chain):
        return None
    made_by = product.made_by
    if not isinstance(made_by, Contraction) or made_by.role != "out" or made_by.kernel != (1, 1):
        return None
    if bias is not None and len(graph[bias].type.shape) != 1:
        return None
    x, matrix = product.inputs
    return _Outside(k, x, matrix, bias, chain)


def _little(scan: Scan, k: int) -> bool:
    """Whether the k-th operand has few channels beside what the recurrence multiplies anyway."""
    products = [p.value for line in scan.lines for p in line.products]
    new = [g.name for g in scan.given if g.operand == k]
    widest = max((scan.widths[name] for name in products if name not in new), default=0)
    return all(scan.widths[name] * LITTLE <= widest for name in new)


def _taken(graph: Graph, node: Node, outside: _Outside) -> Node:
    """The recurrence with the product in its lines."""
    scan, k = node.made_by, outside.operand
    inputs = [outside.x if i == k else name for i, name in enumerate(node.inputs)]
    matrix, bias = len(inputs), len(inputs) + 1
    inputs += [outside.matrix, *([outside.bias] if outside.bias else [])]
    x = Given(f"in {k}", k, 0, graph[outside.x].type.channels)
    whole = replace(scan, given=(*(g for g in scan.given if g.operand != k), x))
    for given in (g for g in scan.given if g.operand == k):
        added: Term = Number(0)
        if outside.bias:
            shared = Shared(f"bias {given.name}", bias, given.width, given.start)
            whole = replace(whole, shared=(*whole.shared, shared))
            added = Name(shared.name)
        whole = _multiplied(whole, given, Product(x.name, matrix, 0, given.start), added)
    return replace(node, made_by=whole, inputs=tuple(inputs))


def _multiplied(scan: Scan, given: Given, product: Product, added: Term) -> Scan:
    """The lines in which a value is computed, by the product, that was given."""
    mate = _mate(scan, given.name)
    if mate is None:
        own = Line(given.name, given.width, products=(product,))
        lines, said = (own, *scan.lines), Name(given.name) + added
    else:
        joined = replace(mate, products=(product, *mate.products))
        lines, said = tuple(joined if line is mate else line for line in scan.lines), added
    new = {given.name: said}
    terms = (line if line.term is None else replace(line, term=substitute(line.term, new)) for line in lines)
    return replace(scan, lines=tuple(terms))


def _mate(scan: Scan, name: str) -> Line | None:
    """The product that a value is only ever added to: one sum can hold both."""
    readers = [line for line in scan.lines if name in line.reads]
    if len(readers) != 1 or readers[0].term is None:
        return None
    put = {*scan.outputs, *scan.saved, *(state.value for state in scan.states)}
    for line in scan.lines:
        alone = [r.name for r in scan.lines if line.name in r.reads] == [readers[0].name]
        if line.term is None and alone and line.name not in put:
            first, second = derive(readers[0].term, Name("seed"), (name, line.name))
            if first == second:
                return line
    return None
