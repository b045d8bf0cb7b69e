"""Unshared convolutions: tap by tap, as slices of the padded image."""

import numpy as np

from netlang.primitives.reference import Array, Run
from netlang.primitives.unshared.op import Unshared
from netlang.types import Tensor


def compute(primitive: Unshared, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The side that the role asks for."""
    a, b = inputs
    (high, wide), (top, left, bottom, right) = primitive.size, primitive.pad
    channels = result.channels if primitive.role == "data" else a.shape[3]
    padded = np.zeros((len(a), high + top + bottom, wide + left + right, channels), a.dtype)
    inside = (slice(None), slice(top, top + high), slice(left, left + wide))
    if primitive.role != "data":
        padded[inside] = a
    made = np.zeros(result.arrayed(run.examples), a.dtype)
    for u in range(primitive.kernel[0]):
        for v in range(primitive.kernel[1]):
            tap = (slice(None), *(_seen(primitive, axis, at) for axis, at in ((0, u), (1, v))))
            if primitive.role == "out":
                made += np.einsum("nijc,ijcf->nijf", padded[tap], b[:, :, u, v])
            elif primitive.role == "data":
                padded[tap] += np.einsum("nijf,ijcf->nijc", a, b[:, :, u, v])
            else:
                made[:, :, u, v] = np.einsum("nijc,nijf->ijcf", padded[tap], b)
    return padded[inside] if primitive.role == "data" else made


def _seen(primitive: Unshared, axis: int, tap: int) -> slice:
    """The rows or columns of the padded image that a tap sees, one for each window."""
    step = primitive.stride[axis]
    return slice(tap, tap + (primitive.windows[axis] - 1) * step + 1, step)
