"""Unshared convolutions on CUDA, and both their gradients: pixels and taps meet as in a contraction.

Every element of the result is one thread's, which adds up its taps, channels or examples. A weight is read by one place
only, so there is nothing to share between the threads of a block.
"""

from netlang.primitives.contraction.meeting import meeting, meeting_sizes
from netlang.primitives.contraction.sides import Axis, axes, image_size
from netlang.primitives.cuda_formula import CudaFormula
from netlang.primitives.cuda_text import elementwise, moved, pitch
from netlang.primitives.launch import AS_IT_IS, After, Draft, Operand, Target, drafts
from netlang.primitives.text import indented
from netlang.primitives.unshared.op import Unshared


@drafts("cuda", Unshared)
def unshared_draft(
    primitive: Unshared,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of an unshared convolution whose result `y` passes through the formula `after` on its way out."""
    if primitive.role == "weight":
        return _weights(primitive, inputs, result, target, batch)
    source, weight = inputs
    real = axes(primitive.window, image_size(source), image_size(result))
    sizes = {
        **meeting_sizes(*real), "width": image_size(result)[1], "depth": source.type.channels,
        "x_pitch": pitch(source.type), "w_pitch": pitch(weight.type),
    }  # fmt: skip
    formula = CudaFormula((after.term,), after.operands, result.type, given=("y",))
    return elementwise(
        f"unshared_{primitive.role}", {"y": result}, formula,
        target, batch, inputs={"x": source, "weights": weight}, sizes=sizes,
        body=_covered(primitive.role, real, result.type.dtype), image=True,
    )  # fmt: skip


def _covered(role: str, real: tuple[Axis, Axis], dtype: str) -> list[str]:
    """All taps of an element, and all channels of each."""
    meet, inside = meeting(*real)
    if role == "out":
        owner, tap, at = "place", "u * taps_w + v", "(owner * depth + k) * w_pitch + c"
    else:  # taps are counted backwards; the weights are those of the place of dy
        owner, at = "h * source_w + w", "(owner * channels + c) * w_pitch + k"
        tap = "(taps_h - 1 - u) * taps_w + taps_w - 1 - v"
    summed = [
        f"owner = ({owner}) * taps_h * taps_w + {tap}",
        "seen = ((image * source_h + h) * source_w + w) * x_pitch",
        "for k in range(depth):",
        f"    v_y += x[seen + k] * weights[{at}]",
    ]
    return [
        "i = place // width",
        "j = place - i * width",
        f"v_y = {dtype}(0.0)",
        "if c < channels:",
        "    for u in range(taps_h):",
        "        for v in range(taps_w):",
        *indented([*meet, *([f"if {inside}:", *indented(summed)] if inside else summed)], 3),
    ]


def _weights(primitive: Unshared, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient: a sum over the examples, 0 where the tap is outside the image."""
    x, dy = inputs
    real = axes(primitive.window, image_size(x), image_size(dy))
    meet, inside = meeting(*real)
    summed = [
        "for image in range(team[0]):",
        "    seen = x[((image * source_h + h) * source_w + w) * x_pitch + channel]",
        "    v_y += seen * dy[(image * spots + spot) * pitch + c]",
    ]
    body = [
        "taps = position // depth",
        "channel = position - taps * depth",
        "spot = taps // (taps_h * taps_w)",
        "tap = taps - spot * taps_h * taps_w",
        "u = tap // taps_w",
        "v = tap - u * taps_w",
        "i = spot // width",
        "j = spot - i * width",
        *meet,
        f"v_y = {result.type.dtype}(0.0)",
        *([f"if {inside}:", *indented(summed)] if inside else summed),
    ]
    sizes = {
        **meeting_sizes(*real), "width": image_size(dy)[1], "spots": dy.type.positions, "depth": x.type.channels,
        "x_pitch": pitch(x.type),
    }  # fmt: skip
    return elementwise(
        "unshared_weight", {"y": result}, moved(result.type), target, batch,
        inputs={"x": x, "dy": dy}, sizes=sizes, body=body,
    )  # fmt: skip
