"""Arrays of examples that have lengths of their own: x[n, t, ...], of which lengths[n] steps are real."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.types import shown

Array = NDArray[Any]


class LengthsError(ValueError):
    """An example is as long as a layer of the net cannot take."""


def checked(name: str, value: Any, n: int, longest: int) -> Array:
    """Lengths of n examples, whole numbers from 1 to `longest`, as int64. Raises ValueError."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.ndim != 1 or not np.equal(np.mod(array, 1), 0).all():
        said = f"{shown(array.shape)} of {array.dtype}"
        raise ValueError(f"the lengths of `{name}` are whole numbers, one for each example; got {said}")
    if len(array) != n:
        raise ValueError(f"the lengths of `{name}` are {len(array)}, and there are {n} examples")
    wrong = np.flatnonzero((array < 1) | (array > longest))
    if wrong.size:
        said = f"example {wrong[0]} of `{name}` has the length {array[wrong[0]]:g}"
        raise ValueError(f"{said}; a length is from 1 to {longest}, the steps there are")
    return array.astype(np.int64)


def behind(lengths: Array, steps: tuple[int, ...], why: tuple[str, ...], layer: str) -> Array:
    """How many steps of each example are real behind a layer. Raises LengthsError.

    steps: how many there are of 1, 2, ... real ones, 0 for those that the layer cannot take, and then `why`
    """
    found: Array = np.array(steps)[lengths - 1]
    if not found.all():
        first = int(np.argmin(found))
        said = f"example {first} has {lengths[first]} steps; `{layer}` cannot take so many"
        raise LengthsError(f"{said}: {why[lengths[first] - 1]}")
    return found


def real(x: Array, lengths: Array) -> Array:
    """bool[n, t]: which steps are real."""
    return np.asarray(np.arange(x.shape[1]) < lengths[:, None])


def cut(x: Array, lengths: Array) -> Array:
    """X with zeros behind the real steps of each example, whatever stands there."""
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    zeroed: Array = np.where(real(x, lengths).reshape(shape), x, np.zeros((), x.dtype))
    return zeroed


def lasting(x: Array, steps: int) -> Array:
    """X with so many steps: cut, or with zeros behind."""
    more = max(steps - x.shape[1], 0)
    return np.pad(x[:, :steps], ((0, 0), (0, more), *((0, 0) for _ in x.shape[2:])))
