"""Depthwise convolutions on CUDA, and both their gradients: pixels and taps meet as in a contraction."""

from dataclasses import replace

from netlang.primitives.contraction.meeting import meeting, meeting_sizes
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import Axis, axes, image_size
from netlang.primitives.cuda_formula import CudaFormula, each, local
from netlang.primitives.cuda_text import blocks, drafted, elementwise, joined, pitch
from netlang.primitives.depthwise.op import Depthwise
from netlang.primitives.launch import AS_IT_IS, LANES, After, Draft, Operand, Target, drafts
from netlang.primitives.text import indented


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
        return _reduced(primitive, inputs, result, target)
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


def _reduced(primitive: Depthwise, inputs: tuple[Operand, ...], result: Operand, target: Target) -> Draft:
    """The launch of a weight gradient: a block for a tap of 16 channels, each thread every so many pixels."""
    x, dy = inputs
    dtype = result.type.dtype
    real = _axes(replace(primitive, role="out"), x, dy)
    meet, inside = meeting(*real)
    summed = ["acc += x[((image * source_h + h) * source_w + w) * pitch + c] * dy[position * pitch + c]"]
    step = target.threads // LANES
    columns = pitch(result.type) // LANES
    sizes = {
        **meeting_sizes(*real), "places": dy.type.positions, "width": image_size(dy)[1], "columns": columns,
        "pitch": pitch(result.type),
    }  # fmt: skip
    lines = [
        f"parts = cuda.shared.array({target.threads}, {dtype})",
        "thread = cuda.threadIdx.x",
        "item = cuda.blockIdx.x",
        "while item < taps_h * taps_w * columns:",
        "    tap = item // columns",
        "    u = tap // taps_w",
        "    v = tap - u * taps_w",
        f"    c = (item - tap * columns) * {LANES} + thread % {LANES}",
        f"    acc = {dtype}(0.0)",
        f"    for position in range(thread // {LANES}, team[0] * places, {step}):",
        "        image = position // places",
        "        place = position - image * places",
        "        i = place // width",
        "        j = place - i * width",
        *indented([*meet, *([f"if {inside}:", *indented(summed)] if inside else summed)], 2),
        *indented(joined(target.threads, LANES, "one + other", dtype)),
        f"    if thread < {LANES}:",
        f"        y[item * {LANES} + thread] = parts[thread]",
        "    cuda.syncthreads()",
        "    item += cuda.gridDim.x",
    ]
    taps = primitive.kernel[0] * primitive.kernel[1]
    grid = blocks(taps * columns), target.threads
    return drafted("depthwise_weight", {"y": result}, {"x": x, "dy": dy}, sizes, lines, grid)
