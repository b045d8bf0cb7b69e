"""Convolutions in PyTorch."""

import numpy as np
import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)
from torch import nn

from netlang.layers.conv.op import Conv
from netlang.layers.sliding import reach, slide
from netlang.layers.twin import twin_of


class _Conv(nn.Conv2d):
    """nn.Conv2d, with padding that may differ between the sides."""

    orders = {  # noqa: RUF012 (a constant)
        "w": (lambda w: np.transpose(w, (3, 2, 0, 1)), lambda w: np.transpose(w, (2, 3, 1, 0)))
    }
    around = (0, 0, 0, 0)

    def forward(self, x):
        return super().forward(F.pad(x, self.around) if any(self.around) else x)


@twin_of(Conv)
def conv(layer, x):
    """nn.Conv2d; unequal padding is put around the image first."""
    _, (top, left, bottom, right) = slide(x.shape[1:3], reach(layer.kernel, layer.dilation), layer.stride, layer.pad)
    equal = top == bottom and left == right
    made = _Conv(
        x.channels,
        layer.width,
        layer.kernel,
        layer.stride,
        padding=(top, left) if equal else 0,
        dilation=layer.dilation,
        bias=layer.bias,
    )
    made.around = (0, 0, 0, 0) if equal else (left, right, top, bottom)
    return made
