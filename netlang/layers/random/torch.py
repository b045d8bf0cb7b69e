"""Dropout in PyTorch."""

from torch import nn

from netlang.layers.random.op import Dropout
from netlang.layers.twin import twin_of


class _Dropout(nn.Dropout):
    """nn.Dropout; a test may set `kept`, a mask of 0 and 1 as PyTorch orders it, in place of its own draws."""

    kept = None

    def forward(self, x):
        if self.kept is None or not self.training:
            return super().forward(x)
        return x * self.kept / (1 - self.p)


@twin_of(Dropout)
def dropout(layer, x):
    """nn.Dropout."""
    return _Dropout(layer.rate)  # a twin draws nothing of its own: which numbers it drops is handed over
