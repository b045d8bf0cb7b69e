"""Maps: a formula of operands, place by place."""

from typing import ClassVar

from netlang.formula import Name, Runtime, Term
from netlang.layer import Emit, Value
from netlang.primitives.map.gradient import formula, slopes
from netlang.primitives.primitive import Primitive, broadcast
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass
from netlang.types import Dim, Tensor

i0, i1, i2, i3, i4, i5 = (Name(f"i{k}") for k in range(6))


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
    """y = (x - mean) / deviation, perhaps scaled and shifted: what reads no y of it keeps x alone.

    Inputs: x, the mean of x over axes, one over its deviation there; scale and shift of each channel, where these say
    so; perhaps a size. The gradient is the whole one, through mean and deviation too, which themselves get none: with
    z = (x - mean) / deviation, the gradients of scale and shift are the sums of dy * z and of dy over the axes, and
    dx = (dy - (sum of dy + z * sum of dy * z) / size) / deviation * scale, size the numbers a sum has: all there are,
    or as many as the last input says. Where not all count, dy must be 0 at the others, and dx stands for nothing there
    (Ioffe and Szegedy 2015, section 3, simplified: the sum of z is 0, that of z*z is size * variance / deviation^2).
    """

    over: str = "batch"
    scaled: bool = False
    shifted: bool = False

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        x, mean, divisor, *rest = inputs
        scale, said = rest[: self.scaled], rest[self.scaled + self.shifted :]
        full = formula(emit, Name("dy") if dy.known is None else dy.known, {"": x, "dy": dy}, x.type)
        shift_by = emit(Sum(i0, self.over), full)
        scale_by = emit(Sum(i0 * ((i1 - i2) * i3), self.over), full, x, mean, divisor)
        size = Name(f"i{6 + self.scaled}") if said else Runtime("examples") * x.type.positions
        back = (i0 - (i4 + (i1 - i2) * i3 * i5) / size) * i3
        back = back * Name("i6") if self.scaled else back
        dx = emit(Map(back), full, x, mean, divisor, shift_by, scale_by, *scale, *said)
        return dx, None, None, *[scale_by] * self.scaled, *[shift_by] * self.shifted, *(None for _ in said)


@dataclass(frozen=True)
class Update(Primitive):
    """The optimizer's step on one weight: (w, g, *states) -> the first term; the states become the others.

    Inputs: the weight, its gradient and the optimizer's states, all of one shape.
    Works in place: the only primitive with an effect. The node's value is the new weight.
    states_from: the place of the first state among the inputs
    """

    states_from: ClassVar[int] = 2

    terms: tuple[Term, ...]

    def infer(self, w: Tensor, *_: Tensor) -> Tensor:
        return w
