"""Contractions: a loop over the places of the window, each a product of slices."""

from collections.abc import Iterator

import numpy as np

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.reference import turned
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Contraction, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The side of the form that is not given."""
    *sides, b = inputs
    a = sides[0] if len(sides) == 1 else np.concatenate(sides, -1)
    if primitive.channels:
        start, width = primitive.channels
        b = b[..., start : start + width]
    if primitive.role != "weight":
        b = _as_written(primitive, b)
    if primitive.rows:
        a = a.reshape(len(a), *primitive.size, -1)
    if a.ndim == 2:
        return {"out": lambda: a @ b, "data": lambda: a @ b.T, "weight": lambda: a.T @ b}[primitive.role]()
    if a.ndim == 3:
        forms = {"out": "ntc,cf->ntf", "data": "ntf,cf->ntc", "weight": "ntc,ntf->cf"}
        return np.asarray(np.einsum(forms[primitive.role], a, b))
    x = np.zeros(result.arrayed(run.examples), a.dtype) if primitive.role == "data" else a
    padded = _padded(primitive, x)
    if primitive.role == "data":
        for u, v, pixels in _taps(primitive):
            padded[:, *pixels] += a @ b[u, v].T
        (top, left, _, _), (h, w) = primitive.pad, primitive.size
        return padded[:, top : top + h, left : left + w]
    y = np.zeros(result.arrayed(run.examples), a.dtype)
    for u, v, pixels in _taps(primitive):
        if primitive.role == "out":
            y += padded[:, *pixels] @ b[u, v]
        else:
            y[u, v] = np.einsum("nijc,nijf->cf", padded[:, *pixels], b)
    return y


def _as_written(primitive: Contraction, w: Array) -> Array:
    """The weights, of panels and of a transposed copy too."""
    if primitive.filters:
        w = np.moveaxis(w, 0, -2).reshape(*w.shape[1:-1], -1)[..., : primitive.filters]
    return turned(w) if primitive.transposed else w


def _padded(primitive: Contraction, x: Array) -> Array:
    top, left, bottom, right = primitive.pad
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))


def _taps(primitive: Contraction) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
    """Each place u, v of the window, and the pixels it meets in the windows of all outputs."""
    (sh, sw), (dh, dw), (oh, ow) = primitive.stride, primitive.dilation, primitive.windows
    for u in range(primitive.kernel[0]):
        for v in range(primitive.kernel[1]):
            rows = slice(u * dh, u * dh + (oh - 1) * sh + 1, sh)
            yield u, v, (rows, slice(v * dw, v * dw + (ow - 1) * sw + 1, sw))
