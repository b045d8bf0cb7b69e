"""Zeros around an image, and what lies inside a border, out of the gathers there are."""

from netlang.formula import Number
from netlang.layer import Emit, Value
from netlang.layers.sliding import Sides
from netlang.primitives.gather.op import Concat, Reshape, Slice
from netlang.primitives.map.op import Map
from netlang.types import BATCH


def bordered(emit: Emit, x: Value, sides: Sides) -> Value:
    """x[n,h,w,c] with rows of zeros above and below, and columns left and right."""
    top, left, bottom, right = sides
    _, h, w, c = x.type.arrayed(0)
    if left or right:
        x = emit(Reshape((h, w * c)), x)
        x = _joined(emit, x, left * c, right * c)
    wide = w + left + right
    if top or bottom:
        x = emit(Reshape((h * wide * c,)), x)
        x = _joined(emit, x, top * wide * c, bottom * wide * c)
    return emit(Reshape((h + top + bottom, wide, c)), x) if any(sides) else x


def cut(emit: Emit, x: Value, sides: Sides) -> Value:
    """x[n,h,w,c] without some rows above and below, and columns left and right."""
    top, left, bottom, right = sides
    _, h, w, c = x.type.arrayed(0)
    if top or bottom:
        x = emit(Reshape((h * w * c,)), x)
        x = emit(Slice(top * w * c, (h - bottom) * w * c), x)
    high = h - top - bottom
    if left or right:
        x = emit(Reshape((high, w * c)), x)
        x = emit(Slice(left * c, (w - right) * c), x)
    return emit(Reshape((high, w - left - right, c)), x) if any(sides) else x


def _joined(emit: Emit, x: Value, before: int, behind: int) -> Value:
    """X with so many zero channels before and behind."""
    zeros = [emit(Map(Number(0), (BATCH, *x.type.shape[1:-1], c)), x) if c else None for c in (before, behind)]
    return emit(Concat(), *(part for part in (zeros[0], x, zeros[1]) if part is not None))
