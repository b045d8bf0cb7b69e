"""Optimizers by name."""

from netlang.layers.optimizer.op import OPTIMIZERS, USUAL, Optimizer, find, words

__all__ = ["OPTIMIZERS", "USUAL", "Optimizer", "find", "words"]
