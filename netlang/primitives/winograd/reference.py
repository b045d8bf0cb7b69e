"""Winograd's convolution, step by step: the transforms as matrix products, over tiles that are cut out one by one."""

from typing import Any

import numpy as np

from netlang.primitives.gather.reference import turned
from netlang.primitives.launch import LANES
from netlang.primitives.reference import Array, Run
from netlang.primitives.winograd.op import FORMS, Form, Winograd, WinogradGradient, WinogradWeights
from netlang.types import Tensor


def compute(
    primitive: Winograd | WinogradWeights | WinogradGradient, inputs: tuple[Array, ...], result: Tensor, run: Run
) -> Array:
    """The transformed weights, what they make of an image, or their gradient."""
    form = FORMS[primitive.window]
    g, bt, at = (_both(form, matrix, inputs[0].dtype) for matrix in ("g", "bt", "at"))
    *before, other = inputs
    if not isinstance(primitive, WinogradGradient) and primitive.turned:
        other = turned(other)
    if isinstance(primitive, WinogradWeights):
        return _panels(np.einsum("au,uvcf,bv->abcf", g[0], other, g[1]))
    (x,) = before
    if isinstance(primitive, Winograd):
        given = primitive.filters
        other = _rows(other, given) if given else np.einsum("au,uvcf,bv->abcf", g[0], other, g[1])
    high, wide = other.shape[1:3] if isinstance(primitive, WinogradGradient) else primitive.windows
    tile, span = (form.high.tile, form.wide.tile), (form.high.span, form.wide.span)
    size = (-(-high // tile[0]) * tile[0], -(-wide // tile[1]) * tile[1])
    whole = _placed(x, (size[0] + span[0] - tile[0], size[1] + span[1] - tile[1]), primitive.pad[:2])
    tiles = [(i, j) for i in range(0, size[0], tile[0]) for j in range(0, size[1], tile[1])]
    gathered = {at_: np.einsum("ai,nijc,bj->nabc", bt[0], _cut(whole, at_, span), bt[1]) for at_ in tiles}
    if isinstance(primitive, WinogradGradient):
        dy = _placed(other, size, (0, 0))
        spread = {at_: np.einsum("ia,nijf,jb->nabf", at[0], _cut(dy, at_, tile), at[1]) for at_ in tiles}
        total = sum(np.einsum("nabc,nabf->abcf", gathered[at_], spread[at_]) for at_ in tiles)
        return np.asarray(np.einsum("au,abcf,bv->uvcf", g[0], total, g[1]))
    y = np.zeros((len(x), *size, other.shape[3]), x.dtype)
    for at_ in tiles:
        m = np.einsum("nabc,abcf->nabf", gathered[at_], other)
        _cut(y, at_, tile)[:] = np.einsum("ia,nabf,jb->nijf", at[0], m, at[1])
    return y[:, :high, :wide]


def _both(form: Form, matrix: str, dtype: Any) -> tuple[Array, Array]:
    """That matrix of both axes."""
    high, wide = (np.array(getattr(axis, matrix), dtype=dtype) for axis in (form.high, form.wide))
    return high, wide


def _panels(u: Array) -> Array:
    """[a,b,c,f] in panels of 16 filters, zeros behind the last."""
    *points, filters = u.shape
    whole = np.zeros((*points, -(-filters // LANES) * LANES), u.dtype)
    whole[..., :filters] = u
    return np.moveaxis(whole.reshape(*points, -1, LANES), 3, 0)


def _rows(panels: Array, filters: int) -> Array:
    """The way back."""
    whole = np.moveaxis(panels, 0, 3)
    return whole.reshape(*whole.shape[:3], -1)[..., :filters]


def _placed(x: Array, size: tuple[int, int], at: tuple[int, ...]) -> Array:
    """The image with its first pixel at `at` of zeros of another height and width."""
    whole = np.zeros((len(x), *size, x.shape[3]), x.dtype)
    inside = x[:, : size[0] - at[0], : size[1] - at[1]]
    whole[:, at[0] : at[0] + inside.shape[1], at[1] : at[1] + inside.shape[2]] = inside
    return whole


def _cut(x: Array, at: tuple[int, int], size: tuple[int, int]) -> Array:
    return x[:, at[0] : at[0] + size[0], at[1] : at[1] + size[1]]
