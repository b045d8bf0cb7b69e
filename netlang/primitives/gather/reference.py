"""Gathers: NumPy's own."""

import numpy as np

from netlang.primitives.gather.op import Concat, Convert, Reshape, Rows, Slice, Transpose
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(
    primitive: Reshape | Concat | Slice | Convert | Transpose | Rows,
    inputs: tuple[Array, ...],
    result: Tensor,
    run: Run,
) -> Array:
    """The same elements elsewhere."""
    x = inputs[0]
    match primitive:
        case Reshape():
            return x.reshape(result.arrayed(run.examples))
        case Concat():
            return np.concatenate(inputs, -1)
        case Slice(start, stop):
            return x[..., start:stop]
        case Transpose():
            flipped = x[::-1, ::-1] if x.ndim == 4 else x
            return flipped.swapaxes(-1, -2)
        case Convert(_, size, (top, left, bottom, right)):
            if not any(size):
                return x
            return np.pad(x.reshape(len(x), *size, -1), ((0, 0), (top, bottom), (left, right), (0, 0)))
        case Rows(start, rows):
            above = np.zeros((max(0, -start), x.shape[1]), x.dtype)
            below = np.zeros((rows, x.shape[1]), x.dtype)
            return np.concatenate([above, x[max(0, start) :], below])[:rows]
