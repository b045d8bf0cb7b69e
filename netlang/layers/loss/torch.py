"""Losses in PyTorch."""

from torch.nn import functional

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
            return functional.cross_entropy(y, target[..., 0].long())
        case BinaryCrossEntropy():
            return functional.binary_cross_entropy_with_logits(y, target)
        case SquaredError():
            return functional.mse_loss(y, target)
        case AbsoluteError():
            return functional.l1_loss(y, target)
        case SmoothAbsoluteError():
            return functional.smooth_l1_loss(y, target)
        case Hinge():
            flat = y.movedim(1, -1).flatten(0, -2)
            # it averages over the classes
            return functional.multi_margin_loss(flat, target.flatten().long()) * y.shape[1]
        case Perceptron():
            return ((y > 0).to(y.dtype) - target).mul(y).sum(1).mean()
    raise TypeError(f"{loss.word} has no twin")
