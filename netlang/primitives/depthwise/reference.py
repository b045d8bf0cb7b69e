"""Depthwise convolutions: tap by tap, as slices of the padded image."""

import numpy as np

from netlang.primitives.depthwise.op import Depthwise
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Depthwise, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The side that the role asks for."""
    a, b = inputs
    (high, wide), (top, left, bottom, right) = primitive.size, primitive.pad
    shape = (len(a), high + top + bottom, wide + left + right, a.shape[3])
    padded = np.zeros(shape, a.dtype)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    if primitive.role != "data":
        padded[inside] = a
    made = np.zeros(result.arrayed(run.examples), a.dtype)
    for u in range(primitive.kernel[0]):
        for v in range(primitive.kernel[1]):
            tap = (slice(None), *(_seen(primitive, axis, at) for axis, at in ((0, u), (1, v))))
            if primitive.role == "out":
                made += padded[tap] * b[u, v, 0]
            elif primitive.role == "data":
                padded[tap] += a * b[u, v, 0]
            else:
                made[u, v, 0] = (padded[tap] * b).sum(axis=(0, 1, 2))
    return padded[inside] if primitive.role == "data" else made


def _seen(primitive: Depthwise, axis: int, tap: int) -> slice:
    """The rows or columns of the padded image that a tap sees."""
    start, step = tap * primitive.dilation[axis], primitive.stride[axis]
    return slice(start, start + (primitive.windows[axis] - 1) * step + 1, step)
