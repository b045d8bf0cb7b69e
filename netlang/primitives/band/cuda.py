"""Bands on CUDA: a thread adds the neighbours of an element."""

from netlang.primitives.band.op import Band
from netlang.primitives.cuda_text import elementwise, moved
from netlang.primitives.launch import Draft, Operand, Target, drafts


@drafts("cuda", Band)
def band_draft(primitive: Band, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a band; the sums of padding are left out."""
    body = [
        f"v_y = {result.type.dtype}(0.0)",
        "if c < channels:",
        "    for d in range(max(c - before, 0), min(c + after + 1, channels)):",
        "        v_y += x[position * pitch + d]",
    ]
    sizes = {"before": primitive.before, "after": primitive.after}
    return elementwise(
        "band", {"y": result}, moved(result.type), target, batch, inputs={"x": inputs[0]}, sizes=sizes, body=body
    )
