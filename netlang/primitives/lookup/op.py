"""Rows of a table by their numbers, and the gradient of the table."""

from netlang.layer import Emit, Value
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import Tensor


@dataclass(frozen=True)
class Lookup(Primitive):
    """y[n,t,f] = w[x[n,t,0], f]; x holds whole numbers from 0, as floats"""

    def infer(self, x: Tensor, w: Tensor) -> Tensor:
        return x.with_shape(*x.shape[:-1], w.channels)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        x, w = inputs
        return None, emit(LookupGradient(w.type.arrayed(0)[0]), x, dy)


@dataclass(frozen=True)
class LookupGradient(Primitive):
    """dw[v,f] = sum of dy[n,t,f] over all n, t where x[n,t,0] = v

    rows: of the table
    """

    rows: int

    def infer(self, x: Tensor, dy: Tensor) -> Tensor:
        return x.with_shape(self.rows, dy.channels)
