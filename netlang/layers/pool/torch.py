"""Pools in PyTorch."""

from functools import partial

import torch
from torch.nn import functional

from netlang.layers.pool.op import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, Mean
from netlang.layers.sliding import windows
from netlang.layers.twin import twin_of


def _fitting(layer, x):
    """The windows and functional.pad's order of the padding."""
    at = windows(layer, x, end_first=True)
    top, left, bottom, right = at.pad
    return at, (left, right, top, bottom)


def _symmetric(at, around):
    """Whether PyTorch's own padding will do: alike on both sides, and at most half the window."""
    left, right, top, bottom = around
    return left == right and top == bottom and 2 * top <= at.kernel[0] and 2 * left <= at.kernel[1]


def _on_row(of):
    """A function of images as one of sequences too."""
    return lambda x: of(x.unsqueeze(2)).squeeze(2) if x.dim() == 3 else of(x)


@twin_of(MaxPool)
def maxpool(layer, x):
    """functional.max_pool2d; unequal padding is put around the image first."""
    at, around = _fitting(layer, x)
    if _symmetric(at, around):
        padding = (around[2], around[0])
        return _on_row(partial(functional.max_pool2d, kernel_size=at.kernel, stride=at.stride, padding=padding))
    return _on_row(
        lambda x: functional.max_pool2d(functional.pad(x, around, value=float("-inf")), at.kernel, at.stride)
    )


@twin_of(AvgPool)
def avgpool(layer, x):
    """functional.avg_pool2d; unequal padding by a second pool that counts pixels."""
    at, around = _fitting(layer, x)
    if layer.ceil and not isinstance(layer.pad, str):
        return _on_row(
            partial(
                functional.avg_pool2d,
                kernel_size=at.kernel,
                stride=at.stride,
                padding=at.pad[:2],
                ceil_mode=True,
                count_include_pad=layer.count_padding,
            )
        )
    if _symmetric(at, around):
        padding = (around[2], around[0])
        kind = partial(functional.avg_pool2d, kernel_size=at.kernel, stride=at.stride, padding=padding)
        return _on_row(partial(kind, count_include_pad=layer.count_padding))

    def padded(x):
        ones = torch.ones_like(x[:1, :1])
        share = functional.avg_pool2d(
            functional.pad(ones, around, value=float(layer.count_padding)), at.kernel, at.stride
        )
        return functional.avg_pool2d(functional.pad(x, around), at.kernel, at.stride) / share

    return _on_row(padded)


@twin_of(GlobalAvgPool, Mean)
def average(layer, x):
    """The mean of all places."""
    return lambda x: x.flatten(2).mean(2)


@twin_of(GlobalMaxPool)
def largest(layer, x):
    """The largest of all places."""
    return lambda x: x.flatten(2).max(2).values
