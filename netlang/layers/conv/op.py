"""Convolutions."""

from netlang.formula import Name
from netlang.layer import Emit, Layer, Misfit, Value, Weight, Working, register
from netlang.layers.initial import Initial
from netlang.layers.sequence.row import off_row, on_row
from netlang.layers.sliding import Pad, Pair, Windows, positive, windows, workings
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Reshape, Slice
from netlang.primitives.grouped.op import Grouped, suits
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.types import Count, Tensor


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
    groups:   into how many parts the channels and the filters are cut; a filter reads its own part (Krizhevsky 2012)
    bias:     whether b is there
    init:     how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    Cross-correlation: the window is not flipped (Goodfellow et al. 2016, eq. 9.6). A sequence is an image of one row:
    y[n,t,f] = b[f] + sum over u,c of x[n, t*stride + u*dilation - pad, c] * w[0,u,c,f].

    For example:

        input 32x32x3
        conv3-16                -> 32x32x16
        conv5x1-8/2 pad=2x0 bn  -> 16x16x8
    """

    word = "conv"
    activated = True
    slides = True
    kernel: Pair
    width: int
    stride: Pair = (1, 1)
    pad: Pad = "same"
    dilation: Pair = (1, 1)
    groups: int = 1
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width", "groups")
        y = self._windows(x).shape(x, self.width)
        for name, count in (("channels", x.channels), ("filters", self.width)):
            if count % self.groups:
                raise Misfit(f"{count} {name} do not make {self.groups} equal groups", setting="groups")
        return y

    def _windows(self, x: Tensor) -> Windows:
        return windows(self, x)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        at, c = self._windows(x), x.channels // self.groups
        fans = (at.places * c, at.places * self.width // self.groups)
        w = Weight("w", Tensor(x.dtype, (*at.kernel, c, self.width)), self.init, fans, decays=True)
        return with_bias(self.bias, w, x.with_shape(self.width))

    def macs(self, y: Tensor, x: Tensor) -> Count:
        return y.count * (self._windows(x).places * x.channels // self.groups)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + int(self.bias) * y.count

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return workings(self, x, self._windows(x))

    def jump(self) -> Pair:
        return self.stride

    def alignment(self, x: Tensor) -> object:
        return self._windows(x).left

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        c, f = x.type.channels // self.groups, self.width // self.groups
        if self.groups > 1 and suits(c, f):
            at = self._windows(x.type)
            form: Primitive = Grouped("out", at.kernel, at.stride, at.pad, at.dilation, at.fixed, c)
            y = emit(form, on_row(emit, x), w)
        else:
            form, image = self._read(emit, x)
            parts = [
                emit(form, emit(Slice(k * c, k * c + c), image), emit(Slice(k * f, k * f + f), w))
                for k in range(self.groups if self.groups > 1 else 0)
            ]
            y = emit(Concat(), *parts) if parts else emit(form, image, w)
        return biased(emit, off_row(emit, y, x.type), *b)

    def _read(self, emit: Emit, x: Value) -> tuple[Contraction, Value]:
        """The contraction and the image it reads: single pixels a stride apart are first put side by side."""
        at, image = self._windows(x.type), on_row(emit, x)
        if at.kernel != (1, 1) or at.stride == (1, 1) or any(at.pad):
            return Contraction("out", at.kernel, at.stride, at.pad, at.dilation, at.fixed), image
        pixels = Window("average", (1, 1), at.stride, at.pad, at.fixed)
        return Contraction("out", size=pixels.windows), emit(pixels, image)


@register
@dataclass(frozen=True)
class DepthwiseConv(Layer):
    """y[n,i,j,c*mult+m] = b[c*mult+m] + sum over u,v of x[n, i', j', c] * w[u,v,0,c*mult+m]
    with i' = i*stride + u*dilation - pad, and j' likewise: each channel by its own filters (Chollet 2017)

    kernel:   height and width of the window, in pixels
    stride:   pixels from one window to the next
    mult:     filters for each channel
    pad:      zeros around the image, in pixels; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing
    dilation: pixels from one row or column of the window to the next
    bias:     whether b is there
    init:     how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    For example:

        input 16x16x8
        dwconv3/2 bn    -> 8x8x8
        conv1-16 bn     -> 8x8x16
    """

    word = "dwconv"
    elsewhere = ("depthwise", "depthwiseconv")
    activated = True
    slides = True
    kernel: Pair
    stride: Pair = (1, 1)
    mult: int = 1
    pad: Pad = "same"
    dilation: Pair = (1, 1)
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "mult")
        return windows(self, x).shape(x, x.channels * self.mult)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        at, f = windows(self, x), x.channels * self.mult
        w = Weight("w", Tensor(x.dtype, (*at.kernel, 1, f)), self.init, (at.places, at.places * self.mult), decays=True)
        return with_bias(self.bias, w, x.with_shape(f))

    def macs(self, y: Tensor, x: Tensor) -> Count:
        return y.count * windows(self, x).places

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + int(self.bias) * y.count

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return workings(self, x, windows(self, x))

    def jump(self) -> Pair:
        return self.stride

    def alignment(self, x: Tensor) -> object:
        return windows(self, x).left

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        at = windows(self, x.type)
        form = Grouped("out", at.kernel, at.stride, at.pad, at.dilation, at.fixed)
        return biased(emit, off_row(emit, emit(form, self._repeated(emit, on_row(emit, x)), w), x.type), *b)

    def _repeated(self, emit: Emit, image: Value) -> Value:
        """Each channel `mult` times."""
        if self.mult == 1:
            return image
        _, h, w, c = image.type.arrayed(0)
        step = (1, self.mult)
        rows = emit(Reshape((h * w, c, 1)), image)
        # the gradient of an average hands every number its share; times the number of shares it is the number again
        shares = emit(Window("average", step, step, (0, 0, 0, 0), (h * w, c * self.mult), "data"), rows)
        return emit(Reshape((h, w, c * self.mult)), emit(Map(Name("i0") * self.mult), shares))


def with_bias(bias: bool, w: Weight, type_: Tensor) -> tuple[Weight, ...]:
    """The weights of a sum: w, and a bias of this type where there is one."""
    return (w, Weight("b", type_, "zeros", w.fans)) if bias else (w,)


def biased(emit: Emit, y: Value, *b: Value) -> Value:
    """Y plus the bias, where there is one."""
    return emit(Map(Name("i0") + Name("i1")), y, *b) if b else y
