"""The gradient of a recurrence is a recurrence that runs the other way (Werbos 1990, backpropagation through time).

The adjoint of a value is called by its name with a `d` in front. Each line, last first, adds to the adjoints of what
it reads; what reaches a state is the adjoint that the step before receives. Weights are left to products over all
steps behind the recurrence: of what they multiplied and the adjoint of what came out.
"""

from dataclasses import field

from netlang.formula import Name, Number, Term, derive, replace
from netlang.layer import Emit, Value
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Transpose
from netlang.primitives.map.op import Map
from netlang.primitives.scan.op import Given, Line, Piece, Product, Scan, Shared, State, spaced
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass

Values = tuple[Value | None, ...]
ZERO = Number(0)


def adjoint(name: str) -> str:
    """What the gradient by a value is called."""
    return f"d {name}"


@dataclass
class _Adjoint:
    """What the readers of a value send back: formulas, and products with transposed matrices."""

    terms: list[Term] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)


class Backward:
    """The recurrence of the gradients of another.

    lines: its lines; adjoints: which of them holds the gradient by a value
    wanted: the values of the other that it reads, or that products over all steps read
    """

    def __init__(self, scan: Scan) -> None:
        self.scan, self.widths = scan, scan.widths
        self.lines: list[Line] = []
        self.adjoints: dict[str, str] = {}
        self._parts: dict[str, _Adjoint] = {}
        self._said: dict[tuple[Term, int], str] = {}
        self._walk()
        self.wanted = self._wanted()

    def _walk(self) -> None:
        scan = self.scan
        for name in scan.outputs:
            self._part(name).terms.append(Name(f"out {name}"))
        for state in scan.states:
            self._part(state.value).terms.append(Name(f"next {state.name}"))
        for line in reversed(scan.lines):
            if line.name in self._parts:
                self._back(line)
        every: list[Given | Shared | State] = [*scan.given, *scan.shared, *scan.states]
        for each in every:
            self._settle(each.name)

    def _part(self, name: str) -> _Adjoint:
        return self._parts.setdefault(name, _Adjoint())

    def _settle(self, name: str) -> str:
        """The line that holds the whole adjoint of a value."""
        found, width = self._part(name), self.widths[name]
        terms = list(found.terms)
        if found.products:
            self.lines.append(Line(f"product {name}", width, products=tuple(found.products)))
            terms.append(Name(f"product {name}"))
        total = sum(terms[1:], terms[0]) if terms else ZERO
        if (total, width) not in self._said:
            self._said[total, width] = adjoint(name)
            self.lines.append(Line(adjoint(name), width, total))
        self.adjoints[name] = self._said[total, width]
        return self.adjoints[name]

    def _back(self, line: Line) -> None:
        """Add to the adjoints of what a line reads."""
        dy = self._settle(line.name)
        for product in line.products:
            turned = Product(dy, product.operand, product.column, product.row)
            self._part(product.value).products.append(turned)
        if line.term is None:
            return
        for name, slope in zip(line.reads, derive(line.term, Name(dy), line.reads), strict=True):
            if slope != ZERO:
                self._part(name).terms.append(replace(slope, line.term, Name(line.name)))

    def _wanted(self) -> tuple[str, ...]:
        """A state is read as its value, of the step before."""
        values = {state.name: state.value for state in self.scan.states}
        computed = {line.name for line in self.scan.lines}
        read = [name for line in self.lines for name in line.reads]
        read += [product.value for line in self.scan.lines for product in line.products]
        found = dict.fromkeys(values.get(name, name) for name in read)
        return tuple(name for name in found if name in computed)

    def gradients(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        """The gradient by every operand of the recurrence; y holds all that is wanted."""
        return _Gradients(self, emit, inputs, y, dy).all()


class _Gradients:
    """The backward recurrence put into a graph. Its operands are dy, y, and then those of the forward one."""

    def __init__(self, back: Backward, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> None:
        self.back, self.scan, self.emit, self.inputs, self.y = back, back.scan, emit, inputs, y
        self.put = self._put()
        self.starts = dict(zip(self.put, spaced([back.widths[self.of[name]] for name in self.put]), strict=True))
        self.dx = self._emitted(self._scan(), [dy, y, *self._operands()])

    @property
    def of(self) -> dict[str, str]:
        """A value for each adjoint; values that share one are equally wide."""
        return {made: name for name, made in self.back.adjoints.items()}

    def _put(self) -> tuple[str, ...]:
        """The adjoints that are put out: those of each sequence side by side, then of products, then of shared ones."""
        scan = self.scan
        named = [each.name for each in sorted(scan.given, key=lambda g: (g.operand, g.start))]
        named += [line.name for line in scan.lines if line.products]
        named += [shared.name for shared in scan.shared]
        return tuple(dict.fromkeys(self.back.adjoints[name] for name in named if name in self.back.adjoints))

    def _operands(self) -> list[Value]:
        matrices = {p.operand for line in self.scan.lines for p in line.products}
        return [self.emit(Transpose(), x) if k in matrices else x for k, x in enumerate(self.inputs)]

    def _emitted(self, scan: Scan, operands: list[Value]) -> Value:
        """The recurrence on the operands that it reads, so that no other is kept for it."""
        kept = sorted({0, *scan.operands})
        return self.emit(scan.on(kept), *(operands[k] for k in kept))

    def _scan(self) -> Scan:
        scan, widths = self.scan, self.back.widths
        at = scan.starts
        behind = 1 if scan.reverse else -1
        out = [Given(f"out {name}", 0, at[name], widths[name]) for name in scan.outputs]
        computed = {line.name for line in scan.lines}
        kept = [Given(n, 1, at[n], widths[n]) for n in self.back.wanted if n in computed]
        kept += [Given(s.name, 1, at[s.value], s.width, behind) for s in scan.states if s.value in at]
        given = [Given(g.name, g.operand + 2, g.start, g.width, g.shift) for g in scan.given]
        shared = [Shared(s.name, s.operand + 2, s.width) for s in scan.shared]
        states = [State(f"next {s.name}", self.back.adjoints[s.name], s.width) for s in scan.states]
        lines = [
            Line(n.name, n.width, n.term, tuple(Product(p.value, p.operand + 2, p.row, p.column) for p in n.products))
            for n in self.back.lines
        ]
        read = {name for line in lines for name in line.reads}
        return Scan(
            tuple(g for g in (*out, *kept, *given) if g.name in read),
            tuple(s for s in shared if s.name in read),
            tuple(states),
            tuple(lines),
            self.put,
            reverse=not scan.reverse,
            lengths=None if scan.lengths is None else scan.lengths + 2,
        )

    def all(self) -> Values:
        """One for each operand, None for lengths and for what only tells how long a sequence is."""
        scan = self.scan
        shared = {s.operand: s for s in scan.shared}
        assert not any(s.start for s in scan.shared), "only a pass behind this one cuts an operand into pieces"
        matrices = {p.operand for line in scan.lines for p in line.products}
        found: list[Value | None] = []
        for k, x in enumerate(self.inputs):
            if k in shared:
                piece = self._piece([self.back.adjoints[shared[k].name]])
                found.append(self.emit(Sum(Name("i0"), "batch"), piece))
            elif k in matrices:
                found.append(self._matrix(k, x))
            elif any(g.operand == k for g in scan.given):
                found.append(self._sequence(k, x))
            else:
                found.append(None)
        return tuple(found)

    def _piece(self, names: list[str]) -> Value:
        """Some adjoints that lie one behind the other, spaces between them included."""
        start = self.starts[names[0]]
        stop = self.starts[names[-1]] + self.back.widths[self.of[names[-1]]]
        if (start, stop) == (0, self.dx.type.channels):
            return self.dx
        return self.emit(Piece(start, stop - start), self.dx)

    def _joined(self, names: list[str], starts: list[int]) -> Value:
        """Adjoints as channels that begin at `starts`."""
        first = self.starts[names[0]]
        if [self.starts[name] - first for name in names] == [start - starts[0] for start in starts]:
            return self._piece(names)
        parts: list[Value] = []
        for name, start, after in zip(names, starts, [*starts[1:], None], strict=True):
            part = self._piece([name])
            parts.append(part)
            if after is not None and (gap := after - start - part.type.channels):
                parts.append(self.emit(Map(ZERO, (*part.type.shape[:-1], gap)), part))
        return self.emit(Concat(), *parts)

    def _sequence(self, operand: int, x: Value) -> Value:
        given = sorted((g for g in self.scan.given if g.operand == operand), key=lambda g: g.start)
        assert not any(g.shift for g in given), "no gradient of a gradient"
        found = self._joined([self.back.adjoints[g.name] for g in given], [g.start for g in given])
        assert found.type.channels == x.type.channels, "a scan reads all channels of its sequences"
        return found

    def _matrix(self, operand: int, x: Value) -> Value:
        """What the products multiplied, of all examples and steps, times the adjoints of what came out."""
        read = [(p, line.name) for line in self.scan.lines for p in line.products if p.operand == operand]
        read.sort(key=lambda found: found[0].column)
        assert len({(p.value, p.row) for p, _ in read}) == 1, "the columns of a matrix multiply one value"
        dy = self._joined([self.back.adjoints[name] for _, name in read], [p.column for p, _ in read])
        a = self._value(read[0][0].value)
        steps = a.type.arrayed(0)[1]
        return self.emit(Contraction("weight", size=(1, steps)), a, dy)

    def _value(self, name: str) -> Value:
        """A value of the forward recurrence at all steps."""
        scan = self.scan
        for state in scan.states:
            if state.name == name:
                behind = 1 if scan.reverse else -1
                return self.emit(Piece(scan.starts[state.value], state.width, behind), self.y)
        for given in scan.given:
            if given.name == name:
                return self.emit(Piece(given.start, given.width, given.shift), self.inputs[given.operand])
        return self.emit(Piece(scan.starts[name], self.back.widths[name]), self.y)
