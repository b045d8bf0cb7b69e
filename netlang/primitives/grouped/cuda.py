"""Grouped convolutions on CUDA, and both their gradients: pixels and taps meet as in a contraction."""

from dataclasses import replace

from netlang.primitives.contraction.meeting import meeting, meeting_sizes, position
from netlang.primitives.contraction.sides import Axis, axes, image_size
from netlang.primitives.cuda_formula import FOUR, CudaFormula, each, local
from netlang.primitives.cuda_joined import QUADS, SIXTEEN, Terms, merged, parts_of
from netlang.primitives.cuda_text import blocks, drafted, elementwise, pitch
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.launch import AS_IT_IS, After, Draft, Operand, Target, drafts
from netlang.primitives.text import SIZES, indented


@drafts("cuda", Grouped)
def grouped_draft(
    primitive: Grouped,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of a grouped convolution whose result `y` passes through the formula `after` on its way out."""
    if primitive.role == "weight":
        return _reduced(primitive, inputs, result, target, batch)
    source, weight = inputs
    real = axes(primitive.window, image_size(source), image_size(result))
    meet, inside = meeting(*real)
    summed, dtype = _tap(primitive), result.type.dtype
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
        f"grouped_{primitive.role}", {"y": result}, formula,
        target, batch, inputs={"x": source, "weights": weight},
        sizes={**meeting_sizes(*real), "width": image_size(result)[1]}, image=True,
        own=local(("seen", "factor"), dtype), fours=fours,
    )  # fmt: skip


def _tap(primitive: Grouped) -> list[str]:
    """What the pixel at row h, column w adds to four channels through tap u, v."""
    back, width = primitive.role == "data", primitive.width
    tap = "(taps_h - 1 - u) * taps_w + taps_w - 1 - v" if back else "u * taps_w + v"
    if width == 1:
        return [
            "load_4(seen, x, ((image * source_h + h) * source_w + w) * pitch + first)",
            f"load_4(factor, weights, ({tap}) * pitch + first)",
            *each("found[e] += seen[e] * factor[e]"),
        ]
    own, other = "first + e", "group + k"  # whose weights, and of which channel of their group
    k, lane = ("first + e - group", other) if back else ("k", own)
    return [
        "pixel = ((image * source_h + h) * source_w + w) * pitch",
        f"weight = ({tap}) * {width}",
        *each(
            f"group = ({own}) // {width} * {width}",
            f"for k in range({width}):",
            f"    of = load_1(weights, (weight + {k}) * pitch + {lane})",
            f"    found[e] += load_1(x, pixel + {other}) * of",
        ),
    ]


def _reduced(primitive: Grouped, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient: a block for a tap of 16 channels and a part of the pixels."""
    x, dy = inputs
    real = axes(primitive.window, image_size(x), image_size(dy))
    terms = Terms(1, result.type.dtype, target.threads)
    step, width = target.threads // QUADS, primitive.width
    taps = primitive.kernel[0] * primitive.kernel[1] * width  # each of a channel of the group
    columns = -(-result.type.channels // SIXTEEN)
    parts = parts_of(taps * columns, -(-batch * dy.type.positions // step))
    sizes = {
        **meeting_sizes(*real), "places": dy.type.positions, "width": image_size(dy)[1], "columns": columns,
        "pitch": pitch(result.type), "parts": parts,
    }  # fmt: skip
    scratch = SIZES[result.type.dtype] * parts * taps * pitch(result.type)
    grid, inputs_ = (blocks(taps * columns * parts), target.threads), {"x": x, "dy": dy}
    made = drafted(
        "grouped_weight", {"y": result}, inputs_, sizes, _sums_of_taps(terms, real, step, width), grid, (0, scratch)
    )
    return replace(made, then=merged([result], terms, ("parts", "", sizes), scratch)) if parts > 1 else made


def _sums_of_taps(terms: Terms, real: tuple[Axis, Axis], step: int, width: int) -> list[str]:
    """The text of a weight gradient. step: positions that the threads of a block take at once; width: of a group"""
    meet, inside = meeting(*real)
    times, each_of, of_row, summed = "", "", "taps_w", _pixel_summed(width)
    if width > 1:
        times, each_of, of_row = f" * {width}", f" // {width}", f"(taps_w * {width})"
    return [
        *local(("seen", "other"), terms.dtype),
        *terms.own(),
        "thread = cuda.threadIdx.x",
        f"taps, total = taps_h * taps_w{times}, team[0] * places",
        "item = cuda.blockIdx.x",
        "while item < taps * columns * parts:",
        "    part = item // (taps * columns)",
        "    column = item - part * taps * columns",
        "    tap = column // columns",
        f"    u = tap // {of_row}",
        f"    v = (tap - u * {of_row}){each_of}",
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


def _pixel_summed(width: int) -> list[str]:
    """What the pixel at `position` adds to the sums of four filters: its product with the one at row h, column w."""
    pixel = "((image * source_h + h) * source_w + w) * pitch"
    seen = each(f"seen[e] = load_1(x, {pixel} + (first + e) // {width} * {width} + tap % {width})")
    return [
        *([f"load_4(seen, x, {pixel} + first)"] if width == 1 else seen),
        "load_4(other, dy, position * pitch + first)",
        *each("acc0[e] += seen[e] * other[e]"),
    ]
