"""A cell as primitives: products over all steps in front of the recurrence, and the recurrence.

What depends on no state is taken out of the loop: the part of each product W[x, h] that reads x. All such parts that
read the same are columns of one product; matrices that multiply the same value inside the loop are columns of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace

from netlang.formula import Call, Name, Number, Term, call, names, substitute
from netlang.layer import Emit, Value
from netlang.layers.recurrent.cell import INPUT, Fitted, Owned, before
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Rows
from netlang.primitives.map.gradient import formula
from netlang.primitives.map.op import Map
from netlang.primitives.scan.gradient import Backward
from netlang.primitives.scan.op import Given, Line, Piece, Product, Scan, Shared, State, spaced
from netlang.record import dataclass

OUTER, INNER = "outer ", "inner "  # in front of a weight's name: its products outside the loop, and inside it


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of a weight that multiply one value: columns of a joined matrix, under the name the loop gives them."""

    name: str
    weight: str
    row: int
    rows: int


@dataclass
class Lowering:
    """A recurrence under construction. weights: by their names in the cell."""

    cell: Fitted
    emit: Emit
    x: Value
    weights: Mapping[str, Value]
    given: list[Given] = field(default_factory=list)
    shared: list[Shared] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    operands: list[Value] = field(default_factory=list)
    columns: dict[tuple[str, ...], Value] = field(default_factory=dict)

    def put(self, *, training: bool, reverse: bool) -> Value:
        """The output of every step. training: whether values that gradients need are put out too."""
        cell = self.cell
        self.operands.append(self.x)
        self.given.append(Given(INPUT, 0, 0, self.x.type.channels))
        states = tuple(State(before(name), name, width) for name, width in cell.states.items())
        self._loop(states)
        read = {name for line in self.lines for name in line.reads}
        lengths = None if self.x.ends is None else len(self.operands)
        self.operands += [self.x.ends.count] if self.x.ends is not None else []
        scan = Scan(
            tuple(g for g in self.given if g.name in read),
            tuple(self.shared),
            tuple(s for s in states if s.name in read),
            tuple(self.lines),
            (cell.output,),
            reverse=reverse,
            lengths=lengths,
        )
        if training:
            wanted = tuple(name for name in Backward(scan).wanted if name != cell.output)
            scan = replace(scan, saved=wanted)
        y = self.emit(scan, *self.operands)
        return self.emit(Piece(0, cell.widths[cell.output]), y) if scan.saved else y

    def _loop(self, states: tuple[State, ...]) -> None:
        """The lines of the recurrence, and what they read."""
        free = _independent(self.cell)
        outer: dict[Term, list[_Block]] = {}
        inner: dict[str, list[_Block]] = {}
        sums: dict[str, Term] = {}
        owned = {o.name: o for e in self.cell.equations for o in e.owned}
        for equation in self.cell.equations:
            for each in reversed(equation.owned):  # products within products first
                if each.kind == "W":
                    sums[each.name] = self._split(each, free, outer, inner, sums)
            self.lines.append(Line(equation.name, self.cell.widths[equation.name], substitute(equation.term, sums)))
        biases: dict[str, str] = {}
        self.lines = [
            line if line.term is None else replace(line, term=_absorbed(line.term, owned, biases))
            for line in self.lines
        ]
        self.lines = _needed(self.lines, states, self.cell.output)
        there = {name for line in self.lines for name in (line.name, *line.reads)}
        for term, blocks in outer.items():
            self._product_outside(term, [block for block in blocks if block.name in there], biases)
        self._products_inside([[b for b in blocks if b.name in there] for blocks in inner.values()])
        for name in dict.fromkeys(name for line in self.lines for name in line.reads if name in owned):
            self.shared.append(Shared(name, len(self.operands), self.cell.widths[name]))
            self.operands.append(self.weights[name])

    def _split(
        self,
        owned: Owned,
        free: set[str],
        outer: dict[Term, list[_Block]],
        inner: dict[str, list[_Block]],
        sums: Mapping[str, Term],
    ) -> Term:
        """W[x, h] as a sum of what is computed outside the loop and inside it."""
        row, parts = 0, list[Term]()
        for k, operand in enumerate(owned.operands):
            rows = self.cell.width(operand)
            block = _Block(f"{OUTER}{owned.name}.{k}", owned.name, row, rows)
            row += rows
            if set(names(operand)) <= free:
                outer.setdefault(operand, []).append(block)
            else:
                block = replace(block, name=f"{INNER}{owned.name}.{k}")
                read = self._named(f"{owned.name}.{k}", rows, substitute(operand, sums))
                inner.setdefault(read, []).append(block)
                self.lines.append(Line(block.name, self.cell.widths[owned.name], products=(Product(read, 0),)))
            parts.append(Name(block.name))
        return sum(parts[1:], parts[0])

    def _named(self, name: str, width: int, term: Term) -> str:
        if isinstance(term, Name):
            return term.name
        self.lines.append(Line(name, width, term))
        return name

    def _product_outside(self, term: Term, blocks: list[_Block], biases: Mapping[str, str]) -> None:
        """One product over all steps, its biases added; each block is a piece of it."""
        if not blocks:
            return
        x = self._sequence(term)
        y = self.emit(Contraction(size=(1, self.steps)), x, self._matrix(blocks))
        if any(block.name in biases for block in blocks):
            vectors = [self.weights[biases[b.name]] if b.name in biases else None for b in blocks]
            y = self.emit(Map(Name("i0") + Name("i1")), y, self._side_by_side(blocks, vectors, ()))
        for block, start in zip(blocks, self._starts(blocks), strict=True):
            self.given.append(Given(block.name, len(self.operands), start, self.cell.widths[block.weight]))
        self.operands.append(y)

    def _products_inside(self, inner: list[list[_Block]]) -> None:
        where: dict[str, tuple[int, int]] = {}
        for blocks in filter(None, inner):
            for block, start in zip(blocks, self._starts(blocks), strict=True):
                where[block.name] = len(self.operands), start
            self.operands.append(self._matrix(blocks))
        self.lines = [
            replace(line, products=tuple(Product(p.value, k, 0, column) for p in line.products))
            for line in self.lines
            for k, column in [where.get(line.name, (0, 0))]
        ]

    def _starts(self, blocks: list[_Block]) -> list[int]:
        return spaced([self.cell.widths[block.weight] for block in blocks])

    def _matrix(self, blocks: list[_Block]) -> Value:
        """The rows of some weights, side by side. Where they are the same rows, the weights are joined once."""
        heights = {block.weight: self.weights[block.weight].type.arrayed(0)[0] for block in blocks}
        if len({(block.row, block.rows, heights[block.weight]) for block in blocks}) > 1:
            parts = [self._rows(self.weights[b.weight], b) for b in blocks]
            return self._side_by_side(blocks, parts, (blocks[0].rows,))
        key = tuple(block.weight for block in blocks)
        if key not in self.columns:
            self.columns[key] = self._side_by_side(blocks, [self.weights[n] for n in key], (heights[key[0]],))
        return self._rows(self.columns[key], blocks[0])

    def _rows(self, w: Value, block: _Block) -> Value:
        if block.rows == w.type.arrayed(0)[0]:
            return w
        return self.emit(Rows(block.row, block.rows), w)

    def _side_by_side(self, blocks: list[_Block], parts: Sequence[Value | None], rows: tuple[int, ...]) -> Value:
        """Columns that begin at whole vectors of 16, zeros between them and for what is None."""
        joined: list[Value] = []
        starts = self._starts(blocks)
        some = next(part for part in parts if part is not None)
        for block, part, start, after in zip(blocks, parts, starts, [*starts[1:], None], strict=True):
            width = self.cell.widths[block.weight]
            gap = 0 if after is None else after - start - width
            joined += [self._zeros(some, rows, width) if part is None else part]
            joined += [self._zeros(some, rows, gap)] if gap else []
        return self.emit(Concat(), *joined) if len(joined) > 1 else joined[0]

    def _zeros(self, like: Value, rows: tuple[int, ...], width: int) -> Value:
        return self.emit(Map(Number(0), (*rows, width)), like)

    @property
    def steps(self) -> int:
        """How long the sequence is."""
        return self.x.type.arrayed(0)[1]

    def _sequence(self, term: Term) -> Value:
        """What depends on no state, at all steps at once."""
        if term == Name(INPUT):
            return self.x
        values = {INPUT: self.x, **self.weights}
        equations = {e.name: e for e in self.cell.equations}
        owned = {o.name: o for e in self.cell.equations for o in e.owned if o.kind == "W"}
        for name in names(term):
            if name in equations:
                values[name] = self._sequence(equations[name].term)
            elif name in owned:
                parts = [self._sequence(operand) for operand in owned[name].operands]
                x = self.emit(Concat(), *parts) if len(parts) > 1 else parts[0]
                values[name] = self.emit(Contraction(size=(1, self.steps)), x, self.weights[name])
        full = self.x.type.with_shape("n", self.steps, self.cell.width(term))
        return formula(self.emit, term, {"": self.x, **{name: values[name] for name in names(term)}}, full)


def _independent(cell: Fitted) -> set[str]:
    """The names that depend on no state: they are the same whatever the steps before were."""
    free = {INPUT}
    for equation in cell.equations:
        products = [o for o in equation.owned if o.kind == "W"]
        free |= {o.name for o in equation.owned if o.kind != "W"}
        for owned in reversed(products):
            if all(set(names(operand)) <= free for operand in owned.operands):
                free.add(owned.name)
        if set(names(equation.term)) <= free:
            free.add(equation.name)
    return free


def _absorbed(term: Term, owned: Mapping[str, Owned], biases: dict[str, str]) -> Term:
    """The term without the biases that stand in a sum with a product from outside the loop; `biases` gets them."""
    if not isinstance(term, Call):
        return term
    if term.name != "add":
        return call(term.name, *(_absorbed(a, owned, biases) for a in term.args))
    parts = [_absorbed(part, owned, biases) for part in _summands(term)]
    outside = [p.name for p in parts if isinstance(p, Name) and p.name.startswith(OUTER) and p.name not in biases]
    vectors = [p for p in parts if isinstance(p, Name) and p.name in owned and owned[p.name].kind == "b"]
    for host, vector in zip(outside, vectors, strict=False):
        biases[host] = vector.name
        parts.remove(vector)
    return sum(parts[1:], parts[0])


def _summands(term: Term) -> list[Term]:
    if isinstance(term, Call) and term.name == "add":
        return [part for a in term.args for part in _summands(a)]
    return [term]


def _needed(lines: list[Line], states: tuple[State, ...], output: str) -> list[Line]:
    """The lines that lead to the output, through states too."""
    values = {state.name: state.value for state in states}
    wanted: set[str] = set()
    more = {output}
    while more - wanted:
        wanted |= more
        more = {values.get(name, name) for line in lines if line.name in wanted for name in line.reads}
    return [line for line in lines if line.name in wanted]
