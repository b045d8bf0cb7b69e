"""Merges in ONNX."""

from functools import reduce

from netlang.layer import Layer
from netlang.layers.merge.op import Add, Concatenate, Max, Mul, Sub, spatial
from netlang.layers.merge.residual import Residual
from netlang.layers.onnx import Named, Operators, in_onnx

PAIRS: dict[type[Layer], str] = {Add: "Add", Mul: "Mul", Sub: "Sub", Max: "Max", Residual: "Add"}


@in_onnx(*PAIRS)
def merge(ops: Operators, layer: Layer, *inputs: Named) -> str:
    """The operator of two, from the left."""
    rank = max(len(x.type.shape) for x in inputs)
    kind = PAIRS[type(layer)]
    return reduce(lambda a, b: ops(kind, a, b), [_spread(ops, x, rank) for x in inputs])


@in_onnx(Concatenate)
def concat(ops: Operators, layer: Concatenate, *inputs: Named) -> str:
    """Concat along the channels; a vector is repeated over the places first."""
    full = spatial(layer.word, [x.type for x in inputs])
    like = next(x for x in inputs if x.type is full)
    parts = []
    for x in inputs:
        part = _spread(ops, x, len(full.shape))
        if len(x.type.shape) < len(full.shape):
            shape = ops("Concat", ops.integers(1, 1), ops.places(like), axis=0)
            part = ops("Expand", part, shape)
        parts.append(part)
    return parts[0] if len(parts) == 1 else ops("Concat", *parts, axis=1)


def _spread(ops: Operators, x: Named, rank: int) -> str:
    """A vector as an image of one pixel, where the others are images."""
    missing = rank - len(x.type.shape)
    return ops.reshaped(x, 0, 0, *(1 for _ in range(missing))) if missing else ops.name(x)
