"""Sums: the formula over its whole shape, then NumPy's sum or maximum."""

import numpy as np

from netlang.primitives.map.reference import formula
from netlang.primitives.primitive import named
from netlang.primitives.reference import Array, Run
from netlang.primitives.sum.op import Sum
from netlang.types import Tensor


def compute(primitive: Sum, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The reduction over the axes `over` names."""
    full = np.broadcast_shapes(*(x.shape for x in inputs))
    value = formula(primitive.term, named(inputs), full, run)
    last = len(full) - 1
    axes = {
        "channel": (last,),
        "positions": tuple(range(1, last)),
        "batch": tuple(range(last)),
        "examples": (0,),
        "all": tuple(range(last + 1)),
    }[primitive.over]
    reduce = np.max if primitive.how == "max" else np.sum
    kept = primitive.over in ("channel", "positions")
    return np.asarray(reduce(value, axis=axes, keepdims=kept))
