"""Optimizers in PyTorch."""

import torch

from netlang.layers.optimizer.op import Adam, Momentum, Nesterov, Sgd


def twin(optimizer, parameters, rate, **options):
    """The torch.optim of an optimizer. options: PyTorch's own, as `fused`."""
    match optimizer:
        case Sgd():
            return torch.optim.SGD(parameters, lr=rate, **options)
        case Momentum(momentum):
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum, **options)
        case Nesterov(momentum):
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum, nesterov=True, **options)
        case Adam(beta1, beta2, eps):
            return torch.optim.Adam(parameters, lr=rate, betas=(beta1, beta2), eps=eps, **options)
    raise TypeError(f"{optimizer.word} has no twin")
