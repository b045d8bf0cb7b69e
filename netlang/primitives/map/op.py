"""Maps: a formula of operands, place by place."""

from dataclasses import dataclass

from netlang.formula import Term
from netlang.layer import Emit, Value
from netlang.primitives.map.gradient import slopes
from netlang.primitives.primitive import Primitive, broadcast
from netlang.types import Dim, Tensor


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
class Update(Primitive):
    """The optimizer's step on one weight: (w, g, *states) -> the first term; the states become the others.

    Inputs: the weight, its gradient and the optimizer's states, all of one shape.
    Works in place: the only primitive with an effect. The node's value is the new weight.
    """

    terms: tuple[Term, ...]

    def infer(self, w: Tensor, *_: Tensor) -> Tensor:
        return w
