"""Windows that slide over images: pools."""

from dataclasses import dataclass

from netlang.primitives.primitive import Primitive

Pair = tuple[int, int]


@dataclass(frozen=True)
class Window(Primitive):
    """The largest number or the average of each window, channel by channel.

    role "out":  y[n,i,j,c] of x[n,h,w,c]; places outside the image are left out, of the average too
    role "data": dx[n,h,w,c]; inputs (x, dy) for "max": the first largest place takes it all;
                 input (dy) for "average"

    kernel, stride: height and width, in pixels
    pad: rows above, columns left, rows below, columns right
    size: height and width of x
    """

    how: str
    kernel: Pair
    stride: Pair
    pad: tuple[int, int, int, int]
    size: Pair
    role: str = "out"
