"""Fully connected layers in ONNX."""

from netlang.layers.dense.op import Dense
from netlang.layers.onnx import Named, Operators, Step, in_onnx, reshape, transpose


@in_onnx(Dense)
def dense(ops: Operators, layer: Dense, x: Named, w: Named, *b: Named) -> str:
    """Gemm. An image is flattened as it lies, channels first, and the rows of w are ordered alike."""
    if len(x.type.shape) == 2:
        return ops("Gemm", x, w, *b)
    return ops("Gemm", ops("Flatten", x, axis=1), ops.weight(w, *_channels_first(x, w)), *b)


def _channels_first(x: Named, w: Named) -> tuple[Step, ...]:
    """The rows of w[h*w*c, f], which netlang counts by rows, columns, channels, by channels, rows, columns."""
    *places, c = x.type.arrayed(0)[1:]
    rows, f = w.type.arrayed(0)
    if c == 1 or c == rows:
        return ()
    last = len(places)
    return reshape(*places, c, f), transpose(last, *range(last), last + 1), reshape(rows, f)
