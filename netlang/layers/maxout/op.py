"""The largest of several: maxout, and pools across channels."""

from functools import reduce

from netlang.formula import Name, Term, maximum
from netlang.layer import Emit, Layer, Misfit, Value, Weight, Working, register
from netlang.layers.conv.op import biased, with_bias
from netlang.layers.dense.op import vector
from netlang.layers.initial import Initial
from netlang.layers.shape.op import flattened, joined
from netlang.layers.sliding import positive
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Reshape, Slice
from netlang.primitives.map.op import Map
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor


@register
@dataclass(frozen=True)
class Maxout(Layer):
    """y[n,f] = max over k of b[k*width + f] + sum over c of x[n,c] * w[c, k*width + f]        (Goodfellow et al. 2013)

    kernel: how many linear pieces there are; the largest wins, the first of equal ones takes the gradient
    width:  units, that is, channels out
    bias:   whether b is there
    init:   how w starts; `auto` is `xavier`

    An image is flattened first, as before `fc`. `max[conv3-64 | conv3-64]` is maxout over images.

    For example:

        input 8
        maxout3-4, FC-2     -> 2
    """

    word = "maxout"
    kernel: int
    width: int
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "kernel", "width")
        return vector(self.word, x, self.width)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        f = self.kernel * self.width
        w = Weight("w", Tensor(x.dtype, (x.size, f)), self.init, (x.size, self.width), decays=True)
        return with_bias(self.bias, w, x.with_shape(f))

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return (*joined(x), Working("sums", f"{self.kernel}*{self.width}", self.kernel * self.width))

    def macs(self, y: Tensor, x: Tensor) -> Count:
        return x.size * self.kernel * self.width

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + (int(self.bias) * self.kernel + self.kernel - 1) * y.count

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        pieces = biased(emit, emit(Contraction(), flattened(emit, x), w), *b)
        if self.kernel == 1:
            return pieces
        starts = range(0, self.kernel * self.width, self.width)
        operands: list[Term] = [Name(f"i{k}") for k in range(self.kernel)]
        parts = [emit(Slice(start, start + self.width), pieces) for start in starts]
        return emit(Map(reduce(maximum, operands)), *parts)


@register
@dataclass(frozen=True)
class ChannelPool(Layer):
    """y[...,f] = the largest of x[..., f*kernel] to x[..., f*kernel + kernel - 1]        (Goodfellow et al. 2013)

    kernel: how many neighbouring channels become one; the gradient goes to the first of equal numbers

    For example:

        input 8x8x3
        conv3-32, channelpool2  -> 8x8x16
    """

    word = "channelpool"
    settles = True
    kernel: int = 2

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "kernel")
        if x.channels % self.kernel:
            raise Misfit(f"{x.channels} channels do not make groups of {self.kernel}", setting="kernel")
        return x.with_shape(BATCH, *x.shape[1:-1], x.channels // self.kernel)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return x.count

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return (Working("channels", f"{x.channels}/{self.kernel}", y.channels),)

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        count = x.type.size // self.kernel
        rows = emit(Reshape((count, self.kernel, 1)), x)
        window = (1, self.kernel)
        y = emit(Window("max", window, window, (0, 0, 0, 0), (count, self.kernel)), rows)
        return emit(Reshape(self.infer(x.type).arrayed(0)[1:]), y)
