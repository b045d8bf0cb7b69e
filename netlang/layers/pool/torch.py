"""Pools in PyTorch."""

from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from netlang.layers.pool.op import AvgPool, MaxPool
from netlang.layers.sliding import slide
from netlang.layers.twin import twin_of


def _sides(layer, x):
    stride = layer.stride or layer.kernel
    _, (top, left, bottom, right) = slide(x.shape[1:3], layer.kernel, stride, layer.pad, end_first=True)
    return stride, (left, right, top, bottom)


def _symmetric(layer, around):
    """Whether PyTorch's own padding will do: alike on both sides, and at most half the window."""
    left, right, top, bottom = around
    return left == right and top == bottom and 2 * top <= layer.kernel[0] and 2 * left <= layer.kernel[1]


@twin_of(MaxPool)
def maxpool(layer, x):
    """F.max_pool2d; unequal padding is put around the image first."""
    stride, around = _sides(layer, x)
    if _symmetric(layer, around):
        return partial(F.max_pool2d, kernel_size=layer.kernel, stride=stride, padding=(around[2], around[0]))
    return lambda x: F.max_pool2d(F.pad(x, around, value=float("-inf")), layer.kernel, stride)


@twin_of(AvgPool)
def avgpool(layer, x):
    """F.avg_pool2d without the padding in the count; unequal padding by a second pool that counts pixels."""
    stride, around = _sides(layer, x)
    if _symmetric(layer, around):
        padding = (around[2], around[0])
        return partial(F.avg_pool2d, kernel_size=layer.kernel, stride=stride, padding=padding, count_include_pad=False)

    def padded(x):
        share = F.avg_pool2d(F.pad(torch.ones_like(x[:1, :1]), around), layer.kernel, stride)
        return F.avg_pool2d(F.pad(x, around), layer.kernel, stride) / share

    return padded
