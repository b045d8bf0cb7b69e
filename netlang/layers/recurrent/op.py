"""Recurrent layers: signatures and counts. Their equations are those of RULINGS 55 to 59."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from netlang import sizes
from netlang.layer import Layer, Misfit, Weight, register
from netlang.layers.initial import Initial
from netlang.layers.sliding import positive
from netlang.types import BATCH, Count, Tensor, shown

BACK = "back."  # in front of the names of the weights that read a sequence from its end


@dataclass(frozen=True)
class Recurrent(Layer):
    """What they share. Subclasses have the settings `width last reverse bidirectional` and state `cell` and `extra`."""

    compiled = False
    width: int

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
        width = self.width * (2 if self.flag("bidirectional") else 1)
        return x.with_shape(BATCH, *(() if self.flag("last") else x.shape[1:2]), width)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        forward = self.cell(x.channels, x.dtype)
        if not self.flag("bidirectional"):
            return forward
        backward = (Weight(BACK + w.name, w.type, w.init, w.fans, w.decays) for w in forward)
        return (*forward, *backward)

    def cell(self, m: int, dtype: str) -> tuple[Weight, ...]:
        """The weights of one direction, for m features in."""
        raise TypeError(f"{type(self).__name__} must say what it trains")

    def matrix(self, name: str, rows: int, dtype: str) -> Weight:
        """A weight that `rows` numbers are multiplied by."""
        init = "xavier" if (said := str(getattr(self, "init", "auto"))) == "auto" else said
        return Weight(name, Tensor(dtype, (rows, self.width)), init, (rows, self.width), decays=True)

    def vector(self, name: str, dtype: str, init: str = "zeros", *, decays: bool = False) -> Weight:
        """A bias, or a weight number by number."""
        return Weight(name, Tensor(dtype, (self.width,)), init, decays=decays)

    def macs(self, y: Tensor, x: Tensor) -> Count:
        """Of the whole sequence, every step and direction."""
        step = sum(w.type.size for w in self.weights(x) if len(w.type.shape) == 2)
        return sizes.counted(x.shape[1]) * step

    def flops(self, y: Tensor, x: Tensor) -> Count:
        directions = 2 if self.flag("bidirectional") else 1
        return 2 * self.macs(y, x) + sizes.counted(x.shape[1]) * (directions * self.extra() * self.width)

    def extra(self) -> int:
        """Operations of one unit in one step beside the products."""
        raise TypeError(f"{type(self).__name__} must say what it computes")


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
    """

    word = "rnn"
    act: Literal["tanh", "relu", "sigmoid"] = "tanh"
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def cell(self, m: int, dtype: str) -> tuple[Weight, ...]:
        return self.matrix("W", m + self.width, dtype), self.vector("b", dtype)

    def extra(self) -> int:
        return 2


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
    """

    word = "lstm"
    gates: ClassVar[str] = "fiog"
    peephole: bool = False
    forget: float = 1.0
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def cell(self, m: int, dtype: str) -> tuple[Weight, ...]:
        found: list[Weight] = []
        for gate in self.gates:
            found.append(self.matrix(f"{gate}.W", m + self.width, dtype))
            if self.peephole and gate != "g":
                found.append(self.vector(f"{gate}.w", dtype, "normal", decays=True))
            found.append(self.vector(f"{gate}.b", dtype, f"constant({self.forget:g})" if gate == "f" else "zeros"))
        return tuple(found)

    def extra(self) -> int:
        return 13 + 6 * self.peephole  # a bias and a function for each gate; 3 for c, 2 for h; 2 for each peephole


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
    """

    word = "gru"
    reset: Literal["after", "before"] = "after"
    last: bool = False
    reverse: bool = False
    bidirectional: bool = False
    init: Initial = "auto"

    def cell(self, m: int, dtype: str) -> tuple[Weight, ...]:
        n = self.width
        gates = [w for gate in "zr" for w in (self.matrix(f"{gate}.W", m + n, dtype), self.vector(f"{gate}.b", dtype))]
        if self.reset == "before":
            return (*gates, self.matrix("g.W", m + n, dtype), self.vector("g.b", dtype))
        inner = ((f"g.W{k}", f"g.b{k}", rows) for k, rows in ((1, m), (2, n)))
        return (*gates, *(w for W, b, rows in inner for w in (self.matrix(W, rows, dtype), self.vector(b, dtype))))

    def extra(self) -> int:
        # a bias and a function for z and r, 4 for h; for g 5 after, or 3 before
        return 8 + (5 if self.reset == "after" else 3)
