"""How well outputs agree with targets."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Score:
    """Over all examples seen: share of right classes (None for values), or mean squared error (None for classes)."""

    accuracy: float | None
    squared_error: float | None

    def __str__(self) -> str:
        if self.accuracy is not None:
            return f"accuracy {self.accuracy:.2%}"
        return f"mean squared error {self.squared_error:.4g}"


def right(y: Array, target: Array) -> Array:
    """bool[n, ...]: whether the class that y[n, ..., k] means is the target's.

    target: class numbers [n, ...] or [n, ..., 1], or one-hot rows [n, ..., k]. One output (k = 1) means class 1 above
    one half, else class 0.
    """
    if y.shape[-1] == 1:
        return np.asarray((y > 0.5) == (target.reshape(y.shape) > 0.5)).reshape(y.shape[:-1])
    meant = y.argmax(-1)
    wanted = target.argmax(-1) if target.dtype.kind == "f" and target.shape == y.shape else target.reshape(meant.shape)
    return np.asarray(meant == wanted)


def score(pairs: Iterable[tuple[Array, Array]], classes: bool) -> Score:
    """The score of (output, target) batches."""
    good, places, errors = 0, 0, 0.0
    for y, target in pairs:
        if classes:
            hits = right(y, target)
            good, places = good + int(hits.sum()), places + hits.size
        else:
            errors += float(np.square(y.astype(np.float64) - target).sum())
            places += y.size
    if places == 0:
        return Score(math.nan if classes else None, None if classes else math.nan)
    return Score(good / places, None) if classes else Score(None, errors / places)
