"""How well outputs agree with targets."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.record import dataclass

Array = NDArray[Any]
PICTURES = 4  # axes of an answer for each pixel: n, h, w, class


@dataclass(frozen=True)
class Score:
    """Over all examples seen: share of right classes (None for values), or mean squared error (None for classes).

    iou: where each pixel has a class, the mean over the classes of intersection over union (Everingham et al. 2010):
        the pixels rightly given a class, over those that are given it or have it
    """

    accuracy: float | None
    squared_error: float | None
    iou: float | None = None

    def __str__(self) -> str:
        if self.accuracy is not None:
            return f"accuracy {self.accuracy:.2%}" + ("" if self.iou is None else f", IoU {self.iou:.2%}")
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
    good, places, errors, pixels = 0, 0, 0.0, None
    for y, target in pairs:
        if classes:
            hits = right(y, target)
            good, places = good + int(hits.sum()), places + hits.size
            if y.ndim == PICTURES and y.shape[-1] > 1 and target.dtype.kind == "i":
                pixels = _counted(y, target) + (0 if pixels is None else pixels)
        else:
            errors += float(np.square(y.astype(np.float64) - target).sum())
            places += y.size
    if places == 0:
        return Score(math.nan if classes else None, None if classes else math.nan)
    if not classes:
        return Score(None, errors / places)
    return Score(good / places, None, None if pixels is None else _iou(pixels))


def _counted(y: Array, target: Array) -> Array:
    """int[k, k]: how many pixels of each class (rows) were given each class (columns) by y[n, h, w, k]."""
    k = y.shape[-1]
    pairs = target.reshape(-1) * k + y.argmax(-1).reshape(-1)
    return np.bincount(pairs, minlength=k * k).reshape(k, k)


def _iou(pixels: Array) -> float:
    """The mean over the classes that occur."""
    both, either = pixels.diagonal(), pixels.sum(0) + pixels.sum(1) - pixels.diagonal()
    return float((both[either > 0] / either[either > 0]).mean())
