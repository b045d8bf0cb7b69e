"""The shortcut past the branches of a merge that skips (RULINGS 39-41). The layer says what its shortcut is made of."""

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


def as_in(end: Op, start: Op) -> tuple[bool, Layer | None]:
    """Bias and norm of the last layer of a branch that sums, looking through all that does not, norms included."""
    norm: Layer | None = None
    op = end
    while op is not start and op.layer is not None and op.inputs:
        if op.layer.activated:
            return getattr(op.layer, BIAS, True), op.norm.layer if op.norm is not None else norm
        if op.layer.norm and norm is None:
            norm = op.layer
        op = op.inputs[0]
    return True, None
