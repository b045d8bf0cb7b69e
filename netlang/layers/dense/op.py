"""Fully connected layers."""

from dataclasses import dataclass

from netlang.layer import Emit, Layer, Misfit, Value, Weight, register
from netlang.layers.conv.op import biased
from netlang.layers.initial import Initial
from netlang.layers.shape.op import flat, flattened
from netlang.layers.sliding import positive
from netlang.primitives.contraction.op import Contraction
from netlang.types import BATCH, Tensor, shown


@register
@dataclass(frozen=True)
class Dense(Layer):
    """y[n,f] = b[f] + sum over c of x[n,c] * w[c,f]

    width: units, that is, channels out
    bias:  whether b is there
    init:  how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    An image is flattened first: rows, columns, channels (Goodfellow et al. 2016, eq. 6.19).
    """

    word = "fc"
    aliases = ("dense",)
    activated = True
    width: int
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        if len(x.shape) == 3:
            raise Misfit(
                f"`{self.word}` reads a vector, and this is a sequence: {shown(x.shape)}",
                help=f"`conv1-{self.width}` works on each step, `flatten` joins the steps of a fixed length, "
                "`last` and `mean` make one vector of them",
            )
        flat(x, self.word)
        return x.with_shape(BATCH, self.width)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        w = Weight("w", x.with_shape(x.size, self.width), self.init, (x.size, self.width))
        b = Weight("b", x.with_shape(self.width), "zeros", w.fans)
        return (w, b) if self.bias else (w,)

    def macs(self, y: Tensor, x: Tensor) -> int:
        return x.size * y.size

    def flops(self, y: Tensor, x: Tensor) -> int:
        return 2 * self.macs(y, x) + self.bias * y.size

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        return biased(emit, emit(Contraction(), flattened(emit, x), w), *b)
