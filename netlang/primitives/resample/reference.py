"""Resampling as two matrix products."""

import numpy as np

from netlang.primitives.reference import Array, Run
from netlang.primitives.resample.op import Resample
from netlang.types import Tensor


def compute(primitive: Resample, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """R x S^T, or its adjoint."""
    (x,) = inputs
    rows, columns = (_matrix(of, to, primitive.how) for of, to in zip(primitive.size, primitive.to, strict=True))
    pairs = "ih,nhwc,jw->nijc" if primitive.role == "out" else "ih,nijc,jw->nhwc"
    made: Array = np.einsum(pairs, rows.astype(x.dtype), x, columns.astype(x.dtype))
    return made


def _matrix(of: int, to: int, how: str) -> Array:
    i, h = np.arange(to)[:, None], np.arange(of)[None]
    if how == "nearest":
        return np.asarray(h == i * of // to, np.float64)
    place = np.clip((i + 0.5) * of / to - 0.5, 0, of - 1)
    share: Array = np.maximum(0, 1 - np.abs(place - h))
    return share
