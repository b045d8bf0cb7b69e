"""Losses by name."""

from netlang.layers.loss.op import LOSSES, Loss, chosen, default_for, find, words

__all__ = ["LOSSES", "Loss", "chosen", "default_for", "find", "words"]
