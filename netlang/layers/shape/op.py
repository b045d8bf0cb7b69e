"""Layers that move numbers and compute none."""

from collections.abc import Callable
from math import prod
from typing import Literal

from netlang import sizes
from netlang.formula import Name, Number
from netlang.layer import Emit, Layer, Misfit, Value, Working, register
from netlang.layers.sequence.row import off_row, on_row
from netlang.layers.shape.border import bordered, cut
from netlang.layers.sliding import AXES, Pair, Sides, alike, along, plane, positive
from netlang.primitives.gather.op import Concat, Reshape
from netlang.primitives.map.op import Map
from netlang.primitives.resample.op import Resample
from netlang.primitives.window.op import Window
from netlang.record import dataclass
from netlang.types import BATCH, Count, Dim, Tensor, shown


@register
@dataclass(frozen=True)
class Flatten(Layer):
    """A vector of all numbers: rows, then columns, then channels.

    For example:

        input 4x4x3
        flatten     -> 48
    """

    word = "flatten"
    transparent = True

    def infer(self, x: Tensor) -> Tensor:
        return x.with_shape(BATCH, flat(x, self.word))

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        return joined(x)

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return flattened(emit, x)


@register
@dataclass(frozen=True)
class Identity(Layer):
    """y = x

    For example:

        input 8x8x4
        concat[ identity | conv3-4 ]    -> 8x8x8
    """

    word = "identity"
    elsewhere = ("skip",)
    transparent = True

    def infer(self, x: Tensor) -> Tensor:
        return x

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return x


@register
@dataclass(frozen=True)
class Reshaped(Layer):
    """The same numbers in the same order, rows, then columns, then channels, under another shape

    shape: the new sizes, as in `reshape 7x7x64`

    For example:

        input 12
        FC-48, reshape 4x4x3    -> 4x4x3
    """

    word = "reshape"
    positional = "shape"
    transparent = True
    shape: tuple[int, ...]

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "shape")
        if not 1 <= len(self.shape) <= 3:
            raise Misfit("a shape has 1, 2 or 3 sizes", setting="shape")
        count = flat(x, self.word)
        if prod(self.shape) != count:
            made = f"{shown((BATCH, *self.shape))} holds {prod(self.shape):,} numbers"
            raise Misfit(f"{made}, and {shown(x.shape)} holds {count:,}", setting="shape")
        return x.with_shape(BATCH, *self.shape)

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return emit(Reshape(self.shape), x)


@register
@dataclass(frozen=True)
class Pad(Layer):
    """Zeros around an image or sequence, and behind its channels

    by:       rows above and below, and columns left and right, in pixels
    channels: zero channels behind the others (option A of He et al. 2016, section 4.2)

    For example:

        input 6x6x3
        pad 1x2         -> 8x10x3
        conv3-4 valid   -> 6x8x4
    """

    word = "pad"
    positional = "by"
    transparent = True
    by: Pair = (0, 0)
    channels: int = 0

    def infer(self, x: Tensor) -> Tensor:
        rows, columns = self._sides(x)
        if min(rows, columns) < 0:
            raise Misfit("by must be 0 or more", setting="by")
        if self.channels < 0:
            raise Misfit("channels must be 0 or more", setting="channels")
        return _resized(x, _grown(x, self.word, (2 * rows, 2 * columns)), self.channels)

    def _sides(self, x: Tensor) -> Pair:
        return along(self, x, "by", self.by, 0)

    def workings(self, y: Tensor, x: Tensor) -> tuple[Working, ...]:
        more = (Working("channels", f"{x.channels} + {self.channels}", y.channels),) if self.channels else ()
        return (*_changed(x, y, lambda n, by: f"{n} + 2*{by}", self._sides(x)), *more)

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        rows, columns = self._sides(x.type)
        y = bordered(emit, on_row(emit, x), (rows, columns, rows, columns))
        if self.channels:
            zeros = emit(Map(Number(0), (*y.type.shape[:-1], self.channels)), y)
            y = emit(Concat(), y, zeros)
        return off_row(emit, y, x.type)


@register
@dataclass(frozen=True)
class Crop(Layer):
    """The middle of an image or sequence

    by: rows cut off above and below, and columns left and right, in pixels; or
    like: a tensor whose height and width are kept, `crop like=@a` (Ronneberger et al. 2015)

    Where an odd number of rows or columns goes, the last side loses one more.

    For example:

        input 12x12x4 @whole
        conv3-4 valid, conv3-4 valid            -> 8x8x4
        concat[ identity | @whole, crop 2 ]     -> 8x8x8
    """

    word = "crop"
    positional = "by"
    transparent = True
    references = ("like",)
    by: Pair | None = None

    def infer(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        size = plane(x, self.word)
        if (self.by is None) == (like is None):
            raise Misfit("`crop` takes either a number of pixels or `like=@label`", setting="by", help="as in `crop 2`")
        if like is not None:
            wanted = _size_of(like, x, self.word)
            if any(isinstance(a, int) and isinstance(b, int) and a > b for a, b in zip(wanted, size, strict=True)):
                raise Misfit(f"{shown(x.shape)} cannot be cut to the size of {shown(like.shape)}: it is smaller")
            return _resized(x, wanted, 0)
        rows, columns = self._by(x)
        if min(rows, columns) < 0:
            raise Misfit("by must be 0 or more", setting="by")
        left = _grown(x, self.word, (-2 * rows, -2 * columns))
        if any(isinstance(n, int) and n < 1 for n in left):
            raise Misfit(f"nothing is left of {shown(x.shape)}", setting="by")
        return _resized(x, left, 0)

    def workings(self, y: Tensor, x: Tensor, *like: Tensor) -> tuple[Working, ...]:
        return () if like else _changed(x, y, lambda n, by: f"{n} - 2*{by}", self._by(x))

    def _by(self, x: Tensor) -> Pair:
        return along(self, x, "by", self.by or (0, 0), 0)

    def _sides(self, x: Tensor, *like: Tensor) -> Sides:
        """How much goes above, left, below and right; the sizes are fixed."""
        found = []
        for old, new in zip(plane(x, self.word), plane(self.infer(x, *like), self.word), strict=True):
            less = int(str(old)) - int(str(new))
            found.append((less // 2, less - less // 2))
        (top, bottom), (left, right) = found
        return top, left, bottom, right

    def alignment(self, x: Tensor, *like: Tensor) -> object:
        return self._sides(x, *like)[1]

    def lower(self, emit: Emit, training: bool, x: Value, *like: Value) -> Value:
        sides = self._sides(x.type, *(v.type for v in like))
        return off_row(emit, cut(emit, on_row(emit, x), sides), x.type)


@register
@dataclass(frozen=True)
class Upsample(Layer):
    """A larger image or sequence: `upsample2` doubles height and width

    kernel: how many pixels one becomes, in height and width; or
    like:   a tensor whose height and width it gets, `upsample like=@a`
    how:    `nearest` repeats the pixel; `bilinear` goes straight from one pixel's centre to the next, the centre of
            pixel i lying at i + 1/2

    For example:

        input 9x9x4 @whole
        maxpool3/2, conv3-8                         -> 5x5x8
        concat[ upsample like=@whole | @whole ]     -> 9x9x12
        upsample2 how=bilinear                      -> 18x18x12
    """

    word = "upsample"
    elsewhere = ("upsampling",)
    transparent = True
    references = ("like",)
    kernel: Pair | None = None
    how: Literal["nearest", "bilinear"] = "nearest"

    def infer(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        if (self.kernel is None) == (like is None):
            raise Misfit(
                "`upsample` takes either a factor or `like=@label`", setting="kernel", help="as in `upsample2`"
            )
        if like is not None:
            return _resized(x, _size_of(like, x, self.word), 0)
        positive(self, "kernel")
        factor = along(self, x, "kernel", self.kernel or (1, 1))
        h, w = (sizes.counted(d) for d in plane(x, self.word))
        return _resized(x, (sizes.dim(h * factor[0]), sizes.dim(w * factor[1])), 0)

    def flops(self, y: Tensor, *_: Tensor) -> Count:
        return 7 * y.count if self.how == "bilinear" else 0  # three steps of a + t*(b - a), but for the last's t

    def workings(self, y: Tensor, x: Tensor, *like: Tensor) -> tuple[Working, ...]:
        factor = along(self, x, "kernel", self.kernel or (1, 1))
        return () if like else _changed(x, y, lambda n, by: f"{n}*{by}", factor)

    def _factor(self, x: Tensor, *like: Tensor) -> Pair | None:
        """How many pixels one becomes, if it is the same number everywhere."""
        old, new = plane(x, self.word), plane(self.infer(x, *like), self.word)
        found = []
        for a, b in zip(old, new, strict=True):
            if not (isinstance(a, int) and isinstance(b, int)) or b % a:
                return None
            found.append(b // a)
        return found[0], found[1]

    def alignment(self, x: Tensor, *like: Tensor) -> object:
        """Between two pixels, it depends on where the last one lies."""
        factor = self._factor(x, *like)
        return factor if factor and self.how == "nearest" else plane(x, self.word)

    def lower(self, emit: Emit, training: bool, x: Value, *like: Value) -> Value:
        image = on_row(emit, x)
        _, h, w, _ = image.type.arrayed(0)
        factor = self._factor(x.type, *(v.type for v in like))
        if factor is None or self.how == "bilinear":
            high, wide = (int(str(d)) for d in plane(self.infer(x.type, *(v.type for v in like)), self.word))
            return off_row(emit, emit(Resample((h, w), (high, wide), self.how), image), x.type)
        # the gradient of an average hands every pixel its share; times the number of shares it is the pixel again
        window = Window("average", factor, factor, (0, 0, 0, 0), (h * factor[0], w * factor[1]), "data")
        shares = emit(window, image)
        return off_row(emit, emit(Map(Name("i0") * (factor[0] * factor[1])), shares), x.type)


def flat(x: Tensor, word: str) -> int:
    """How many numbers an example has; `Misfit` where a size is not fixed."""
    if not x.fixed:
        raise Misfit(f"`{word}` needs a fixed size, not {shown(x.shape)}")
    return x.size


def joined(x: Tensor) -> tuple[Working, ...]:
    """How many numbers an image has, with the sizes put in."""
    if len(x.shape) == 2:
        return ()
    return (Working("numbers", "*".join(map(str, x.shape[1:])), x.count),)


def _changed(x: Tensor, y: Tensor, text: Callable[[str, int], str], by: Pair) -> tuple[Working, ...]:
    """Height and width that change by some pixels each, or the steps of a sequence."""
    axes = (1,) if len(x.shape) == 3 else (0, 1)
    old, new = plane(x, ""), plane(y, "")
    found = [[Working("", text(shown((old[axis],)), by[axis]), new[axis])] for axis in axes]
    return alike(AXES[len(axes) - 1], found)


def flattened(emit: Emit, x: Value) -> Value:
    """X as vectors."""
    return x if len(x.type.shape) == 2 else emit(Reshape((x.type.size,)), x)


def _grown(x: Tensor, word: str, by: Pair) -> tuple[Dim, Dim]:
    h, w = (sizes.counted(d) for d in plane(x, word))
    return sizes.dim(h + by[0]), sizes.dim(w + by[1])


def _size_of(like: Tensor, x: Tensor, word: str) -> tuple[Dim, Dim]:
    if len(like.shape) != len(x.shape):
        raise Misfit(f"`{word} like=` wants a tensor of the same kind: {shown(x.shape)} against {shown(like.shape)}")
    return plane(like, word)


def _resized(x: Tensor, size: tuple[Dim, Dim], more: int) -> Tensor:
    """X in another height and width (a sequence in another length), with `more` channels."""
    return x.with_shape(BATCH, *(size if len(x.shape) == 4 else size[1:]), x.channels + more)
