"""Convolutions in PyTorch."""

import numpy as np
from torch import nn
from torch.nn import functional

from netlang.layers.conv.op import Conv, DepthwiseConv
from netlang.layers.sliding import windows
from netlang.layers.twin import twin_of

ORDERS = {"w": (lambda w: np.transpose(w, (3, 2, 0, 1)), lambda w: np.transpose(w, (2, 3, 1, 0)))}


class _Conv(nn.Conv2d):
    """nn.Conv2d, with padding that may differ between the sides; a sequence is an image of one row."""

    orders = ORDERS
    around = (0, 0, 0, 0)

    def forward(self, x):
        image = x.unsqueeze(2) if x.dim() == 3 else x
        y = super().forward(functional.pad(image, self.around) if any(self.around) else image)
        return y.squeeze(2) if x.dim() == 3 else y


@twin_of(DepthwiseConv)
def depthwise(layer, x):
    """nn.Conv2d with a group for each channel."""
    said = {name: getattr(layer, name) for name in ("kernel", "stride", "pad", "dilation", "bias")}
    return conv(Conv(width=x.channels * layer.mult, groups=x.channels, **said), x)


@twin_of(Conv)
def conv(layer, x):
    """nn.Conv2d; unequal padding is put around the image first."""
    at = windows(layer, x)
    top, left, bottom, right = at.pad
    equal = top == bottom and left == right
    made = _Conv(
        x.channels,
        layer.width,
        at.kernel,
        at.stride,
        padding=(top, left) if equal else 0,
        dilation=at.dilation,
        groups=layer.groups,
        bias=layer.bias,
    )
    made.around = (0, 0, 0, 0) if equal else (left, right, top, bottom)
    return made
