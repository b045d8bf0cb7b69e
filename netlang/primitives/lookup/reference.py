"""Rows by their numbers, in NumPy."""

import numpy as np

from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Lookup | LookupGradient, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The rows, or their gradients added up."""
    numbers, other = inputs[0][..., 0].astype(np.int64), inputs[1]
    if isinstance(primitive, Lookup):
        return other[numbers]
    made = np.zeros(result.arrayed(run.examples), other.dtype)
    np.add.at(made, numbers, other)
    return made
