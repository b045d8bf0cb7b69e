"""Reductions of a formula over named axes."""

from netlang.formula import Name, Term
from netlang.layer import Emit, Value
from netlang.primitives.map.gradient import slopes
from netlang.primitives.primitive import Primitive, broadcast
from netlang.record import dataclass
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Sum(Primitive):
    """y = sum (or the largest) of term(i0, i1, ...) over axes.

    over: "channel"   -> ("n", h, w, 1)
          "positions" -> ("n", 1, 1, c)
          "batch"     -> (c,)   over the examples and the places
          "examples"  -> (h, w, c)
          "all"       -> ()
    how:  "sum" or "max"; a max is a constant for the gradient: it is only used where the result
          does not depend on it (the shift of a softmax)
    """

    term: Term
    over: str
    how: str = "sum"

    def infer(self, *inputs: Tensor) -> Tensor:
        full = broadcast(*inputs)
        if self.over == "all":
            return full.with_shape()
        if self.over == "batch":
            return full.with_shape(full.channels)
        if self.over == "examples":
            return full.with_shape(*full.shape[1:])
        places, channels = full.shape[1:-1], full.channels
        if self.over == "channel":
            return full.with_shape(BATCH, *places, 1)
        return full.with_shape(BATCH, *(1 for _ in places), channels)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        if self.how == "max":
            return (None,) * len(inputs)
        return slopes(self.term, emit, inputs, broadcast(*(x.type for x in inputs)), dy)


_AWAY = Name("i0") - Name("i1")


@dataclass(frozen=True)
class Squares(Sum):
    """y = sum over the batch of (x - mean)^2; inputs: x and the mean of x over the batch.

    That it is the mean is the promise: on CUDA what makes x takes them with the sum of x, before there is a mean.
    """

    term: Term = _AWAY * _AWAY
    over: str = "batch"
