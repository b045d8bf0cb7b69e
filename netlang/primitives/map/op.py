"""Maps: a formula of operands, place by place."""

from dataclasses import dataclass

from netlang.formula import Term
from netlang.primitives.primitive import Primitive


@dataclass(frozen=True)
class Map(Primitive):
    """y = term(i0, i1, ...), the operands spread over the broadcast shape.

    shape: of the result where it is not that of the operands broadcast
    """

    term: Term
    shape: tuple[int | str, ...] | None = None


@dataclass(frozen=True)
class Update(Primitive):
    """The optimizer's step on one weight: (w, g, *states) -> the first term; the states become the others.

    Inputs: the weight, its gradient and the optimizer's states, all of one shape.
    Works in place: the only primitive with an effect. The node's value is the new weight.
    """

    terms: tuple[Term, ...]
