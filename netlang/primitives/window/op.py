"""Windows that slide over images: pools."""

from dataclasses import replace

from netlang.layer import Emit, Value
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

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

    def infer(self, *inputs: Tensor) -> Tensor:
        x = inputs[0]
        return x.with_shape(BATCH, *(self.windows if self.role == "out" else self.size), x.channels)

    @property
    def windows(self) -> Pair:
        """How many windows there are, in rows and columns."""
        top, left, bottom, right = self.pad
        return (
            (self.size[0] + top + bottom - self.kernel[0]) // self.stride[0] + 1,
            (self.size[1] + left + right - self.kernel[1]) // self.stride[1] + 1,
        )

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        if self.how == "average":
            return (emit(replace(self, role="data" if self.role == "out" else "out"), dy),)
        if self.role == "data":
            raise TypeError("the gradient of a max pool has no gradient here")
        return (emit(replace(self, role="data"), inputs[0], dy),)
