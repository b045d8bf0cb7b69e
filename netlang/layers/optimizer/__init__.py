"""Optimizers by name."""

from netlang.layers.optimizer.op import OPTIMIZERS, Optimizer, find, words

__all__ = ["OPTIMIZERS", "Optimizer", "find", "words"]
