"""Regions: the composition of their members."""

import numpy as np

from netlang.formula import names
from netlang.primitives.map.reference import formula
from netlang.primitives.primitive import named
from netlang.primitives.reference import Array, Run, reference
from netlang.primitives.region.op import Region
from netlang.types import Tensor


def compute(primitive: Region, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """after(anchor(before ...)), each by its own reference."""
    operands = named(inputs)
    read = []
    for term in primitive.before:
        shape = np.broadcast_shapes(*(operands[name].shape for name in names(term)))
        read.append(formula(term, operands, shape, run))
    y = reference(primitive.anchor, tuple(read), result, run)
    return formula(primitive.after, {**operands, "y": y}, y.shape, run)
