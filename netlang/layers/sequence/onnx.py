"""Steps of a sequence in ONNX."""

import numpy as np

from netlang.layers.onnx import Named, Operators, in_onnx
from netlang.layers.sequence.op import First, Last, Pick


@in_onnx(First, Last)
def pick(ops: Operators, layer: Pick, x: Named) -> str:
    """The first or last of [n, c, t]; counted from the end, so that the length may be open."""
    return ops("Gather", x, ops.constant(layer.step(0), np.int64), axis=2)
