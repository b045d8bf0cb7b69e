"""Gathers: NumPy's own."""

import numpy as np

from netlang.primitives.gather.op import Concat, Convert, Panels, Reshape, Rows, Slice, SpaceToDepth, Transpose
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(
    primitive: Reshape | Concat | Slice | Convert | Transpose | Panels | SpaceToDepth | Rows,
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
            return turned(x)
        case Panels(flipped):
            return _panels(turned(x) if flipped else x, *result.arrayed(run.examples)[:: len(result.shape) - 1])
        case Convert(_, size, (top, left, bottom, right)):
            if not any(size):
                return x
            return np.pad(x.reshape(len(x), *size, -1), ((0, 0), (top, bottom), (left, right), (0, 0)))
        case SpaceToDepth():
            return _squares(primitive, x) if result.batched else _squares(primitive, x[None])[0]
        case Rows(start, rows):
            above = np.zeros((max(0, -start), x.shape[1]), x.dtype)
            below = np.zeros((rows, x.shape[1]), x.dtype)
            return np.concatenate([above, x[max(0, start) :], below])[:rows]


def turned(w: Array) -> Array:
    """Transpose(w), of w[u,v,c,f] or w[c,f]."""
    flipped = w[::-1, ::-1] if w.ndim == 4 else w
    return flipped.swapaxes(-1, -2)


def _squares(primitive: SpaceToDepth, x: Array) -> Array:
    """Of an image x[n,h,w,...c] or as rows; of weights x[1,u,v,c,f]."""
    side, (high, wide), (top, left) = primitive.side, primitive.made, primitive.before
    image = x.reshape(len(x), *primitive.size, -1) if primitive.rows else x
    _, h, w, *rest = image.shape
    whole = np.zeros((len(x), top + max(h, high * side), left + max(w, wide * side), *rest), x.dtype)
    whole[:, top : top + h, left : left + w] = image
    pixels = whole[:, : high * side, : wide * side].reshape(len(x), high, side, wide, side, *rest)
    squares = pixels.swapaxes(2, 3)
    return squares.reshape(len(x), high, wide, side * side * rest[0], *rest[1:])


def _panels(rows: Array, columns: int, lanes: int) -> Array:
    whole = np.zeros((*rows.shape[:-1], columns * lanes), rows.dtype)
    whole[..., : rows.shape[-1]] = rows
    return np.moveaxis(whole.reshape(*rows.shape[:-1], columns, lanes), -2, 0)
