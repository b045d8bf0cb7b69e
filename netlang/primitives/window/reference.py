"""Windows: a loop over the output places."""

from collections.abc import Iterator

import numpy as np

from netlang.primitives.reference import Array, Run
from netlang.primitives.window.op import Window
from netlang.types import Tensor


def compute(primitive: Window, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The largest or the average of each window, or the gradient by x."""
    if primitive.role == "data":
        return _data(primitive, inputs)
    x = inputs[0]
    y = np.full(result.arrayed(run.examples), np.nan, x.dtype)
    for i, j, pixels in _windows(primitive):
        window = x[:, *pixels]
        y[:, i, j] = window.max((1, 2)) if primitive.how == "max" else window.mean((1, 2))
    return y


def _data(primitive: Window, inputs: tuple[Array, ...]) -> Array:
    dy = inputs[-1]
    dx = np.zeros((len(dy), *primitive.size, dy.shape[-1]), dy.dtype)
    for i, j, pixels in _windows(primitive):
        part = dx[:, *pixels]
        if primitive.how == "average":
            part += dy[:, i, j][:, None, None] / (part.shape[1] * part.shape[2])
        else:
            part += _first_largest(inputs[0][:, *pixels]) * dy[:, i, j][:, None, None]
    return dx


def _first_largest(window: Array) -> Array:
    """1 at the first largest pixel of each example and channel, in rows, then columns; else 0."""
    n, rows, columns, c = window.shape
    flat = window.reshape(n, rows * columns, c)
    chosen = np.equal(np.arange(rows * columns)[None, :, None], flat.argmax(1)[:, None])
    return np.reshape(chosen, window.shape)


def _windows(primitive: Window) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Each output place and the pixels of the image in its window."""
    (h, w), (kh, kw), (sh, sw), (top, left) = primitive.size, primitive.kernel, primitive.stride, primitive.pad[:2]
    for i in range(primitive.windows[0]):
        for j in range(primitive.windows[1]):
            row, column = i * sh - top, j * sw - left
            yield i, j, (slice(max(row, 0), min(row + kh, h)), slice(max(column, 0), min(column + kw, w)))
