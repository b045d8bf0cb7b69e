"""Locally connected layers."""

from netlang.layer import Emit, Layer, Misfit, Value, Weight, Working, register
from netlang.layers.conv.op import biased, with_bias
from netlang.layers.initial import Initial
from netlang.layers.sequence.row import off_row, on_row
from netlang.layers.sliding import Pad, Pair, positive, windows, workings
from netlang.primitives.unshared.op import Unshared
from netlang.record import dataclass
from netlang.types import Count, Tensor, shown


@register
@dataclass(frozen=True)
class Local(Layer):
    """y[n,i,j,f] = b[i,j,f] + sum over u,v,c of x[n, i*stride + u - pad, j*stride + v - pad, c] * w[i,j,u,v,c,f]

    kernel: height and width of the window, in pixels
    width:  filters at each place, that is, channels out
    stride: pixels from one window to the next
    pad:    zeros around the image, in pixels; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing
    bias:   whether b is there
    init:   how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    A convolution whose weights are not shared between places (LeCun 1989).

    For example:

        input 8x8x3
        local3-4/2  -> 4x4x4
    """

    word = "local"
    activated = True
    slides = True
    kernel: Pair
    width: int
    stride: Pair = (1, 1)
    pad: Pad = "same"
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        y = windows(self, x).shape(x, self.width)
        if not y.fixed:
            raise Misfit(
                f"`{self.word}` has weights of its own for each place and needs a fixed size, not {shown(x.shape)}"
            )
        return y

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        at, c = windows(self, x), x.channels
        fans = (at.places * c, at.places * self.width)
        w = Weight("w", x.with_shape(*at.counts, *at.kernel, c, self.width), self.init, fans, decays=True)
        return with_bias(self.bias, w, x.with_shape(*at.counts, self.width))

    def macs(self, y: Tensor, x: Tensor) -> Count:
        return y.count * (windows(self, x).places * x.channels)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + int(self.bias) * y.count

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return workings(self, x, windows(self, x))

    def jump(self) -> Pair:
        return self.stride

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        at = windows(self, x.type)
        form = Unshared("out", at.kernel, at.stride, at.pad, at.fixed)
        return off_row(emit, biased(emit, emit(form, on_row(emit, x), w), *b), x.type)
