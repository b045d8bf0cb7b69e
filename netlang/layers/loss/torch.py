"""Losses in PyTorch."""

import torch.nn.functional as F  # noqa: N812 (PyTorch's own name for it)

from netlang.layers.loss.op import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    Perceptron,
    SmoothAbsoluteError,
    SquaredError,
)


def scored(loss, y, target):
    """The loss of y, which is what the loss reads, as PyTorch orders it; the target as netlang orders it."""
    if loss.target == "values":
        target = target.movedim(-1, 1)
    match loss:
        case CrossEntropy():
            return F.cross_entropy(y, target[..., 0].long())
        case BinaryCrossEntropy():
            return F.binary_cross_entropy_with_logits(y, target)
        case SquaredError():
            return F.mse_loss(y, target)
        case AbsoluteError():
            return F.l1_loss(y, target)
        case SmoothAbsoluteError():
            return F.smooth_l1_loss(y, target)
        case Hinge():
            flat = y.movedim(1, -1).flatten(0, -2)
            return F.multi_margin_loss(flat, target.flatten().long()) * y.shape[1]  # it averages over the classes
        case Perceptron():
            return ((y > 0).to(y.dtype) - target).mul(y).sum(1).mean()
    raise TypeError(f"{loss.word} has no twin")
