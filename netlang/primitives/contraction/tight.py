"""Images of few channels without their padding lanes, so that a line of taps is one segment of a product.

Three channels fill 3 of 16 lanes: a tap would be a segment 3 steps long. The team copies the image, zeros around it,
into shared scratch first, pixel behind pixel: 7 taps of 3 channels are 21 steps, and no tap is outside. Where the image
comes as callers have it, its lines are copied as they are.
"""

from dataclasses import replace
from math import prod

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis
from netlang.primitives.launch import Operand
from netlang.primitives.text import Arguments, Geometry, indented
from netlang.types import BATCH, Tensor

FEW = 8  # channels, at most


def suits(of: Geometry, high: Axis, wide: Axis) -> bool:
    """Whether the copy is worth it: several taps a line, of few channels."""
    return of.lanes == "c" and of.channels <= FEW and wide.taps > 1 and wide.follow and high.div == 1


def image(primitive: Contraction, x: Tensor) -> Tensor:
    """The type of the image that a contraction reads, which may come as rows."""
    return x.with_shape(BATCH, *primitive.size, x.channels // prod(primitive.size)) if primitive.rows else x


def padded(axis: Axis) -> Axis:
    """The axis of the copy: as long as all taps reach, from the first one on."""
    return replace(axis, base=0, source=(axis.result - 1) * axis.mul + (axis.taps - 1) * axis.step + 1)


def add_arguments(arguments: Arguments, source: Operand, of: Geometry, batch: int, axes: tuple[Axis, Axis]) -> int:
    """Where the image lies in its copy; the bytes of that. Whole vectors are stored, so one more lies behind a line."""
    high, wide = axes
    arguments.add(real_h=high.source, from_h=high.base, real_w=wide.source, from_w=wide.base)
    there = Geometry(source.type, source.lanes)
    arguments.add(image_bytes=there.places * there.columns * of.vector)
    line = padded(wide).source * of.channels * of.size + of.vector
    return of.most_images(batch) * padded(high).source * line


def lines(of: Geometry, packed: str, *, rows: bool) -> list[str]:
    """The copy, and `source` at its start. rows: whether the image is there as rows, pixel behind pixel, too

    The lanes of a vector that are no channels, or no pixels of the line, are overwritten by what comes next.
    """
    return [
        f"packed = {packed}",
        f"line, end = split(({of.images}) * source_h, thread, threads(team))",
        "while line < end:",
        "    image = line // source_h",
        "    h = line - image * source_h + from_h",
        "    to = packed + line * line_bytes",
        *indented(_line(of) if rows else _pixels(of)),
        "    line += 1",
        "barrier(team, thread)",
        "source = packed",
    ]


def _pixels(of: Geometry) -> list[str]:
    """A line of the copy, from vectors of channels."""
    return [
        "for q in range(source_w):",
        "    w = q + from_w",
        f"    value = splat_{of.dtype}(0.0)",
        "    if h >= 0 and h < real_h and w >= 0 and w < real_w:",
        f"        value = load_{of.dtype}(source + image * image_bytes + (h * real_w + w) * {of.vector})",
        f"    store_{of.dtype}(to + q * pixel_bytes, value)",
    ]


def _line(of: Geometry) -> list[str]:
    """A line of the copy, from a line of pixels: zeros on the left, what is there, zeros on the right."""
    return [
        "lead = max_i64(0, -from_w)",
        "there = min_i64(real_w - from_w, source_w) - lead",
        "if h < 0 or h >= real_h:",
        "    lead, there = source_w, 0",
        "at = source + image * image_bytes + (h * real_w + lead + from_w) * pixel_bytes",
        *_zeros(of, "lead"),
        "length = there * pixel_bytes",
        f"for q in range(length // {of.vector}):",
        f"    store_{of.dtype}(to + q * {of.vector}, load_{of.dtype}(at + q * {of.vector}))",
        f"if length >= {of.vector}:",  # the rest, with some of what is copied already: nothing is read behind the line
        f"    store_{of.dtype}(to + length - {of.vector}, load_{of.dtype}(at + length - {of.vector}))",
        "else:",
        f"    for q in range(length // {of.size}):",
        f"        store_scalar_{of.dtype}(to + q * {of.size}, load_scalar_{of.dtype}(at + q * {of.size}))",
        "to += length",
        *_zeros(of, "(source_w - lead - there)"),
    ]


def _zeros(of: Geometry, pixels: str) -> list[str]:
    return [
        f"for q in range(({pixels} * pixel_bytes + {of.vector - 1}) // {of.vector}):",
        f"    store_{of.dtype}(to + q * {of.vector}, splat_{of.dtype}(0.0))",
        f"to += {pixels} * pixel_bytes",
    ]
