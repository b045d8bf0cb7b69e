"""Winograd's convolution, step by step: the transforms as matrix products, over tiles that are cut out one by one."""

import numpy as np

from netlang.primitives.launch import LANES
from netlang.primitives.reference import Array, Run
from netlang.primitives.winograd.op import BT, FORMS, SPAN, Winograd, WinogradGradient, WinogradWeights
from netlang.types import Tensor


def compute(
    primitive: Winograd | WinogradWeights | WinogradGradient, inputs: tuple[Array, ...], result: Tensor, run: Run
) -> Array:
    """The transformed weights, what they make of an image, or their gradient."""
    form = FORMS[primitive.window]
    g, bt, at = (np.array(matrix, dtype=inputs[0].dtype) for matrix in (form.g, BT, form.at))
    if isinstance(primitive, WinogradWeights):
        return _panels(np.einsum("au,uvcf,bv->abcf", g, inputs[0], g))
    x, other = inputs
    if isinstance(primitive, Winograd):
        given = primitive.filters
        other = _rows(other, given) if given else np.einsum("au,uvcf,bv->abcf", g, other, g)
    high, wide = other.shape[1:3] if isinstance(primitive, WinogradGradient) else primitive.windows
    size = (-(-high // form.tile) * form.tile, -(-wide // form.tile) * form.tile)
    whole = _placed(x, (size[0] + SPAN - form.tile, size[1] + SPAN - form.tile), primitive.pad[:2])
    tiles = [(i, j) for i in range(0, size[0], form.tile) for j in range(0, size[1], form.tile)]
    gathered = {at_: np.einsum("ai,nijc,bj->nabc", bt, _cut(whole, at_, SPAN), bt) for at_ in tiles}
    if isinstance(primitive, WinogradGradient):
        dy = _placed(other, size, (0, 0))
        spread = {at_: np.einsum("ia,nijf,jb->nabf", at, _cut(dy, at_, form.tile), at) for at_ in tiles}
        total = sum(np.einsum("nabc,nabf->abcf", gathered[at_], spread[at_]) for at_ in tiles)
        return np.asarray(np.einsum("au,abcf,bv->uvcf", g, total, g))
    y = np.zeros((len(x), *size, other.shape[3]), x.dtype)
    for at_ in tiles:
        m = np.einsum("nabc,abcf->nabf", gathered[at_], other)
        _cut(y, at_, form.tile)[:] = np.einsum("ia,nabf,jb->nijf", at, m, at)
    return y[:, :high, :wide]


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


def _cut(x: Array, at: tuple[int, int], size: int) -> Array:
    return x[:, at[0] : at[0] + size, at[1] : at[1] + size]
