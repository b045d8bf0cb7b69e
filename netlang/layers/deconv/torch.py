"""Transposed convolutions in PyTorch."""

from torch import nn

from netlang.layers.conv.torch import ORDERS
from netlang.layers.deconv.op import Deconv
from netlang.layers.sliding import along
from netlang.layers.twin import twin_of


class _Deconv(nn.ConvTranspose2d):
    """nn.ConvTranspose2d that cuts off what netlang's padding does; a sequence is an image of one row."""

    orders = ORDERS
    cut = (0, 0)
    size = (1, 1)

    def forward(self, x):
        image = x.unsqueeze(2) if x.dim() == 3 else x
        wide = super().forward(image)
        (top, left), (h, w) = self.cut, self.size
        missing = (0, max(left + w - wide.shape[3], 0), 0, max(top + h - wide.shape[2], 0))
        y = nn.functional.pad(wide, missing)[:, :, top : top + h, left : left + w]
        if self.bias is not None and any(missing):  # where no window reaches, only the bias is left
            y[:, :, wide.shape[2] - top :] += self.bias[:, None, None]
            y[:, :, : wide.shape[2] - top, wide.shape[3] - left :] += self.bias[:, None, None]
        return y.squeeze(2) if x.dim() == 3 else y


@twin_of(Deconv)
def deconv(layer, x):
    """nn.ConvTranspose2d without padding, cut afterwards."""
    kernel, stride = along(layer, x, "kernel", layer.kernel), along(layer, x, "stride", layer.stride)
    made = _Deconv(x.channels, layer.width, kernel, stride, bias=layer.bias)
    made.size, (top, left, _, _) = layer._size(x)
    made.cut = (top, left)
    return made
