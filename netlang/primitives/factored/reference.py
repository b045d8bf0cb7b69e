"""The product, then the step."""

from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.map.op import Update
from netlang.primitives.map.reference import updated as stepped
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: FactoredUpdate, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The new weight. The states are the concern of `interpret`."""
    return updated(primitive, inputs, run)[0]


def updated(primitive: FactoredUpdate, inputs: tuple[Array, ...], run: Run) -> tuple[Array, ...]:
    """The new weight and states."""
    w, x, dy, *states = inputs
    return stepped(Update(primitive.terms), (w, x.T @ dy, *states), run)
