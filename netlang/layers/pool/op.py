"""Pools: one number for each window of each channel."""

from dataclasses import dataclass
from typing import ClassVar

from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.layers.sliding import Pad, Pair, Sides, image, positive, slide
from netlang.primitives.window.op import Window
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Pool(Layer):
    """What the two pools share: the geometry of their windows."""

    how: ClassVar[str]
    kernel: Pair = (2, 2)
    stride: Pair | None = None
    pad: Pad = "same"

    def infer(self, x: Tensor) -> Tensor:
        (oh, ow), _ = self._slide(x)
        return x.with_shape(BATCH, oh, ow, x.channels)

    def _slide(self, x: Tensor) -> tuple[Pair, Sides]:
        h, w, _ = image(x, self.word)
        positive(self, "kernel", "stride")
        if isinstance(self.pad, tuple) and any(p >= k for p, k in zip(self.pad, self.kernel, strict=True)):
            raise Misfit("pad must be smaller than the window, or some windows would hold no pixel", setting="pad")
        return slide((h, w), self.kernel, self.stride or self.kernel, self.pad, end_first=True)

    def flops(self, y: Tensor, x: Tensor) -> int:
        return y.size * self.kernel[0] * self.kernel[1]

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        h, w, _ = image(x.type, self.word)
        _, pad = self._slide(x.type)
        return emit(Window(self.how, self.kernel, self.stride or self.kernel, pad, (h, w)), x)


@register
@dataclass(frozen=True)
class MaxPool(Pool):
    """y[n,i,j,c] = the largest x[n, i*stride + u - pad, j*stride + v - pad, c] over u,v

    kernel: height and width of the window, in pixels
    stride: pixels from one window to the next; the kernel if not given
    pad:    pixels around the image, never the largest; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing

    Even windows are padded below and right, as in Caffe (Krizhevsky et al. 2012, section 3.4). The gradient goes to
    the first of equal numbers, in rows, then columns.
    """

    word = "maxpool"
    how = "max"


@register
@dataclass(frozen=True)
class AvgPool(Pool):
    """y[n,i,j,c] = the average of x[n, i*stride + u - pad, j*stride + v - pad, c] over the pixels u,v in the image

    kernel: height and width of the window, in pixels
    stride: pixels from one window to the next; the kernel if not given
    pad:    pixels around the image, never counted; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing

    Without the trained factor and bias of LeCun et al. 1998, section II.B.
    """

    word = "avgpool"
    how = "average"
