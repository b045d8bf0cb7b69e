"""A sequence as an image of one row, and back: what slides over images slides over sequences."""

from netlang.layer import Emit, Value
from netlang.primitives.gather.op import Reshape
from netlang.types import Tensor


def on_row(emit: Emit, x: Value) -> Value:
    """x[n,t,c] as [n,1,t,c]; an image as it is."""
    if len(x.type.shape) == 4:
        return x
    return emit(Reshape((1, *sizes(x.type))), x)


def off_row(emit: Emit, y: Value, x: Tensor) -> Value:
    """y[n,1,t,c] as [n,t,c] where x is a sequence."""
    return y if len(x.shape) == 4 else emit(Reshape(sizes(y.type)[1:]), y)


def sizes(x: Tensor) -> tuple[int, ...]:
    """The shape without the batch, fixed by now."""
    return x.arrayed(0)[1:]
