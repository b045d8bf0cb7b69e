"""Winograd's convolution, step by step: the transforms as matrix products, over tiles that are cut out one by one."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from netlang.primitives.gather.reference import turned
from netlang.primitives.launch import LANES
from netlang.primitives.reference import Array, Run
from netlang.primitives.winograd.op import Form, Phase, Winograd, WinogradGradient, WinogradWeights, phases
from netlang.types import Tensor

Place = tuple[int, int]


def compute(
    primitive: Winograd | WinogradWeights | WinogradGradient, inputs: tuple[Array, ...], result: Tensor, run: Run
) -> Array:
    """The transformed weights, what they make of an image, or their gradient."""
    *before, other = inputs
    if not isinstance(primitive, WinogradGradient) and primitive.turned:
        other = turned(other)
    if isinstance(primitive, WinogradWeights):
        return _panels(_transformed(primitive.window, primitive.stride, other))
    (x,) = before
    if isinstance(primitive, WinogradGradient):
        return _gradient(primitive, x, other)
    apart = max(primitive.stride, primitive.dilation)
    given = primitive.filters
    u = _rows(other, given) if given else _transformed(primitive.window, apart, other)
    y = np.zeros((len(x), *primitive.windows, u.shape[-1]), x.dtype)
    for phase in phases(primitive.window, apart):
        some = u[phase.start : phase.start + phase.form.points]
        if primitive.dilation == 1:
            y += _correlated(phase.form, _image(primitive, phase, x), some, primitive.windows)
        else:
            _between(primitive, phase, x, some, y)
    return y


def _transformed(window: Place, stride: int, w: Array) -> Array:
    """G w Gt of every phase, [point, c, f]."""
    made = []
    for phase in phases(window, stride):
        g = _both(phase.form, "g", w.dtype)
        some = w[phase.down :: stride, phase.right :: stride]
        made.append(np.einsum("au,uvcf,bv->abcf", g[0], some, g[1]).reshape(-1, *w.shape[2:]))
    return np.concatenate(made)


def _image(primitive: Winograd | WinogradGradient, phase: Phase, x: Array) -> Array:
    """The pixels that a phase reads, side by side, zeros around."""
    top, left, bottom, right = primitive.pad
    whole = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return whole[:, phase.down :: primitive.stride, phase.right :: primitive.stride]


def _between(primitive: Winograd, phase: Phase, x: Array, u: Array, y: Array) -> None:
    """The pixels of y whose windows have a phase over pixels of x, and the others over the zeros between them."""
    first, begin, many = [], [], []
    for of, pad, size in zip((phase.down, phase.right), primitive.pad, primitive.windows, strict=False):
        first.append((pad + of) % 2)
        begin.append((first[-1] + of - pad) // 2)  # where x begins in the first of these windows
        many.append((size - first[-1] + 1) // 2)
    before, cut = [max(-b, 0) for b in begin], [max(b, 0) for b in begin]
    image = np.pad(x[:, cut[0] :, cut[1] :], ((0, 0), (before[0], 0), (before[1], 0), (0, 0)))
    y[:, first[0] :: 2, first[1] :: 2] = _correlated(phase.form, image, u, (many[0], many[1]))


def _correlated(form: Form, image: Array, u: Array, size: Place) -> Array:
    """What so many windows make of an image, and of zeros below it and on its right."""
    bt, at = _both(form, "bt", image.dtype), _both(form, "at", image.dtype)
    u = u.reshape(form.high.span, form.wide.span, *u.shape[1:])
    y = np.zeros((len(image), *size, u.shape[-1]), image.dtype)
    for place, d in _tiles(form, image, size):
        m = np.einsum("nabc,abcf->nabf", np.einsum("ai,nijc,bj->nabc", bt[0], d, bt[1]), u)
        made = np.einsum("ia,nabf,jb->nijf", at[0], m, at[1])
        to = _cut(y, place, (form.high.tile, form.wide.tile))
        to[:] = made[:, : to.shape[1], : to.shape[2]]
    return y


def _gradient(primitive: WinogradGradient, x: Array, dy: Array) -> Array:
    """Of the weights."""
    dw = np.zeros((*primitive.window, x.shape[3], dy.shape[3]), x.dtype)
    for phase in phases(primitive.window, primitive.stride):
        form = phase.form
        g, bt, at = (_both(form, matrix, x.dtype) for matrix in ("g", "bt", "at"))
        sums = np.zeros((form.high.span, form.wide.span, *dw.shape[2:]), x.dtype)
        for place, d in _tiles(form, _image(primitive, phase, x), dy.shape[1:3]):
            some = _filled(_cut(dy, place, (form.high.tile, form.wide.tile)), (form.high.tile, form.wide.tile))
            spread = np.einsum("ia,nijf,jb->nabf", at[0], some, at[1])
            sums += np.einsum("nabc,nabf->abcf", np.einsum("ai,nijc,bj->nabc", bt[0], d, bt[1]), spread)
        made = np.einsum("au,abcf,bv->uvcf", g[0], sums, g[1])
        dw[phase.down :: primitive.stride, phase.right :: primitive.stride] = made
    return dw


def _tiles(form: Form, image: Array, size: tuple[int, ...]) -> Iterator[tuple[Place, Array]]:
    """Each tile of so many windows: where it lies, and its pixels of the image, zeros outside."""
    for i in range(0, size[0], form.high.tile):
        for j in range(0, size[1], form.wide.tile):
            span = form.high.span, form.wide.span
            yield (i, j), _filled(_cut(image, (i, j), span), span)


def _both(form: Form, matrix: str, dtype: Any) -> tuple[Array, Array]:
    """That matrix of both axes."""
    high, wide = (np.array(getattr(axis, matrix), dtype=dtype) for axis in (form.high, form.wide))
    return high, wide


def _panels(u: Array) -> Array:
    """[point, c, f] in panels of 16 filters, zeros behind the last."""
    whole = np.zeros((*u.shape[:2], -(-u.shape[2] // LANES) * LANES), u.dtype)
    whole[..., : u.shape[2]] = u
    return np.moveaxis(whole.reshape(*u.shape[:2], -1, LANES), 2, 0)


def _rows(panels: Array, filters: int) -> Array:
    """The way back."""
    whole = np.moveaxis(panels, 0, 2)
    return whole.reshape(*whole.shape[:2], prod(whole.shape[2:]))[..., :filters]


def _filled(x: Array, size: Place) -> Array:
    """With zeros below and on the right, up to this height and width."""
    return np.pad(x, ((0, 0), (0, size[0] - x.shape[1]), (0, size[1] - x.shape[2]), (0, 0)))


def _cut(x: Array, at: Place, size: Place) -> Array:
    return x[:, at[0] : at[0] + size[0], at[1] : at[1] + size[1]]
