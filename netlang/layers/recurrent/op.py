"""Recurrent layers: what their cells say of signatures and counts (LANGUAGE.md section 5, RULINGS 55 to 59)."""

from collections.abc import Mapping
from dataclasses import MISSING, field, make_dataclass, replace
from functools import cache
from typing import Any, ClassVar, Literal

from netlang import sizes
from netlang.formula import count, names
from netlang.layer import Emit, Layer, Misfit, Recurrence, Value, Weight, register
from netlang.layers.initial import Initial
from netlang.layers.recurrent import text
from netlang.layers.recurrent.cell import INPUT, Cell, Equation, Fitted, Owned
from netlang.layers.recurrent.library import shipped
from netlang.layers.recurrent.lowering import Lowering
from netlang.layers.sequence.op import at_step, last_step
from netlang.layers.sliding import positive
from netlang.primitives.gather.op import Concat
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor, shown

WIDEST = 2**31
BACK = "back."  # in front of the names of the weights that read a sequence from its end
DIRECTIONS = {
    "last": "whether only the last step is given",
    "reverse": "whether the sequence is read from its end",
    "bidirectional": "whether it is read both ways, the outputs joined (Schuster and Paliwal 1997)",
}


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell run over a sequence. Subclasses have the settings `width last reverse bidirectional` and state `body`."""

    arguments: ClassVar[Mapping[str, str]] = {"n": "width"}
    width: int

    def body(self) -> Cell:
        """The equations of one step."""
        raise TypeError(f"{type(self).__name__} must say what it computes")

    def values(self) -> dict[str, float]:
        """The parameters of the cell."""
        return {name: getattr(self, setting) for name, setting in self.arguments.items()}

    def of(self, x: Tensor) -> Fitted:
        """The cell for what it reads. Raises Misfit where widths do not go together."""
        return _of(self.body(), tuple(self.values().items()), x.channels)

    def flag(self, name: str) -> bool:
        """One of the yes-or-no settings."""
        return bool(getattr(self, name, False))

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        if len(x.shape) != 3:
            raise Misfit(
                f"`{self.word}` reads a sequence, and this is {shown(x.shape)}",
                help="a sequence is `input Tx28`; `reshape` makes one of an image of a fixed size",
            )
        if self.flag("bidirectional") and self.flag("reverse"):
            raise Misfit("`bidirectional` reads in both directions, `reverse` in one", setting="reverse")
        cell = self.of(x)
        if (widest := max(cell.widths.values())) > WIDEST:
            raise Misfit(f"a state of {widest:,} numbers is more than {WIDEST:,}")
        width = cell.widths[cell.output] * (2 if self.flag("bidirectional") else 1)
        return x.with_shape(BATCH, *(() if self.flag("last") else x.shape[1:2]), width)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        cell = self.of(x)
        forward = tuple(self.weight(o, cell, x.dtype) for one in cell.equations for o in one.owned)
        if not self.flag("bidirectional"):
            return forward
        return (*forward, *(replace(weight, name=BACK + weight.name) for weight in forward))

    def weight(self, owned: Owned, cell: Fitted, dtype: str) -> Weight:
        """What an equation trains: a matrix, a bias, or a weight number by number."""
        shape = cell.shape(owned)
        fans = (shape[0], shape[1]) if len(shape) == 2 else (1, 1)
        return Weight(owned.name, Tensor(dtype, shape), self.start(owned), fans, decays=owned.kind != "b")

    def start(self, owned: Owned) -> str:
        """How a weight starts."""
        if owned.kind != "W":
            return "normal" if owned.kind == "w" else "zeros"
        said = str(getattr(self, "init", "auto"))
        return "xavier" if said == "auto" else said

    def rule(self, x: Tensor) -> tuple[str, ...]:
        cell = self.of(x)
        return tuple(text.shaped(one, cell) for one in cell.equations)

    def macs(self, y: Tensor, x: Tensor) -> Count:
        """Of the whole sequence, every step and direction."""
        step = sum(w.type.size for w in self.weights(x) if len(w.type.shape) == 2)
        return sizes.counted(x.shape[1]) * step

    def carried(self, y: Tensor, x: Tensor) -> Count:
        cell, plain, step = self.of(x), {INPUT}, 0
        for one in cell.equations:
            for owned in one.owned:
                inner = (operand for operand in owned.operands if not plain.issuperset(names(operand)))
                step += sum(map(cell.width, inner)) * cell.widths[owned.name] * (owned.kind == "W")
            if not one.owned and plain.issuperset(names(one.term)):
                plain.add(one.name)
        return sizes.counted(x.shape[1]) * step * (2 if self.flag("bidirectional") else 1)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        directions = 2 if self.flag("bidirectional") else 1
        cell = self.of(x)
        step = sum(operations(one, cell) for one in cell.equations)
        return 2 * self.macs(y, x) + sizes.counted(x.shape[1]) * (directions * step)

    def recurrence(self) -> Recurrence:
        ways = (
            ("forward", "backward")
            if self.flag("bidirectional")
            else ("backward" if self.flag("reverse") else "forward",)
        )
        return Recurrence(tuple(name for name, _ in self.body().states), ways, self.flag("last"))

    def lower(self, emit: Emit, training: bool, x: Value, *weights: Value) -> Value:
        cell = self.of(x.type)
        names = [owned.name for one in cell.equations for owned in one.owned]
        ways = (False, True) if self.flag("bidirectional") else (self.flag("reverse"),)
        found = []
        for k, reverse in enumerate(ways):
            own = dict(zip(names, weights[k * len(names) : (k + 1) * len(names)], strict=True))
            y = Lowering(cell, emit, x, own).put(training=training, reverse=reverse)
            if self.flag("last"):
                y = at_step(emit, y, 0) if reverse else last_step(emit, y, x.ends)
            found.append(y)
        return emit(Concat(), *found) if len(found) > 1 else found[0]


@cache
def _of(body: Cell, values: tuple[tuple[str, float], ...], features: int) -> Fitted:
    return body.fitted(dict(values), features)


def operations(one: Equation, cell: Fitted) -> int:
    """The operations of an equation in one step beside the products."""
    inside = sum(count(operand) * cell.width(operand) for owned in one.owned for operand in owned.operands)
    return count(one.term) * cell.widths[one.name] + inside


@register
@dataclass(frozen=True)
class Rnn(Recurrent):
    """h = act(W [x, h] + b), step by step        (Elman 1990; Goodfellow et al. 2016, eq. 10.8)

    width:   how long h is
    act:     the activation
    last:    whether only the last step is given
    reverse: whether the sequence is read from its end
    bidirectional: whether it is read both ways, the outputs joined (Schuster and Paliwal 1997)
    init:    how W starts; `auto` is `xavier`

    For example:

        input Tx4
        rnn-8 act=relu last     -> 8
    """

    word = "rnn"
    act: Literal["tanh", "relu", "sigmoid"] = "tanh"
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def body(self) -> Cell:
        return shipped(self.word if self.act == "tanh" else f"{self.word}_{self.act}")


@register
@dataclass(frozen=True)
class Lstm(Recurrent):
    """f, i, o = sigmoid(W [x, h] + b), g = tanh(W [x, h] + b), c = f*c + i*g, h = o*tanh(c), each with its own W and b

    width:   how long h and c are
    peephole: whether f and i also see w*c of the step before, and o that of this step (Gers and Schmidhuber 2000)
    forget:  what the bias of f starts as (Jozefowicz et al. 2015)
    last:    whether only the last step is given
    reverse: whether the sequence is read from its end
    bidirectional: whether it is read both ways, the outputs joined
    init:    how the W start; `auto` is `xavier`

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    For example:

        input Tx4
        lstm-8 peephole bidirectional   -> Tx16
        mean                            -> 16
    """

    word = "lstm"
    peephole: bool = False
    forget: float = 1.0
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def body(self) -> Cell:
        return shipped("lstm_peephole" if self.peephole else "lstm")

    def start(self, owned: Owned) -> str:
        return f"constant({self.forget:g})" if owned.name == "f.b" else super().start(owned)


@register
@dataclass(frozen=True)
class Gru(Recurrent):
    """z, r = sigmoid(W [x, h] + b), h = z*h + (1-z)*g, with g = tanh(W x + b + r*(W h + b)), each with its own W and b

    width:   how long h is
    reset:   `after` is the g above; `before` is g = tanh(W [x, r*h] + b), as in Cho et al. 2014
    last:    whether only the last step is given
    reverse: whether the sequence is read from its end
    bidirectional: whether it is read both ways, the outputs joined
    init:    how the W start; `auto` is `xavier`

    For example:

        input Tx4
        gru-8, last     -> 8
    """

    word = "gru"
    reset: Literal["after", "before"] = "after"
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def body(self) -> Cell:
        return shipped("gru" if self.reset == "after" else "gru_before")


@cache
def layer_of(cell: Cell) -> type[Recurrent]:
    """The layer of a user's own cell; equal cells give the same one."""
    (first, usual), *others = cell.parameters
    named: list[Any] = [("width", int, field(default=MISSING if usual is None else int(usual)))]
    named += [(name, float, field(default=MISSING if value is None else value)) for name, value in others]
    named += [(name, bool, field(default=False)) for name in DIRECTIONS]
    lines = tuple(text.statement(cell))
    said = {
        "word": cell.name,
        "arguments": {first: "width", **{name: name for name, _ in others}},
        "body": lambda _: cell,
        "statement": lambda _: lines,
        "__doc__": _document(cell),
        "__module__": __name__,
    }
    named.append(("init", Initial, field(default="auto")))
    return make_dataclass(cell.name, named, bases=(Recurrent,), namespace=said, unsafe_hash=True)


def _document(cell: Cell) -> str:
    """What the layer says of itself: its equations, and a line for each setting."""
    (first, _), *others = cell.parameters
    settings = {"width": first, **{name: "a parameter of the equations" for name, _ in others}, **DIRECTIONS}
    lines = [
        f"    {name}: {what}" for name, what in {**settings, "init": "how the W start; `auto` is `xavier`"}.items()
    ]
    return "\n".join([", ".join(map(text.equation, cell.equations)), "", *lines])
