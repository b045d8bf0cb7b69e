"""Losses in PyTorch."""

import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from netlang.layers.loss.op import BinaryCrossEntropy, CrossEntropy, Perceptron, SquaredError


def scored(loss, y, target):
    """The loss of y, which is what the loss reads, as PyTorch orders it; the target as netlang orders it."""
    if not isinstance(loss, CrossEntropy) and target.dim() == 4:
        target = target.permute(0, 3, 1, 2)
    match loss:
        case CrossEntropy():
            return F.cross_entropy(y, target[..., 0].long())
        case BinaryCrossEntropy():
            return F.binary_cross_entropy_with_logits(y, target)
        case SquaredError():
            return F.mse_loss(y, target)
        case Perceptron():
            return ((y > 0).to(y.dtype) - target).mul(y).sum(1).mean()
    raise TypeError(f"{loss.word} has no twin")
