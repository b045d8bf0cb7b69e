"""Gathers on CUDA: a thread copies an element of the result, or four that come from one place."""

from math import prod

from netlang.primitives.cuda_formula import FOUR, each
from netlang.primitives.cuda_text import elementwise, moved, pitch
from netlang.primitives.gather.op import Concat, Reshape, Rows, Slice, Transpose
from netlang.primitives.launch import Draft, Operand, Target, drafts
from netlang.primitives.text import indented


@drafts("cuda", Reshape)
def reshape_draft(
    primitive: Reshape, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Elements in order from rows of one width into rows of another."""
    (x,) = inputs
    sizes = {"x_channels": x.type.channels, "x_places": x.type.positions, "x_pitch": pitch(x.type)}
    number = [
        "number = place * channels + c",
        "at_place = number // x_channels",
        "from_ = (image * x_places + at_place) * x_pitch + number - at_place * x_channels",
    ]
    return _copied("reshape", inputs, result, target, batch, sizes, ["c < channels", *number, "x0[from_]"], image=True)


@drafts("cuda", Concat)
def concat_draft(primitive: Concat, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The inputs' channels behind one another."""
    wide = all(x.type.channels % FOUR == 0 for x in inputs)  # no four has channels of two
    zero, c = f"{result.type.dtype}(0.0)", "first" if wide else "c"
    lines, sizes, start = each(f"found[e] = {zero}") if wide else [f"v_y = {zero}"], dict[str, int](), 0
    for k, x in enumerate(inputs):
        sizes |= {f"pitch{k}": pitch(x.type), f"start{k}": start, f"stop{k}": start + x.type.channels}
        at = f"position * pitch{k} + {c}" + (f" - start{k}" if k else "")
        copied = f"load_4(found, x{k}, {at})" if wide else f"v_y = x{k}[{at}]"
        lines += [f"{'elif' if k else 'if'} {c} < stop{k}:", f"    {copied}"]
        start += x.type.channels
    return elementwise(
        f"concat_{len(inputs)}", {"y": result}, moved(result.type), target, batch,
        inputs={f"x{k}": x for k, x in enumerate(inputs)}, sizes=sizes,
        body=[] if wide else lines, fours=lines if wide else [],
    )  # fmt: skip


@drafts("cuda", Slice)
def slice_draft(primitive: Slice, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Some of the channels."""
    sizes = {"start": primitive.start, "x_pitch": pitch(inputs[0].type)}
    if primitive.start % FOUR == result.type.channels % FOUR == 0:
        lines = [
            *each(f"found[e] = {result.type.dtype}(0.0)"),
            "if first < channels:",
            "    load_4(found, x0, position * x_pitch + start + first)",
        ]
        x0 = {"x0": inputs[0]}
        return elementwise(
            "slice", {"y": result}, moved(result.type), target, batch, inputs=x0, sizes=sizes, fours=lines
        )
    rule = ["c < channels", "x0[position * x_pitch + start + c]"]
    return _copied("slice", inputs, result, target, batch, sizes, rule)


@drafts("cuda", Transpose)
def transpose_draft(
    primitive: Transpose, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Taps backwards, filters as rows of channels."""
    shape = result.type.arrayed(0)
    sizes = {"taps": prod(shape[:-2]), "filters": shape[-2], "x_pitch": pitch(inputs[0].type)}
    where = [
        "tap = position // filters",
        "from_ = ((taps - 1 - tap) * channels + c) * x_pitch + position - tap * filters",
    ]
    return _copied("transpose", inputs, result, target, batch, sizes, ["c < channels", *where, "x0[from_]"])


@drafts("cuda", Rows)
def rows_draft(primitive: Rows, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Rows that are there are copied, others are zero."""
    sizes = {"start": primitive.start, "there": inputs[0].type.arrayed(0)[0]}
    rule = ["0 <= position + start < there", "x0[(position + start) * pitch + c]"]
    return _copied("rows", inputs, result, target, batch, sizes, rule)


def _copied(
    name: str,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    sizes: dict[str, int],
    rule: list[str],
    *,
    image: bool = False,
) -> Draft:
    """A launch that copies. rule: where there is something to copy, lines, and what"""
    real, *lines, found = rule
    body = [f"v_y = {result.type.dtype}(0.0)", f"if {real}:", *indented([*lines, f"v_y = {found}"])]
    return elementwise(
        name, {"y": result}, moved(result.type), target, batch,
        inputs={f"x{k}": x for k, x in enumerate(inputs)}, sizes=sizes, body=body, image=image,
    )  # fmt: skip
