"""What a primitive is: one of the closed set everything is lowered to.

Operands are always called `i0`, `i1`, ... in the order of the node's inputs; a formula (a `Term`)
refers to them by these names. How an operand of a formula is spread over the result is told by its shape:

    full      the result's shape
    channel   (c,)           one number per channel
    place     (h, w, c)      one number per place and channel, the same for all examples
    position  ("n", h, w, 1) one number per place, spread over the channels
    image     ("n", 1, 1, c) one number per example and channel, spread over the places
    example   ("n", 1, 1, 1) or ("n", 1)
    scalar    ()
"""

from dataclasses import fields
from typing import Any, ClassVar

from netlang.layer import Emit, Value
from netlang.record import dataclass
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Primitive:
    """A frozen dataclass; its fields are all that shapes the computation beside the operands' types."""

    per_example: ClassVar[bool] = True  # a batch of n gives what n batches of one give

    def infer(self, *inputs: Any, **_: Any) -> Tensor:
        """The type of the result. Subclasses spell the inputs out."""
        raise TypeError(f"{type(self).__name__} must say what it makes of its inputs")

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        """One gradient for each input, None where there is none, written in primitives."""
        raise TypeError(f"{type(self).__name__} has no gradient")

    def __str__(self) -> str:
        """The class and the fields that are not their defaults."""
        said = []
        for f in fields(self):
            value = getattr(self, f.name)
            if value == f.default:
                continue
            parts = value if isinstance(value, tuple) else (value,)
            said.append(f"{f.name}={parts[0] if len(set(parts)) == 1 else ','.join(map(str, parts))}")
        return f"{type(self).__name__}[{', '.join(said)}]"


def spread(result: Tensor, operand: Tensor) -> str:
    """How an operand of a formula is spread over the result: one of the kinds above."""
    shape, full = operand.shape, result.shape
    if shape == full:
        return "full"
    if shape == ():
        return "scalar"
    if len(shape) == 1:
        return "channel"
    if shape == full[1:]:
        return "place"
    ones = tuple(1 for _ in shape[1:-1])
    if shape[1:] == (*ones, 1):
        return "example"
    if shape == (*full[:-1], 1):
        return "position"
    assert shape == (full[0], *ones, full[-1]), f"{operand} does not spread over {result}"
    return "image"


def broadcast(*types: Tensor) -> Tensor:
    """The type of a formula of operands of these types."""
    first = types[0]
    batched = [t for t in types if t.batched]
    if not batched:
        return max(types, key=lambda t: len(t.shape))
    rank = len(batched[0].shape)
    sizes = [
        max((t.shape[axis] for t in batched), key=lambda d: d if isinstance(d, int) else 0) for axis in range(1, rank)
    ]
    flat = [t for t in types if len(t.shape) == 1]
    if flat and sizes[-1] == 1:
        sizes[-1] = flat[0].shape[0]
    return first.with_shape(BATCH, *sizes)


def named(inputs: tuple[Any, ...]) -> dict[str, Any]:
    """The operands by the names formulas use."""
    return {f"i{k}": value for k, value in enumerate(inputs)}
