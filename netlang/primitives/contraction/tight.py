"""Images of few channels without their padding lanes, so that a line of taps is one segment of a product.

Three channels fill 3 of 16 lanes: a tap would be a segment 3 steps long. The team copies the image, zeros around it,
into shared scratch first, pixel behind pixel: 7 taps of 3 channels are 21 steps, and no tap is outside.
"""

from dataclasses import replace

from netlang.primitives.contraction.sides import Axis
from netlang.primitives.text import Arguments, Geometry

FEW = 8  # channels, at most


def suits(of: Geometry, high: Axis, wide: Axis) -> bool:
    """Whether the copy is worth it: several taps a line, of few channels."""
    return of.lanes == "c" and of.channels <= FEW and wide.follow and high.div == 1


def padded(axis: Axis) -> Axis:
    """The axis of the copy: as long as all taps reach, from the first one on."""
    return replace(axis, base=0, source=(axis.result - 1) * axis.mul + (axis.taps - 1) * axis.step + 1)


def add_arguments(arguments: Arguments, of: Geometry, batch: int, high: Axis, wide: Axis) -> int:
    """Where the image lies in its copy; the bytes of that. Whole vectors are stored, so one more lies behind a line."""
    arguments.add(real_h=high.source, from_h=high.base, real_w=wide.source, from_w=wide.base)
    line = padded(wide).source * of.channels * of.size + of.vector
    return of.most_images(batch) * padded(high).source * line


def lines(of: Geometry, packed: str) -> list[str]:
    """The copy, and `source` at its start. The lanes of a vector that are no channels are overwritten by the next."""
    return [
        f"packed = {packed}",
        f"line, end = split(({of.images}) * source_h, thread, threads(team))",
        "while line < end:",
        "    image = line // source_h",
        "    h = line - image * source_h + from_h",
        "    for q in range(source_w):",
        "        w = q + from_w",
        f"        value = splat_{of.dtype}(0.0)",
        "        if h >= 0 and h < real_h and w >= 0 and w < real_w:",
        f"            value = load_{of.dtype}(source + ((image * real_h + h) * real_w + w) * {of.vector})",
        f"        store_{of.dtype}(packed + line * line_bytes + q * pixel_bytes, value)",
        "    line += 1",
        "barrier(team, thread)",
        "source = packed",
    ]
