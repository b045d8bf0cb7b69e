"""Windows that slide over images: where they start and how many there are. Shared by convolutions and pools."""

from typing import Literal

from netlang.layer import Misfit
from netlang.types import Tensor, shown

Pair = tuple[int, int]
Pad = Literal["same", "valid"] | Pair
Sides = tuple[int, int, int, int]  # rows above, columns left, rows below, columns right


def image(x: Tensor, word: str) -> tuple[int, int, int]:
    """Height, width and channels of an image; `Misfit` for anything else."""
    if len(x.shape) != 4:
        kind = {2: "a vector", 3: "a sequence"}.get(len(x.shape), "no image")
        raise Misfit(f"`{word}` slides over an image, and this is {kind}: {shown(x.shape)}")
    h, w, c = x.shape[1:]
    if not (isinstance(h, int) and isinstance(w, int) and isinstance(c, int)):
        raise Misfit(f"`{word}` needs an image of a fixed size, not {shown(x.shape)}")
    return h, w, c


def positive(layer: object, *settings: str) -> None:
    """`Misfit` if a count, or a pair of counts, is below 1."""
    for name in settings:
        value = getattr(layer, name)
        if value is not None and min(value if isinstance(value, tuple) else (value,)) < 1:
            raise Misfit(f"{name} must be 1 or more", setting=name)


def reach(kernel: Pair, dilation: Pair) -> Pair:
    """The pixels a dilated window spans."""
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def slide(size: Pair, span: Pair, stride: Pair, pad: Pad, *, end_first: bool = False) -> tuple[Pair, Sides]:
    """How many windows fit, and the padding around the image, in pixels.

    size: of the image; span: of the window, dilation included; end_first: whether the odd pixel of an even
    window's padding goes below and right (pools) or above and left (convolutions)
    """
    counts, before, after = [], [], []
    for axis in (0, 1):
        if pad == "same":
            count, sides = _same(size[axis], span[axis], stride[axis], end_first)
        else:
            around = 0 if pad == "valid" else int(pad[axis])
            if around < 0:
                raise Misfit("pad must be 0 or more", setting="pad")
            sides = (around, around)
            count = (size[axis] + 2 * around - span[axis]) // stride[axis] + 1
        if count < 1:
            raise Misfit(
                f"a window of {span[0]}x{span[1]} does not fit into {size[0]}x{size[1]} pixels",
                setting="kernel",
                help="without `valid` or `pad=`, zeros are put around the image",
            )
        counts.append(count)
        before.append(sides[0])
        after.append(sides[1])
    return (counts[0], counts[1]), (before[0], before[1], after[0], after[1])


def _same(n: int, k: int, s: int, end_first: bool) -> tuple[int, Pair]:
    """Output ⌈n/s⌉. An odd window gets ⌈total/2⌉ on both sides: (k-1)/2 at stride 1 and 2."""
    count = -(-n // s)
    total = max((count - 1) * s + k - n, 0)
    more, less = -(-total // 2), total // 2
    if k % 2:
        return count, (more, more)
    return count, ((less, more) if end_first else (more, less))
