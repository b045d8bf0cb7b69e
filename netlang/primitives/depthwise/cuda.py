"""Depthwise convolutions on CUDA, and both their gradients: pixels and taps meet as in a contraction."""

from dataclasses import replace

from netlang.primitives.contraction.meeting import meeting, meeting_sizes, position
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis, axes, image_size
from netlang.primitives.cuda_formula import FOUR, CudaFormula, each, local
from netlang.primitives.cuda_joined import QUADS, SIXTEEN, Terms, merged, parts_of
from netlang.primitives.cuda_text import blocks, drafted, elementwise, pitch
from netlang.primitives.depthwise.op import Depthwise
from netlang.primitives.launch import AS_IT_IS, After, Draft, Operand, Target, drafts
from netlang.primitives.text import SIZES, indented


@drafts("cuda", Depthwise)
def depthwise_draft(
    primitive: Depthwise,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of a depthwise convolution whose result `y` passes through the formula `after` on its way out."""
    if primitive.role == "weight":
        return _reduced(primitive, inputs, result, target, batch)
    source, weight = inputs
    real = _axes(primitive, source, result)
    meet, inside = meeting(*real)
    flip = "(taps_h - 1 - u) * taps_w + taps_w - 1 - v" if primitive.role == "data" else "u * taps_w + v"
    summed = [
        "load_4(seen, x, ((image * source_h + h) * source_w + w) * pitch + first)",
        f"load_4(factor, weights, ({flip}) * pitch + first)",
        *each("found[e] += seen[e] * factor[e]"),
    ]
    dtype = result.type.dtype
    fours = [
        "i = place // width",
        "j = place - i * width",
        *each(f"found[e] = {dtype}(0.0)"),
        "for u in range(taps_h):",
        "    for v in range(taps_w):",
        *indented([*meet, *([f"if {inside}:", *indented(summed)] if inside else summed)], 2),
    ]
    formula = CudaFormula((after.term,), after.operands, result.type, given=("y",))
    return elementwise(
        f"depthwise_{primitive.role}", {"y": result}, formula,
        target, batch, inputs={"x": source, "weights": weight},
        sizes={**meeting_sizes(*real), "width": image_size(result)[1]}, image=True,
        own=local(("seen", "factor"), dtype), fours=fours,
    )  # fmt: skip


def _axes(primitive: Depthwise, source: Operand, result: Operand) -> tuple[Axis, Axis]:
    """How pixels and taps meet, as in the contraction of the same window."""
    p = primitive
    of = Contraction("data" if p.role == "data" else "out", p.kernel, p.stride, p.pad, p.dilation, p.size)
    return axes(of, image_size(source), image_size(result))


def _reduced(primitive: Depthwise, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient: a block for a tap of 16 channels and a part of the pixels."""
    x, dy = inputs
    real = _axes(replace(primitive, role="out"), x, dy)
    terms = Terms(1, result.type.dtype, target.threads)
    step, taps = target.threads // QUADS, primitive.kernel[0] * primitive.kernel[1]
    columns = -(-result.type.channels // SIXTEEN)
    parts = parts_of(taps * columns, -(-batch * dy.type.positions // step))
    sizes = {
        **meeting_sizes(*real), "places": dy.type.positions, "width": image_size(dy)[1], "columns": columns,
        "pitch": pitch(result.type), "parts": parts,
    }  # fmt: skip
    scratch = SIZES[result.type.dtype] * parts * taps * pitch(result.type)
    grid, inputs_ = (blocks(taps * columns * parts), target.threads), {"x": x, "dy": dy}
    made = drafted(
        "depthwise_weight", {"y": result}, inputs_, sizes, _sums_of_taps(terms, real, step), grid, (0, scratch)
    )
    return replace(made, then=merged([result], terms, ("parts", "", sizes), scratch)) if parts > 1 else made


def _sums_of_taps(terms: Terms, real: tuple[Axis, Axis], step: int) -> list[str]:
    """The text of a weight gradient. step: positions that the threads of a block take at once"""
    meet, inside = meeting(*real)
    summed = [
        "load_4(seen, x, ((image * source_h + h) * source_w + w) * pitch + first)",
        "load_4(other, dy, position * pitch + first)",
        *each("acc0[e] += seen[e] * other[e]"),
    ]
    return [
        *local(("seen", "other"), terms.dtype),
        *terms.own(),
        "thread = cuda.threadIdx.x",
        "taps, total = taps_h * taps_w, team[0] * places",
        "item = cuda.blockIdx.x",
        "while item < taps * columns * parts:",
        "    part = item // (taps * columns)",
        "    column = item - part * taps * columns",
        "    tap = column // columns",
        "    u = tap // taps_w",
        "    v = tap - u * taps_w",
        f"    first = (column - tap * columns) * {SIXTEEN} + thread % {QUADS} * {FOUR}",
        *indented(terms.begin()),
        "    start, stop = total * part // parts, total * (part + 1) // parts",
        f"    for position in range(start + thread // {QUADS}, stop if first < pitch else start, {step}):",
        *indented(position("position"), 2),
        *indented([*meet, *([f"if {inside}:", *indented(summed)] if inside else summed)], 2),
        *indented(terms.tree(QUADS)),
        f"    if thread < {QUADS} and first < pitch:",
        "        if parts > 1:",
        "            store_4(scratch, (part * taps + tap) * pitch + first, acc0)",
        "        else:",
        "            store_4(y, tap * pitch + first, acc0)",
        "    cuda.syncthreads()",
        "    item += cuda.gridDim.x",
    ]
