"""Gathers: elements move, none is computed."""

from itertools import accumulate
from math import prod

from netlang.formula import Number
from netlang.layer import Emit, Value
from netlang.primitives.launch import LANES
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import BATCH, Tensor

Values = tuple[Value | None, ...]


@dataclass(frozen=True)
class Reshape(Primitive):
    """The same numbers in rows, columns, channels order under another shape (batch axis kept).

    shape: without the batch axis
    """

    shape: tuple[int, ...]

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(BATCH, *self.shape)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        x = inputs[0].type
        return (emit(Reshape(x.arrayed(0)[1:]), dy),)


@dataclass(frozen=True)
class Concat(Primitive):
    """The inputs' channels one after another: any number of inputs of the same places."""

    def infer(self, *inputs: Tensor) -> Tensor:
        return inputs[0].with_shape(*inputs[0].shape[:-1], sum(x.channels for x in inputs))

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        stops = list(accumulate(x.type.channels for x in inputs))
        starts = [0, *stops[:-1]]
        return tuple(emit(Slice(start, stop), dy) for start, stop in zip(starts, stops, strict=True))


@dataclass(frozen=True)
class Slice(Primitive):
    """The channels from `start` to before `stop`."""

    start: int
    stop: int

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(*x.shape[:-1], self.stop - self.start)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        x = inputs[0].type
        around = (self.start, x.channels - self.stop)
        zeros = [emit(Map(Number(0), (*x.shape[:-1], c)), dy) if c else None for c in around]
        parts = [part for part in (zeros[0], dy, zeros[1]) if part is not None]
        return (emit(Concat(), *parts) if len(parts) > 1 else dy,)


@dataclass(frozen=True)
class Convert(Primitive):
    """The same tensor with another axis in the vector lanes of its buffer: "c" channels or "n" examples.

    size: height and width of the image that x[n, h*w*c] is, and pad: rows above, columns left, rows below, columns
        right, of zeros around it; (0, 0) where x stays as it is (set by `passes/layout.py`)
    """

    lanes: str
    size: tuple[int, int] = (0, 0)
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)

    def infer(self, x: Tensor) -> Tensor:
        if not any(self.size):
            return x
        (height, width), (top, left, bottom, right) = self.size, self.pad
        return x.with_shape(BATCH, top + height + bottom, left + width + right, x.channels // (height * width))

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        return (dy,)


@dataclass(frozen=True)
class Transpose(Primitive):
    """Weights as the gradient by the data reads them.

    w[u,v,c,f] -> t[kh-1-u, kw-1-v, f, c], rows and columns flipped; w[c,f] -> t[f,c]
    """

    def infer(self, w: Tensor) -> Tensor:
        *kernel, c, f = w.shape
        return w.with_shape(*kernel, f, c)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        return (emit(Transpose(), dy),)


@dataclass(frozen=True)
class Panels(Primitive):
    """Weights as products of many of them read them: the rows of 16 filters one behind the other.

    w[u,v,c,f] -> p[f / 16, u, v, c, f % 16], zeros behind the last filter. turned: of Transpose(w) in place of w
    """

    turned: bool = False

    def infer(self, w: Tensor) -> Tensor:
        *kernel, c, f = (Transpose().infer(w) if self.turned else w).arrayed(0)
        return w.with_shape(-(-f // LANES), *kernel, c, LANES)


@dataclass(frozen=True)
class SpaceToDepth(Primitive):
    """y[n,i,j,(a*side + b)*C + c] = x[n, i*side + a - top, j*side + b - left, c], zeros where x has no such pixel

    Of weights, w[u,v,c,f], the same without n, with their filters behind.
    side: of a square of pixels; made: height and width of y; before: top and left
    size: height and width of x; rows: x comes as rows x[n, h*w*c] (set by `passes/layout.py`)

    Formed by `passes/stems.py`, behind differentiation: it needs no gradient.
    """

    side: int
    made: tuple[int, int]
    size: tuple[int, int]
    before: tuple[int, int] = (0, 0)
    rows: bool = False

    def infer(self, x: Tensor) -> Tensor:
        square = self.side * self.side
        if not x.batched:
            *_, c, f = x.shape
            return x.with_shape(*self.made, square * c, f)
        channels = x.channels // prod(self.size) if self.rows else x.channels
        return x.with_shape(BATCH, *self.made, square * channels)


@dataclass(frozen=True)
class Rows(Primitive):
    """y[r,f] = w[r + start, f], zeros where w has no such row: some rows of a matrix, or a matrix within a larger one

    start: the row of w that becomes the first; rows: how many there are
    """

    start: int
    rows: int

    def infer(self, w: Tensor) -> Tensor:
        return w.with_shape(self.rows, w.channels)

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> Values:
        return (emit(Rows(-self.start, inputs[0].type.arrayed(0)[0]), dy),)
