"""Tokens to vectors in ONNX."""

import numpy as np

from netlang.layers.onnx import Named, Operators, in_onnx
from netlang.layers.tokens.op import Embed, OneHot


@in_onnx(Embed)
def embed(ops: Operators, layer: Embed, x: Named, w: Named) -> str:
    """Rows of the table."""
    return ops.channels_first(ops("Gather", w, x, axis=0), 3)


@in_onnx(OneHot)
def onehot(ops: Operators, layer: OneHot, x: Named) -> str:
    """OneHot, the classes as channels."""
    return ops("OneHot", x, ops.constant(x.type.classes, np.int64), ops.constant([0, 1]), axis=1)
