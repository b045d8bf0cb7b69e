"""Grouped convolutions: tap by tap, as slices of the padded image, and channel by channel of a group."""

import numpy as np

from netlang.primitives.grouped.op import Grouped
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Grouped, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The side that the role asks for."""
    a, b = inputs
    (high, wide), (top, left, bottom, right) = primitive.size, primitive.pad
    channels, width = a.shape[3], primitive.width
    padded = np.zeros((len(a), high + top + bottom, wide + left + right, channels), a.dtype)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    if primitive.role != "data":
        padded[inside] = a
    made = np.zeros(result.arrayed(run.examples), a.dtype)
    for u, v, k in np.ndindex(*primitive.kernel, width):
        tap = (slice(None), *(_seen(primitive, axis, at) for axis, at in ((0, u), (1, v))))
        read = np.arange(channels) // width * width + k  # which channel each filter reads
        if primitive.role == "out":
            made += padded[tap][..., read] * b[u, v, k]
        elif primitive.role == "data":
            each = (a * b[u, v, k]).reshape(*a.shape[:3], channels // width, width)
            padded[*tap, slice(k, None, width)] += each.sum(-1)
        else:
            made[u, v, k] = (padded[tap][..., read] * b).sum(axis=(0, 1, 2))
    return padded[inside] if primitive.role == "data" else made


def _seen(primitive: Grouped, axis: int, tap: int) -> slice:
    """The rows or columns of the padded image that a tap sees."""
    start, step = tap * primitive.dilation[axis], primitive.stride[axis]
    return slice(start, start + (primitive.windows[axis] - 1) * step + 1, step)
