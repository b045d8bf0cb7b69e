"""Rows by their numbers on CUDA."""

from netlang.primitives.cuda_formula import EIGHT, each, local
from netlang.primitives.cuda_text import elementwise, moved
from netlang.primitives.launch import Draft, Operand, Target, drafts
from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.primitives.text import indented


@drafts("cuda", Lookup)
def lookup_draft(primitive: Lookup, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Copy rows, a thread for four elements."""
    x, w = inputs
    fours = [f"row = int(x[position * {EIGHT}])", "load_4(found, w, row * pitch + first)"]
    return elementwise("lookup", {"y": result}, moved(result.type), target, batch, inputs={"x": x, "w": w}, fours=fours)


@drafts("cuda", LookupGradient)
def gradient_draft(
    primitive: LookupGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Add up rows, a thread for four elements of the table, in the order of the positions: the same bits each time."""
    x, dy = inputs
    dtype = result.type.dtype
    fours = [
        *each(f"found[e] = {dtype}(0.0)"),
        "for other in range(team[0] * steps):",
        f"    if int(x[other * {EIGHT}]) == position:",
        "        load_4(seen, dy, other * pitch + first)",
        *indented(each("found[e] += seen[e]"), 2),
    ]
    return elementwise(
        "lookup_gradient", {"dw": result}, moved(result.type), target, batch,
        inputs={"x": x, "dy": dy}, sizes={"steps": x.type.positions},
        own=local(["seen"], dtype), fours=fours,
    )  # fmt: skip
