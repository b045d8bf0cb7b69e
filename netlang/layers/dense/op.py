"""Fully connected layers."""

from netlang.layer import Emit, Layer, Misfit, Value, Weight, Working, register
from netlang.layers.conv.op import biased, with_bias
from netlang.layers.initial import Initial
from netlang.layers.shape.op import flat, flattened, joined
from netlang.layers.sliding import positive
from netlang.primitives.contraction.op import Contraction
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor, shown


@register
@dataclass(frozen=True)
class Dense(Layer):
    """y[n,f] = b[f] + sum over c of x[n,c] * w[c,f]

    width: units, that is, channels out
    bias:  whether b is there
    init:  how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    An image is flattened first: rows, columns, channels (Goodfellow et al. 2016, eq. 6.19).

    For example:

        input 6x6x4
        FC-10, FC-3 linear  -> 3
    """

    word = "fc"
    aliases = ("dense",)
    elsewhere = ("fullyconnected", "innerproduct", "connected")
    activated = True
    width: int
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        return vector(self.word, x, self.width)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        w = Weight("w", Tensor(x.dtype, (x.size, self.width)), self.init, (x.size, self.width), decays=True)
        return with_bias(self.bias, w, x.with_shape(self.width))

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return joined(x)

    def macs(self, y: Tensor, x: Tensor) -> Count:
        return x.size * self.width

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + int(self.bias) * y.count

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        return biased(emit, emit(Contraction(), flattened(emit, x), w), *b)


def vector(word: str, x: Tensor, width: int) -> Tensor:
    """A vector of so many units, made of a vector or of an image of a fixed size; `Misfit` for a sequence."""
    if len(x.shape) == 3:
        raise Misfit(
            f"`{word}` reads a vector, and this is a sequence: {shown(x.shape)}",
            help=f"`conv1-{width}` works on each step, `flatten` joins the steps of a fixed length, "
            "`last` and `mean` make one vector of them",
        )
    flat(x, word)
    return x.with_shape(BATCH, width)
