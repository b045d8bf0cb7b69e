"""Maps: a formula of operands, place by place."""

from dataclasses import dataclass

from netlang.formula import Name, Runtime, Term
from netlang.layer import Emit, Value
from netlang.primitives.map.gradient import formula, slopes
from netlang.primitives.primitive import Primitive, broadcast
from netlang.primitives.sum.op import Sum
from netlang.types import Dim, Tensor

i0, i1, i2, i3, i4 = (Name(f"i{k}") for k in range(5))


@dataclass(frozen=True)
class Map(Primitive):
    """y = term(i0, i1, ...), the operands spread over the broadcast shape.

    shape: of the result where it is not that of the operands broadcast
    """

    term: Term
    shape: tuple[Dim, ...] | None = None

    def infer(self, *inputs: Tensor) -> Tensor:
        found = broadcast(*inputs)
        return found if self.shape is None else found.with_shape(*self.shape)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        return slopes(self.term, emit, inputs, y.type, dy, y)


@dataclass(frozen=True)
class Standardise(Map):
    """y = (x - mean) / deviation: inputs x, the mean of x over axes, one over its deviation there, and perhaps a size.

    The gradient is the whole one, through mean and deviation too, which themselves get none:
    dx = (dy - (sum of dy + y * sum of dy * y) / size) / deviation, size the numbers a sum has: all there are, or as
    many as the fourth input says. Where not all count, dy must be 0 at the others, and dx stands for nothing there
    (Ioffe and Szegedy 2015, section 3, simplified: the sum of y is 0, that of y*y is size * variance / deviation^2).
    """

    over: str = "batch"

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        x, _, divisor, *said = inputs
        full = formula(emit, Name("dy") if dy.known is None else dy.known, {"": x, "dy": dy}, x.type)
        both = emit(Sum(i0, self.over), full), emit(Sum(i0 * i1, self.over), full, y)
        size = Name("i5") if said else Runtime("examples") * x.type.positions
        share = (i1 + i2 * i3) / size
        dx = emit(Map((i0 - share) * i4), full, both[0], y, both[1], divisor, *said)
        return dx, *(None for _ in inputs[1:])


@dataclass(frozen=True)
class Update(Primitive):
    """The optimizer's step on one weight: (w, g, *states) -> the first term; the states become the others.

    Inputs: the weight, its gradient and the optimizer's states, all of one shape.
    Works in place: the only primitive with an effect. The node's value is the new weight.
    """

    terms: tuple[Term, ...]

    def infer(self, w: Tensor, *_: Tensor) -> Tensor:
        return w
