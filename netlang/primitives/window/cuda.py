"""Windows on CUDA: pools and their gradients. A thread gathers what four channels of a place are made of."""

from netlang.primitives.contraction.sides import image_size
from netlang.primitives.cuda_formula import FOUR, CudaFormula, each, local
from netlang.primitives.cuda_text import elementwise, pitch
from netlang.primitives.launch import AS_IT_IS, After, Draft, Operand, Target, drafts
from netlang.primitives.text import indented
from netlang.primitives.window.op import Window


@drafts("cuda", Window)
def window_draft(
    primitive: Window,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of a window whose result `y` passes through the formula `after` on its way out."""
    formula = CudaFormula((after.term,), after.operands, result.type, given=("y",))
    data = primitive.role == "data"
    (height, width), (high, wide) = (
        image_size(result if data else inputs[0]),
        image_size(inputs[-1] if data else result),
    )
    sizes = {
        "height": height, "width": width, "high": high, "wide": wide,
        "kernel_h": primitive.kernel[0], "kernel_w": primitive.kernel[1], "stride_h": primitive.stride[0],
        "stride_w": primitive.stride[1], "top": primitive.pad[0], "left": primitive.pad[1],
    }  # fmt: skip
    assert pitch(inputs[0].type) == pitch(result.type), "a window leaves the channels as they are"
    dtype = result.type.dtype
    seen = ["seen"] + ["mine"] * (data and primitive.how == "max")
    own = [*local(seen, dtype), *local(["is_first"] if len(seen) > 1 else [], "i64")]
    loads = inputs[0].load(FOUR), inputs[-1].load(FOUR)
    fours = _data(primitive.how, dtype, *loads) if data else _out(primitive.how, dtype, loads[0])
    return elementwise(
        f"window_{primitive.how}_{primitive.role}", {"y": result}, formula, target, batch,
        inputs={f"x{k}": o for k, o in enumerate(inputs)}, sizes=sizes, own=own, fours=fours, image=True,
    )  # fmt: skip


_WINDOW = [  # rows h0..h1 and columns w0..w1 of the window (i, j) are inside the image
    "h0, h1 = max(i * stride_h - top, 0), min(i * stride_h - top + kernel_h, height)",
    "w0, w1 = max(j * stride_w - left, 0), min(j * stride_w - left + kernel_w, width)",
]
_PIXEL = "((image * height + {}) * width + {}) * pitch + first"
_OF_WINDOW = "((image * high + i) * wide + j) * pitch + first"


def _out(how: str, dtype: str, load: str) -> list[str]:
    """Each window's largest or average. load: how pixels are read"""
    if how == "max":
        start, end = "-math.inf", []
        join = "found[e] = seen[e] if seen[e] >= found[e] or seen[e] != seen[e] else found[e]"
    else:
        start, join = "0.0", "found[e] += seen[e]"
        end = each(f"found[e] /= {dtype}((h1 - h0) * (w1 - w0))")
    return [
        "i = place // wide",
        "j = place - i * wide",
        *_WINDOW,
        *each(f"found[e] = {dtype}({start})"),
        "for h in range(h0, h1):",
        "    for w in range(w0, w1):",
        f"        {load}(seen, x0, {_PIXEL.format('h', 'w')})",
        *indented(each(join), 2),
        *end,
    ]


def _data(how: str, dtype: str, load: str, of_window: str) -> list[str]:
    """Each pixel gathers from the windows that hold it. load, of_window: how pixels and gradients are read"""
    if how == "max":
        number = "mine[e] == mine[e]"  # NaN is larger than any
        larger = f"seen[e] > mine[e] or ({number} and seen[e] != seen[e])"
        before = f"h * width + w < place and (seen[e] == mine[e] or not ({number} or seen[e] == seen[e]))"
        larger = f"if {larger} or ({before}):"
        gathered = [
            *each("is_first[e] = 1"),  # of the largest pixels of the window the first takes all
            "for h in range(h0, h1):",
            "    for w in range(w0, w1):",
            f"        {load}(seen, x0, {_PIXEL.format('h', 'w')})",
            *indented(each(larger, "    is_first[e] = 0"), 2),
            f"{of_window}(seen, x1, {_OF_WINDOW})",
            *each("if is_first[e] == 1:", "    found[e] += seen[e]"),
        ]
    else:
        gathered = [
            f"{of_window}(seen, x0, {_OF_WINDOW})",
            *each(f"found[e] += seen[e] / {dtype}((h1 - h0) * (w1 - w0))"),
        ]
    return [
        "row = place // width",
        "column = place - row * width",
        *([f"{load}(mine, x0, {_PIXEL.format('row', 'column')})"] if how == "max" else []),
        *each(f"found[e] = {dtype}(0.0)"),
        "i_from, i_to = max((row + top - kernel_h) // stride_h + 1, 0), min((row + top) // stride_h + 1, high)",
        "j_from, j_to = max((column + left - kernel_w) // stride_w + 1, 0), min((column + left) // stride_w + 1, wide)",
        "for i in range(i_from, i_to):",
        "    for j in range(j_from, j_to):",
        *indented([*_WINDOW, *gathered], 2),
    ]
