"""Shapes in ONNX."""

import numpy as np

from netlang.layers.onnx import END, Named, Operators, in_onnx, pads
from netlang.layers.shape.op import Crop, Flatten, Identity, Pad, Reshaped, Upsample


@in_onnx(Flatten)
def flatten(ops: Operators, layer: Flatten, x: Named) -> str:
    """Rows, columns, channels."""
    return ops("Flatten", ops.channels_last(x), axis=1) if len(x.type.shape) > 2 else ops.name(x)


@in_onnx(Identity)
def identity(ops: Operators, layer: Identity, x: Named) -> str:
    """The input."""
    return ops.name(x)


@in_onnx(Reshaped)
def reshaped(ops: Operators, layer: Reshaped, x: Named) -> str:
    """Rows, columns, channels, before and after."""
    y = ops.reshaped(ops.channels_last(x), -1, *layer.shape)
    return ops.channels_first(y, 1 + len(layer.shape))


@in_onnx(Pad)
def pad(ops: Operators, layer: Pad, x: Named) -> str:
    """Pad with zeros; the channels behind only."""
    rows, columns = layer._sides(x.type)
    edges = pads((rows, columns, rows, columns), x.type)
    half = len(edges) // 2
    return ops("Pad", x, ops.integers(0, 0, *edges[:half], 0, layer.channels, *edges[half:]))


@in_onnx(Crop)
def crop(ops: Operators, layer: Crop, x: Named, *like: Named) -> str:
    """A slice from the middle. Sizes that are not fixed are computed as they come."""
    rank = len(x.type.shape)
    axes = ops.integers(*range(2, rank))
    if not like:
        cut = layer._by(x.type)[-(rank - 2) :]
        return ops("Slice", x, ops.integers(*cut), ops.integers(*(-by or END for by in cut)), axes)
    old, new = ops.places(x), ops.places(like[0])
    first = ops("Div", ops("Sub", old, new), ops.constant(2, np.int64))
    return ops("Slice", x, first, ops("Add", first, new), axes)


@in_onnx(Upsample)
def upsample(ops: Operators, layer: Upsample, x: Named, *like: Named) -> str:
    """Resize for `bilinear`; `nearest` by the numbers of the pixels, i*old/new rounded down, which are exact."""
    rank = len(x.type.shape)
    sizes = _sizes(ops, layer, x, *like)
    if layer.how == "nearest":
        y = ops.name(x)
        for axis in range(2, rank):
            y = ops("Gather", y, _numbers(ops, axis - 2, ops.places(x), sizes), axis=axis)
        return y
    image = ops("Unsqueeze", x, ops.integers(2)) if rank == 3 else ops.name(x)  # a row: Resize is surest on images
    start = ops("Shape", x, end=2)
    full = ops("Concat", start, *([ops.integers(1)] if rank == 3 else []), sizes, axis=0)
    y = ops("Resize", image, "", "", full, mode="linear", coordinate_transformation_mode="half_pixel")
    return ops("Squeeze", y, ops.integers(2)) if rank == 3 else y


def _sizes(ops: Operators, layer: Upsample, x: Named, *like: Named) -> str:
    """Height and width to be."""
    if like:
        return ops.places(like[0])
    y = layer.infer(x.type)
    if y.fixed:
        return ops.integers(*y.arrayed(0)[1:-1])
    assert layer.kernel is not None
    return ops("Mul", ops.places(x), ops.integers(*layer.kernel[-(len(x.type.shape) - 2) :]))


def _numbers(ops: Operators, axis: int, old: str, new: str) -> str:
    """Which pixel of the old size each of the new size is: floor(i * old / new)."""
    if old in ops.constants and new in ops.constants:
        of, to = int(ops.constants[old][axis]), int(ops.constants[new][axis])
        return ops.constant(np.arange(to) * of // to, np.int64)
    one = ops.constant(axis, np.int64)
    of_, to_ = ops("Gather", old, one), ops("Gather", new, one)
    each = ops("Range", ops.constant(0, np.int64), to_, ops.constant(1, np.int64))
    return ops("Div", ops("Mul", each, of_), to_)
