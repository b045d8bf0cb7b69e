"""Recurrences: the same equations for every step of a sequence, each reading what the step before it left."""

from dataclasses import replace
from itertools import accumulate

from netlang.formula import Term, names
from netlang.layer import Emit, Value
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

LANES = 16  # every piece of a joined result begins at a whole vector


@dataclass(frozen=True, slots=True)
class Given:
    """A value that a step reads from a sequence.

    operand: which one; start, width: which of its channels
    shift: 0 for those of the same place, -1 of the place before it; zeros where there is none
    only: the place at which the operand ("n", c), which has no others, is read; zeros everywhere else
    """

    name: str
    operand: int
    start: int
    width: int
    shift: int = 0
    only: int | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """Numbers that all steps read, one a unit: `width` of an operand of one axis, from `start`, a whole vector, on."""

    name: str
    operand: int
    width: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What a step leaves to the next: `name` is the `value` of the step before, zero at the start."""

    name: str
    value: str
    width: int


@dataclass(frozen=True, slots=True)
class Product:
    """A value times a part of an operand (rows, columns): its rows from `row`, its columns from `column`.

    It has as many rows as the value is wide, and as many columns as the line whose product it is.
    turned: whether rows and columns are those of the transposed operand (set by `passes/matrices.py`)
    """

    value: str
    operand: int
    row: int = 0
    column: int = 0
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A value: of a formula, number by number, or the sum of products."""

    name: str
    width: int
    term: Term | None = None
    products: tuple[Product, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of what it is made of."""
        return tuple(p.value for p in self.products) if self.term is None else names(self.term)

    def __str__(self) -> str:
        return " + ".join(map(_product, self.products)) if self.term is None else str(self.term)


@dataclass(frozen=True)
class Scan(Primitive):
    """y[n,t] = the outputs, then what is saved, of the lines for x[n,t], one step t after the other

    The first operand of three axes is a sequence ("n", t, c). All that is put out lies one behind the other in the
    channels of the result, each from a whole vector of 16 on, zeros between.

    lines: in the order in which they are computed
    outputs: the values that are put out and have a gradient; saved: those that gradients alone read
    reverse: whether the last step is computed first
    lengths: the operand ("n", 1) that says how many steps each example has; behind them all values are zero, and so
        a reverse recurrence starts at each example's own last step
    """

    given: tuple[Given, ...]
    shared: tuple[Shared, ...]
    states: tuple[State, ...]
    lines: tuple[Line, ...]
    outputs: tuple[str, ...]
    saved: tuple[str, ...] = ()
    reverse: bool = False
    lengths: int | None = None

    def infer(self, *operands: Tensor) -> Tensor:
        x = next(x for x in operands if x.batched and len(x.shape) == 3)
        last = (*self.outputs, *self.saved)[-1]
        return x.with_shape(BATCH, x.shape[1], self.starts[last] + self.widths[last])

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers each value has, of what is given and computed."""
        every: list[Given | Shared | State | Line] = [*self.given, *self.shared, *self.states, *self.lines]
        return {each.name: each.width for each in every}

    @property
    def starts(self) -> dict[str, int]:
        """The first channel of each output and saved value."""
        put = (*self.outputs, *self.saved)
        return dict(zip(put, spaced([self.widths[name] for name in put]), strict=True))

    @property
    def operands(self) -> list[int]:
        """The operands that something reads."""
        products = [p for line in self.lines for p in line.products]
        every: list[Given | Shared | Product] = [*self.given, *self.shared, *products]
        read = {each.operand for each in every} | ({self.lengths} if self.lengths is not None else set())
        return sorted(read)

    def on(self, kept: list[int]) -> "Scan":
        """The recurrence on some of its operands: the k-th of `kept` is the k-th."""
        now = {k: at for at, k in enumerate(kept)}
        return replace(
            self,
            given=tuple(replace(g, operand=now[g.operand]) for g in self.given),
            shared=tuple(replace(s, operand=now[s.operand]) for s in self.shared),
            lines=tuple(
                replace(n, products=tuple(replace(p, operand=now[p.operand]) for p in n.products)) for n in self.lines
            ),
            lengths=None if self.lengths is None else now[self.lengths],
        )

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        """dy: the gradient of the outputs, with or without that of what is saved, which counts as none."""
        from netlang.primitives.scan.gradient import Backward

        back = Backward(self)
        if missing := tuple(name for name in back.wanted if name not in self.starts):
            whole = replace(self, saved=(*self.saved, *missing))
            back, y = Backward(whole), emit(whole, *inputs)
        return back.gradients(emit, inputs, y, dy)

    def __str__(self) -> str:
        lines = [f"{s.name}: {s.value} before" for s in self.states]
        lines += [f"{line.name} = {line}" for line in self.lines]
        said = [f"-> {', '.join((*self.outputs, *self.saved))}", "reverse" * self.reverse]
        return f"Scan[{'; '.join([*lines, *filter(None, said)])}]"


@dataclass(frozen=True)
class Piece(Primitive):
    """y[n,t,f] = x[n, t + shift, start + f]: one of the values that a scan puts out; zeros beyond the ends

    start, width: which channels
    shift: -1 for the place before

    The gradient of the first output is passed on as it is: scans take it so.
    """

    start: int
    width: int
    shift: int = 0

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(*x.shape[:-1], self.width)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        assert (self.start, self.shift) == (0, 0), "what a scan saves has no gradient"
        return (dy,)


def spaced(widths: list[int]) -> list[int]:
    """Where each of some values begins if every one takes whole vectors of 16."""
    return list(accumulate((-(-width // LANES) * LANES for width in widths[:-1]), initial=0))


def _product(product: Product) -> str:
    part = f"[{product.row}:, {product.column}:]" if product.row or product.column else ""
    return f"{product.value}·i{product.operand}{'ᵀ' * product.turned}{part}"
