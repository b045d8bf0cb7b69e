"""Rows by their numbers on CUDA."""

from netlang.primitives.cuda_text import elementwise, moved
from netlang.primitives.launch import Draft, Operand, Target, drafts
from netlang.primitives.lookup.op import Lookup, LookupGradient


@drafts("cuda", Lookup)
def lookup_draft(primitive: Lookup, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Copy rows, a thread for an element."""
    x, w = inputs
    body = ["row = int(x[position * 16])", "v_y = w[row * pitch + c]"]
    return elementwise("lookup", {"y": result}, moved(result.type), target, batch, inputs={"x": x, "w": w}, body=body)


@drafts("cuda", LookupGradient)
def gradient_draft(
    primitive: LookupGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Add up rows, a thread for an element of the table, in the order of the positions: the same bits each time."""
    x, dy = inputs
    dtype = result.type.dtype
    body = [
        f"v_y = {dtype}(0.0)",
        "for other in range(team[0] * steps):",
        "    if int(x[other * 16]) == position:",
        "        v_y += dy[other * pitch + c]",
    ]
    return elementwise(
        "lookup_gradient", {"dw": result}, moved(result.type), target, batch,
        inputs={"x": x, "dy": dy}, sizes={"steps": x.type.positions}, body=body,
    )  # fmt: skip
