"""Transposed convolutions."""

from netlang import sizes
from netlang.layer import Emit, Layer, Misfit, Value, Weight, Working, register
from netlang.layers.conv.op import biased, with_bias
from netlang.layers.initial import Initial
from netlang.layers.sequence.row import off_row, on_row
from netlang.layers.sliding import AXES, Pad, Pair, Sides, alike, along, plane, positive, slide
from netlang.primitives.contraction.op import Contraction
from netlang.record import dataclass
from netlang.types import BATCH, Count, Dim, Tensor


@register
@dataclass(frozen=True)
class Deconv(Layer):
    """y[n,h,w,f] = b[f] + sum over i,j,u,v,c of x[n,i,j,c] * w[u,v,f,c], over all i*stride + u - pad = h, w likewise

    kernel: height and width of the window, in pixels
    width:  channels out
    stride: pixels from one window of y to the next
    pad:    pixels cut off around y; `same` makes n*stride pixels of n, `valid` cuts nothing off
    bias:   whether b is there
    init:   how w starts; `auto` is `he` before a rectifier and `xavier` elsewhere

    The adjoint of the convolution with this kernel, stride and padding (Zeiler et al. 2010; Long et al. 2015).

    For example:

        input 7x7x8
        deconv4-3/2     -> 14x14x3
    """

    word = "deconv"
    elsewhere = ("convtranspose", "transposedconv")
    activated = True
    kernel: Pair
    width: int
    stride: Pair = (1, 1)
    pad: Pad = "same"
    bias: bool = True
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "kernel", "width", "stride")
        size, _ = self._size(x)
        if any(isinstance(n, int) and n < 1 for n in size):
            raise Misfit("pad cuts everything off", setting="pad")
        return x.with_shape(BATCH, *(size if len(x.shape) == 4 else size[1:]), self.width)

    def _settings(self, x: Tensor) -> tuple[Pair, Pair]:
        return along(self, x, "kernel", self.kernel), along(self, x, "stride", self.stride)

    def _size(self, x: Tensor) -> tuple[tuple[Dim, Dim], Sides]:
        """Height and width of y, and the padding of the convolution this is the adjoint of."""
        of = [sizes.counted(n) for n in plane(x, self.word)]
        kernel, stride = self._settings(x)
        if self.pad == "same":
            size = (sizes.dim(of[0] * stride[0]), sizes.dim(of[1] * stride[1]))
            return size, slide(size, kernel, stride, "same")[1]
        top, left = (0, 0) if self.pad == "valid" else along(self, x, "pad", self.pad, 0)
        if min(top, left) < 0:
            raise Misfit("pad must be 0 or more", setting="pad")
        around = (top, left)
        h, w = (sizes.dim((of[a] - 1) * stride[a] + (kernel[a] - 2 * around[a])) for a in (0, 1))
        return (h, w), (top, left, top, left)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        kernel, stride = self._settings(x)
        places, c = kernel[0] * kernel[1], x.channels
        fan_in = max(places * c // (stride[0] * stride[1]), 1)  # so many pixels of x meet in one of y
        w = Weight(
            "w", Tensor(x.dtype, (*kernel, self.width, c)), self.init, (fan_in, places * self.width), decays=True
        )
        return with_bias(self.bias, w, x.with_shape(self.width))

    def macs(self, y: Tensor, x: Tensor) -> Count:
        kernel, _ = self._settings(x)
        return x.count * (kernel[0] * kernel[1] * self.width)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 2 * self.macs(y, x) + int(self.bias) * y.count

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        kernel, stride = self._settings(x)
        size, (top, left, *_) = plane(x, self.word), self._size(x)[1]
        cut = (top, left)
        axes = (1,) if len(x.shape) == 3 else (0, 1)
        found = []
        for a in axes:
            n = size[a] if isinstance(size[a], int | str) else f"({size[a]})"
            text = f"({n} - 1)*{stride[a]} + {kernel[a]}" + (f" - 2*{cut[a]}" if cut[a] else "")
            found.append([Working("", f"{n}*{stride[a]}" if self.pad == "same" else text, y.shape[1:-1][a - axes[0]])])
        return alike(AXES[len(axes) - 1], found)

    def lower(self, emit: Emit, training: bool, x: Value, w: Value, *b: Value) -> Value:
        (h, width), pad = self._size(x.type)
        assert isinstance(h, int)
        assert isinstance(width, int)
        kernel, stride = self._settings(x.type)
        y = emit(Contraction("data", kernel, stride, pad, (1, 1), (h, width)), on_row(emit, x), w)
        return biased(emit, off_row(emit, y, x.type), *b)
