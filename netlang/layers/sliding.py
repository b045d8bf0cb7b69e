"""Windows that slide over images and sequences: where they start and how many there are.

A sequence is an image of one row: its window of 3 is 1x3.
"""

from collections.abc import Callable
from typing import Any, Literal

from netlang import sizes
from netlang.layer import Misfit, Working
from netlang.record import dataclass
from netlang.sizes import Count, Dim
from netlang.types import BATCH, Tensor, shown

Pair = tuple[int, int]
Pad = Literal["same", "valid"] | Pair
Sides = tuple[int, int, int, int]  # rows above, columns left, rows below, columns right


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one layer over one tensor.

    size: height and width of the tensor; counts: how many windows there are, in rows and columns
    kernel, stride, dilation: in pixels; pad: around the tensor, where its size is fixed
    """

    size: tuple[Dim, Dim]
    counts: tuple[Dim, Dim]
    kernel: Pair
    stride: Pair
    dilation: Pair
    pad: Sides

    @property
    def left(self) -> int:
        """How many columns, or steps, the first window reaches beyond the first."""
        return self.pad[1]

    @property
    def places(self) -> int:
        """Pixels of a window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def fixed(self) -> Pair:
        """The size, which is fixed by now."""
        h, w = self.size
        assert isinstance(h, int)
        assert isinstance(w, int)
        return h, w

    def shape(self, x: Tensor, channels: int) -> Tensor:
        """The type of one number per window and channel."""
        counts = self.counts if len(x.shape) == 4 else self.counts[1:]
        return x.with_shape(BATCH, *counts, channels)


def windows(layer: Any, x: Tensor, *, end_first: bool = False) -> Windows:
    """The windows of a layer with the settings `kernel stride pad`, and `dilation` and `ceil` where it has them."""
    size = plane(x, layer.word)
    positive(layer, "kernel", "stride", *(["dilation"] if hasattr(layer, "dilation") else []))
    kernel = along(layer, x, "kernel", layer.kernel)
    stride = along(layer, x, "stride", layer.stride) if layer.stride else kernel
    dilation = along(layer, x, "dilation", getattr(layer, "dilation", (1, 1)))
    pad: Pad = along(layer, x, "pad", layer.pad, 0) if isinstance(layer.pad, tuple) else layer.pad
    span = reach(kernel, dilation)
    if getattr(layer, "ceil", False):
        counts, sides = slide_ceil(size, span, stride, pad)
    else:
        counts, sides = slide(size, span, stride, pad, end_first=end_first)
    return Windows(size, counts, kernel, stride, dilation, sides)


def plane(x: Tensor, word: str) -> tuple[Dim, Dim]:
    """Height and width of an image; a sequence is one row. `Misfit` for anything else."""
    if len(x.shape) not in (3, 4) or not isinstance(x.shape[-1], int):
        kind = "a vector" if len(x.shape) == 2 else "neither"
        raise Misfit(f"`{word}` slides over an image or a sequence, and this is {kind}: {shown(x.shape)}")
    return (1, x.shape[1]) if len(x.shape) == 3 else (x.shape[1], x.shape[2])


def along(layer: Any, x: Tensor, name: str, value: Pair, beside: int = 1) -> Pair:
    """A pair of settings for rows and columns. Over a sequence both are the same number, and only one counts."""
    if len(x.shape) == 4:
        return value
    if value[0] != value[1]:
        raise Misfit(
            f"a sequence has one axis to slide along, and this {name} has two: {value[0]}x{value[1]}",
            setting=name,
            help="write one number",
        )
    return beside, value[1]


def positive(layer: object, *settings: str) -> None:
    """`Misfit` if a count, or a pair of counts, is below 1."""
    for name in settings:
        value = getattr(layer, name)
        if value is not None and min(value if isinstance(value, tuple) else (value,)) < 1:
            raise Misfit(f"{name} must be 1 or more", setting=name)


def reach(kernel: Pair, dilation: Pair) -> Pair:
    """The pixels a dilated window spans."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def slide(
    size: tuple[Dim, Dim], span: Pair, stride: Pair, pad: Pad, *, end_first: bool = False
) -> tuple[tuple[Dim, Dim], Sides]:
    """How many windows fit, and the padding around the image, in pixels.

    size: of the image; span: of the window, dilation included; end_first: whether the odd pixel of an even
    window's padding goes below and right (pools) or above and left (convolutions)
    """
    found = []
    for axis in (0, 1):
        n, k, s = size[axis], span[axis], stride[axis]
        if pad == "same":
            count, sides = _same(n, k, s, end_first)
        else:
            around = _around(pad, axis)
            sides = (around, around)
            count = sizes.floor_div(sizes.counted(n) + (2 * around - k), s) + 1
        found.append((_some(count, size, span), sides))
    return _gathered(found)


def slide_ceil(size: tuple[Dim, Dim], span: Pair, stride: Pair, pad: Pad) -> tuple[tuple[Dim, Dim], Sides]:
    """Like `slide`, counting a last window that is partly outside, but none that starts at or past n + p (RULINGS 45).

    The padding below and right is what the last window needs.
    """
    found = []
    for axis in (0, 1):
        n, k, s = size[axis], span[axis], stride[axis]
        around = 0 if pad == "same" else _around(pad, axis)
        count = sizes.ceil_div(sizes.counted(n) + (2 * around - k), s) + 1
        if isinstance(n, int) and isinstance(count, int):
            count -= (count - 1) * s >= n + around
            end = max((count - 1) * s + k - n - around, 0)
        else:
            end = 0
        found.append((_some(count, size, span), (around, end)))
    return _gathered(found)


def _around(pad: Pad, axis: int) -> int:
    around = 0 if isinstance(pad, str) else pad[axis]
    if around < 0:
        raise Misfit("pad must be 0 or more", setting="pad")
    return around


def _some(count: Count, size: tuple[Dim, Dim], span: Pair) -> Dim:
    """The number of windows, if there is one."""
    if isinstance(count, int) and count < 1:
        raise Misfit(
            f"a window of {span[0]}x{span[1]} does not fit into {size[0]}x{size[1]} pixels",
            setting="kernel",
            help="without `valid` or `pad=`, zeros are put around the image",
        )
    return sizes.dim(count)


def _gathered(found: list[tuple[Dim, Pair]]) -> tuple[tuple[Dim, Dim], Sides]:
    (rows, (top, bottom)), (columns, (left, right)) = found
    return (rows, columns), (top, left, bottom, right)


def _same(n: Dim, k: int, s: int, end_first: bool) -> tuple[Count, Pair]:
    """Output ⌈n/s⌉. An odd window gets ⌈total/2⌉ on both sides: (k-1)/2 at stride 1 and 2."""
    count = sizes.ceil_div(n, s)
    if not (isinstance(n, int) and isinstance(count, int)):
        return count, (0, 0)  # told once the size is fixed
    total = max((count - 1) * s + k - n, 0)
    more, less = -(-total // 2), total // 2
    if k % 2:
        return count, (more, more)
    return count, ((less, more) if end_first else (more, less))


AXES = (("steps",), ("height", "width"))  # of a sequence, of an image


def workings(layer: Any, x: Tensor, at: Windows) -> tuple[Working, ...]:
    """The size of the output and the padding of windows, with the numbers put in; one line where axes are alike."""
    axes = (1,) if len(x.shape) == 3 else (0, 1)
    found = [_axis(layer, at, axis) for axis in axes]
    return alike(AXES[len(axes) - 1], found)


def alike(names: tuple[str, ...], found: list[list[Working]]) -> tuple[Working, ...]:
    """Workings of each axis under the axes' names, those of two axes in one line where they are the same."""
    if len(found) == 2 and found[0] == found[1]:
        names, found = (" and ".join(names),), found[:1]
    return tuple(
        Working(f"{name} {w.what}".strip(), w.text, w.value)
        for name, rows in zip(names, found, strict=True)
        for w in rows
    )


def _axis(layer: Any, at: Windows, axis: int) -> list[Working]:
    """Of one axis: the span of a dilated window, the number of windows, the padding before and behind."""
    n, count, k, s, d = at.size[axis], at.counts[axis], at.kernel[axis], at.stride[axis], at.dilation[axis]
    before, behind = at.pad[axis], at.pad[axis + 2]
    span = (k - 1) * d + 1
    found = [Working("of the window", f"({k} - 1)*{d} + 1", span)] if d > 1 else []
    if layer.pad == "same" and not getattr(layer, "ceil", False):
        found.append(Working("", f"ceil({shown((n,))}/{s})", count))
        if isinstance(n, int) and isinstance(count, int):
            total = f"max(({count} - 1)*{s} + {span} - {n}, 0)"
            found += _padded(before, behind, lambda up: f"{'ceil' if up else 'floor'}({total}/2)")
        return found
    rounded = "ceil" if getattr(layer, "ceil", False) else "floor"
    padded = f"{n} + 2*{before}" if before else str(n)
    last = isinstance(count, int) and isinstance(n, int) and rounded == "ceil" and _beyond(n, before, span, s, count)
    text = f"{rounded}(({padded} - {span})/{s}) + 1" + (" - 1" if last else "")
    return [*found, Working("", text, count)]


def _padded(before: int, behind: int, text: Callable[[bool], str]) -> list[Working]:
    """The padding of one axis: ⌈total/2⌉ and ⌊total/2⌋, or the former twice."""
    if before == behind:
        return [Working("padding, each side", text(True), before)]
    return [
        Working("padding before", text(before > behind), before),
        Working("padding behind", text(behind > before), behind),
    ]


def _beyond(n: int, pad: int, span: int, s: int, count: int) -> bool:
    """Whether `ceil` would count a window that starts at or past the end of the image (RULINGS 45)."""
    return count == -(-(n + 2 * pad - span) // s)
