"""Convolutions."""

from dataclasses import dataclass

from netlang.formula import Name
from netlang.layer import Emit, Layer, Value, Weight, register
from netlang.layers.initial import Initial
from netlang.layers.sliding import Pad, Pair, Sides, image, positive, reach, slide
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Map
from netlang.types import BATCH, Tensor


@register
@dataclass(frozen=True)
class Conv(Layer):
    """y[n,i,j,f] = b[f] + sum over u,v,c of x[n, i', j', c] * w[u,v,c,f]
    with i' = i*stride + u*dilation - pad, and j' likewise; x is 0 outside the image

    kernel:   height and width of the window, in pixels
    width:    filters, that is, channels out
    stride:   pixels from one window to the next
    pad:      zeros around the image, in pixels; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing
    dilation: pixels from one row or column of the window to the next
    bias:     whether b is there
    init:     how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    Cross-correlation: the window is not flipped (Goodfellow et al. 2016, eq. 9.6).
    """

    word = "conv"
    activated = True
    kernel: Pair
    width: int
    stride: Pair = (1, 1)
    pad: Pad = "same"
    dilation: Pair = (1, 1)
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        (oh, ow), _ = self._slide(x)
        return x.with_shape(BATCH, oh, ow, self.width)

    def _slide(self, x: Tensor) -> tuple[Pair, Sides]:
        h, w, _ = image(x, self.word)
        positive(self, "kernel", "width", "stride", "dilation")
        return slide((h, w), reach(self.kernel, self.dilation), self.stride, self.pad)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        places, c = self.kernel[0] * self.kernel[1], x.channels
        w = Weight("w", x.with_shape(*self.kernel, c, self.width), self.init, (places * c, places * self.width))
        b = Weight("b", x.with_shape(self.width), "zeros", w.fans)
        return (w, b) if self.bias else (w,)

    def macs(self, y: Tensor, x: Tensor) -> int:
        return y.size * self.kernel[0] * self.kernel[1] * x.channels

    def flops(self, y: Tensor, x: Tensor) -> int:
        return 2 * self.macs(y, x) + self.bias * y.size

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        h, width, _ = image(x.type, self.word)
        _, pad = self._slide(x.type)
        y = emit(Contraction("out", self.kernel, self.stride, pad, self.dilation, (h, width)), x, w)
        return biased(emit, y, *b)


def biased(emit: Emit, y: Value, *b: Value) -> Value:
    """Y plus the bias, where there is one."""
    return emit(Map(Name("i0") + Name("i1")), y, *b) if b else y
