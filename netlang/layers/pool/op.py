"""Pools: one number for each window of each channel, or for each channel."""

from typing import ClassVar

from netlang.formula import Name, maximum, where
from netlang.layer import Emit, Layer, Misfit, Value, Working, register
from netlang.layers.sequence.row import off_row, on_row
from netlang.layers.shape.border import bordered
from netlang.layers.sliding import Pad, Pair, Windows, plane, windows, workings
from netlang.primitives.gather.op import Reshape
from netlang.primitives.map.op import Map
from netlang.primitives.sum.op import Sum
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor, shown

LOWEST = -3e38  # below what float32 computes with, and above its -infinity


@dataclass(frozen=True)
class Pool(Layer):
    """What the two pools share: the geometry of their windows."""

    slides = True
    how: ClassVar[str]
    kernel: Pair = (2, 2)
    stride: Pair | None = None
    pad: Pad = "same"
    ceil: bool = False

    def infer(self, x: Tensor) -> Tensor:
        return self._windows(x).shape(x, x.channels)

    def _windows(self, x: Tensor) -> Windows:
        if isinstance(self.pad, tuple) and any(p >= k for p, k in zip(self.pad, self.kernel, strict=True)):
            raise Misfit("pad must be smaller than the window, or some windows would hold no pixel", setting="pad")
        return windows(self, x, end_first=True)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return y.count * self._windows(x).places

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return workings(self, x, self._windows(x))

    def jump(self) -> Pair:
        return self.stride or self.kernel

    def alignment(self, x: Tensor) -> object:
        return self._windows(x).left

    def slid(self, emit: Emit, x: Value) -> Value:
        """The pool of all steps or pixels."""
        at = self._windows(x.type)
        y = emit(Window(self.how, at.kernel, at.stride, at.pad, at.fixed), on_row(emit, x))
        return off_row(emit, y, x.type)


@register
@dataclass(frozen=True)
class MaxPool(Pool):
    """y[n,i,j,c] = the largest x[n, i*stride + u - pad, j*stride + v - pad, c] over u,v

    kernel: height and width of the window, in pixels
    stride: pixels from one window to the next; the kernel if not given
    pad:    pixels around the image, never the largest; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing
    ceil:   whether a window that is partly outside counts: ⌈(n + 2*pad - kernel)/stride⌉ + 1 of them, as in Caffe

    Even windows are padded below and right, as in Caffe (Krizhevsky et al. 2012, section 3.4). The gradient goes to
    the first of equal numbers, in rows, then columns.

    For example:

        input 14x14x3
        maxpool             -> 7x7x3
        maxpool3/2 valid    -> 3x3x3
    """

    word = "maxpool"
    elsewhere = ("pooling", "pool")
    how = "max"

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return self.slid(emit, lowered(emit, x))


@register
@dataclass(frozen=True)
class AvgPool(Pool):
    """y[n,i,j,c] = the average of x[n, i*stride + u - pad, j*stride + v - pad, c] over the pixels u,v in the image

    kernel: height and width of the window, in pixels
    stride: pixels from one window to the next; the kernel if not given
    pad:    pixels around the image; `same` makes ⌈n/stride⌉ pixels of n, `valid` pads nothing
    ceil:   whether a window that is partly outside counts: ⌈(n + 2*pad - kernel)/stride⌉ + 1 of them, as in Caffe
    count_padding: whether the average counts the padding as zeros, as torchvision's Inception-v3 does

    Without the trained factor and bias of LeCun et al. 1998, section II.B.

    For example:

        input 14x14x6
        avgpool3/2  -> 7x7x6
    """

    word = "avgpool"
    elsewhere = ("average", "averagepool", "averagepooling")
    how = "average"
    count_padding: bool = False

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        if not self.count_padding:
            return self._of_real(emit, x)
        at = self._windows(x.type)
        sides, extra = self._counted(at)
        inside = bordered(emit, on_row(emit, x), sides)
        h, w = at.fixed
        size = (h + sides[0] + sides[2], w + sides[1] + sides[3])
        return off_row(emit, emit(Window("average", at.kernel, at.stride, (0, 0, *extra), size), inside), x.type)

    def alignment(self, x: Tensor) -> object:
        """With `ceil`, what is counted of the last window depends on where the whole sequence ends."""
        at = self._windows(x)
        return at.size if self.count_padding and self.ceil else at.left

    def _of_real(self, emit: Emit, x: Value) -> Value:
        """The average over the steps that are real: zeros count in the sum alone."""
        y = self.slid(emit, x)
        if x.ends is None:
            return y
        least = 1 / (self.kernel[1] + 1)  # below the share of a window with one real step; no window divides by zero
        share = maximum(Name("i1"), least)
        return emit(Map(Name("i0") / share), y, self.slid(emit, x.ends.real))

    def _counted(self, at: Windows) -> tuple[tuple[int, int, int, int], Pair]:
        """The padding that is counted, and what `ceil` adds below and right, which is not."""
        top, left, bottom, right = at.pad
        if not self.ceil:
            return at.pad, (0, 0)
        below, beside = min(top, bottom), min(left, right)
        return (top, left, below, beside), (bottom - below, right - beside)


@dataclass(frozen=True)
class GlobalPool(Layer):
    """What the layers share that make one number of all places of a channel."""

    compares: ClassVar[bool]

    def infer(self, x: Tensor) -> Tensor:
        plane(x, self.word)
        return x.with_shape(BATCH, x.channels)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return x.count + (0 if self.compares else y.count)


@register
@dataclass(frozen=True)
class GlobalAvgPool(GlobalPool):
    """y[n,c] = the average of x[n,h,w,c] over h,w, or of x[n,t,c] over t        (Lin et al. 2014, section 3.2)

    For example:

        input 7x7x8
        globalavgpool   -> 8
    """

    word = "globalavgpool"
    aliases = ("gap",)
    elsewhere = ("globalaverage", "globalaveragepool")
    compares = False

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return averaged(emit, x)


@register
@dataclass(frozen=True)
class Mean(GlobalPool):
    """y[n,c] = the average of x[n,t,c] over t: a sequence becomes a vector

    For example:

        input Tx4
        rnn-8, mean     -> 8
    """

    word = "mean"
    compares = False

    def infer(self, x: Tensor) -> Tensor:
        if len(x.shape) != 3:
            raise Misfit(
                f"`{self.word}` reads a sequence, and this is {shown(x.shape)}",
                help="`gap` averages the places of an image",
            )
        return super().infer(x)

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return averaged(emit, x)


@register
@dataclass(frozen=True)
class GlobalMaxPool(GlobalPool):
    """y[n,c] = the largest x[n,h,w,c] over h,w, or x[n,t,c] over t; the gradient goes to the first of equal numbers

    For example:

        input Tx4
        conv3-8, globalmaxpool  -> 8
    """

    word = "globalmaxpool"
    elsewhere = ("globalmax",)
    compares = True

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        image = on_row(emit, lowered(emit, x))
        whole = (image.type.arrayed(0)[1], image.type.arrayed(0)[2])
        y = emit(Window("max", whole, whole, (0, 0, 0, 0), whole), image)
        return emit(Reshape((x.type.channels,)), y)


def averaged(emit: Emit, x: Value) -> Value:
    """The average over all places, or over the real steps of each example: a vector."""
    total = emit(Sum(Name("i0"), "positions"), x)
    vector = (x.type.channels,)
    if x.ends is not None:
        return emit(Map(Name("i0") / Name("i1")), emit(Reshape(vector), total), x.ends.count)
    return emit(Reshape(vector), emit(Map(Name("i0") * (1 / x.type.positions)), total))


def lowered(emit: Emit, x: Value) -> Value:
    """X for a search of the largest: nothing beyond the ends is chosen."""
    if x.ends is None:
        return x
    return emit(Map(where(Name("i1") > 0, Name("i0"), LOWEST)), x, x.ends.real)
