"""Locally connected layers in PyTorch, which has none: windows by `unfold`, a product for each place."""

import torch
from torch import nn
from torch.nn import functional

from netlang.layers.local.op import Local
from netlang.layers.sliding import windows
from netlang.layers.twin import twin_of


class _Local(nn.Module):
    """y[n,f,i,j] = b[i,j,f] + sum over u,v,c of the window at i, j times w[i,j,u,v,c,f]; weights as in netlang."""

    def __init__(self, layer, x):
        super().__init__()
        self.at = windows(layer, x)
        self.weight, *b = (nn.Parameter(torch.empty(weight.type.arrayed(0))) for weight in layer.weights(x))
        self.bias = b[0] if b else None

    def forward(self, x):
        image = x.unsqueeze(2) if x.dim() == 3 else x
        top, left, bottom, right = self.at.pad
        seen = functional.unfold(
            functional.pad(image, (left, right, top, bottom)), self.at.kernel, stride=self.at.stride
        )
        (i, j, u, v, c, _), n = self.weight.shape, len(x)
        y = torch.einsum("ncuvij,ijuvcf->nijf", seen.reshape(n, c, u, v, i, j), self.weight)
        y = (y if self.bias is None else y + self.bias).permute(0, 3, 1, 2)
        return y.squeeze(2) if x.dim() == 3 else y


@twin_of(Local)
def local(layer, x):
    """A module of its own."""
    return _Local(layer, x)
