"""Windows on CUDA: pools and their gradients. A thread has an element of the result, and gathers what it is made of."""

from netlang.primitives.contraction.sides import image_size
from netlang.primitives.cuda_text import CudaFormula, elementwise, pitch
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
    body = _data(primitive.how, dtype) if data else _out(primitive.how, dtype)
    return elementwise(
        f"window_{primitive.how}_{primitive.role}", {"y": result}, formula, target, batch,
        inputs={f"x{k}": o for k, o in enumerate(inputs)}, sizes=sizes, body=body, image=True,
    )  # fmt: skip


_WINDOW = [  # rows h0..h1 and columns w0..w1 of the window (i, j) are inside the image
    "h0, h1 = max(i * stride_h - top, 0), min(i * stride_h - top + kernel_h, height)",
    "w0, w1 = max(j * stride_w - left, 0), min(j * stride_w - left + kernel_w, width)",
]
_PIXEL = "x0[((image * height + {}) * width + {}) * pitch + c]"
_OF_WINDOW = "x{}[((image * high + i) * wide + j) * pitch + c]"


def _out(how: str, dtype: str) -> list[str]:
    """Each window's largest or average."""
    seen = _PIXEL.format("h", "w")
    if how == "max":
        start, end = "-math.inf", []
        join = [f"seen = {seen}", "v_y = seen if seen >= v_y or seen != seen else v_y"]
    else:
        start, end = "0.0", [f"v_y /= {dtype}((h1 - h0) * (w1 - w0))"]
        join = [f"v_y += {seen}"]
    pixels = ["for h in range(h0, h1):", "    for w in range(w0, w1):", *indented(join, 2)]
    return ["i = place // wide", "j = place - i * wide", *_WINDOW, f"v_y = {dtype}({start})", *pixels, *end]


def _data(how: str, dtype: str) -> list[str]:
    """Each pixel gathers from the windows that hold it."""
    if how == "max":
        gathered = [
            "first = True",  # of the largest pixels of the window the first takes all
            "for h in range(h0, h1):",
            "    for w in range(w0, w1):",
            f"        other = {_PIXEL.format('h', 'w')}",
            "        if other > mine or (other == mine and h * width + w < place):",
            "            first = False",
            "if first:",
            f"    v_y += {_OF_WINDOW.format(1)}",
        ]
    else:
        gathered = [f"v_y += {_OF_WINDOW.format(0)} / {dtype}((h1 - h0) * (w1 - w0))"]
    return [
        "row = place // width",
        "column = place - row * width",
        *([f"mine = {_PIXEL.format('row', 'column')}"] if how == "max" else []),
        f"v_y = {dtype}(0.0)",
        "i_from, i_to = max((row + top - kernel_h) // stride_h + 1, 0), min((row + top) // stride_h + 1, high)",
        "j_from, j_to = max((column + left - kernel_w) // stride_w + 1, 0), min((column + left) // stride_w + 1, wide)",
        "for i in range(i_from, i_to):",
        "    for j in range(j_from, j_to):",
        *indented([*_WINDOW, *gathered], 2),
    ]
