"""Resampling on CUDA: a thread for an element, which gathers what it is made of, by fractions of whole numbers."""

from netlang.primitives.cuda_text import elementwise, moved
from netlang.primitives.launch import Draft, Operand, Target, drafts
from netlang.primitives.resample.cpu import reach, weight
from netlang.primitives.resample.op import Resample
from netlang.primitives.text import indented


@drafts("cuda", Resample)
def resample_draft(
    primitive: Resample, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch of a resampling or of its gradient."""
    out, how, dtype = primitive.role == "out", primitive.how, result.type.dtype
    (high, wide), (to_high, to_wide) = primitive.size, primitive.to
    sizes = {"high": high, "wide": wide, "to_high": to_high, "to_wide": to_wide}
    source, made = ("high", "wide"), ("to_high", "to_wide")
    if not out:
        source, made = made, source
    body = [
        f"i = place // {made[1]}",
        f"j = place - i * {made[1]}",
        *reach("i", "high", out, how),
        *reach("j", "wide", out, how),
        f"v_y = {dtype}(0.0)",
        "for h in range(first_high, last_high):",
        *indented(weight("i", "h", "high", out, how)),
        "    for w in range(first_wide, last_wide):",
        *indented(weight("j", "w", "wide", out, how), 2),
        f"        share = {dtype}(part_high * part_wide) / {dtype}(all_high * all_wide)",
        f"        v_y += share * x[((image * {source[0]} + h) * {source[1]} + w) * pitch + c]",
    ]
    body = [line.replace("_i64(", "(") for line in body]  # Python's own min and max may stand in CUDA kernels
    return elementwise(
        f"resample_{how}_{primitive.role}", {"y": result}, moved(result.type), target, batch,
        inputs={"x": inputs[0]}, sizes=sizes, body=body, image=True,
    )  # fmt: skip
