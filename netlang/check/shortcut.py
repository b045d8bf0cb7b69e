"""The shortcut past the branches of a merge that skips (RULINGS 39-41). The layer says what its shortcut is made of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netlang.check.tree import Op
from netlang.layer import Layer
from netlang.types import Tensor

NAME = "shortcut"  # what its layers are called, within the merge
BIAS = "bias"


def layers(
    merge: Any, x: Tensor, y: Tensor, stride: tuple[int, int], bias: bool, norm: Layer | None
) -> tuple[Layer, ...]:
    """The layers from x to what is added to y; none where the shortcut is x itself. Raises Misfit."""
    found: tuple[Layer, ...] = merge.around(x, y, stride, bias=bias, norm=norm)
    return found


def as_in(
    ends: Iterable[Op], start: Op, places: Mapping[Op, int], axes: Callable[[Op], int]
) -> tuple[bool, Layer | None]:
    """Bias and norm of the last layer of the branches that sums, looking through all that does not, norms included.

    ends: the branches' last steps; start: what they read
    places: where a step stands in the text, written out; axes: how many its output has. Of a merge the branches count
        that have as many axes as it: not the vector that scales an image.
    """
    waiting: dict[Op, Layer | None] = dict.fromkeys(ends)  # and the norm behind each
    while waiting:
        op = max(waiting, key=places.__getitem__)
        norm = waiting.pop(op)
        if op.layer is None or places[op] <= places[start]:
            continue
        if op.layer.activated:
            return getattr(op.layer, BIAS, True), op.norm.layer if op.norm is not None else norm
        if op.layer.norm and norm is None:
            norm = op.layer
        for of in (*op.inputs, op.skipped):
            if of is not None and axes(of) == axes(op):
                waiting.setdefault(of, norm)
    return True, None
