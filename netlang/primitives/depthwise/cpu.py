"""Depthwise convolutions on the CPU: for each pixel the taps that meet the image, then a sum for each column.

In lanes "c" a tap is a vector of 16 channels' weights; in lanes "n" one weight for 16 examples.
"""

from netlang.primitives.contraction.sides import image_size
from netlang.primitives.depthwise.op import Depthwise
from netlang.primitives.launch import AS_IT_IS, Address, After, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented


@drafts("cpu", Depthwise)
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
        assert after == AS_IT_IS, "a weight gradient is written as it is"
        return _reduced(primitive, inputs, result)
    source, weight = inputs
    to = Geometry(result.type, result.lanes)
    formula = Formula((after.term,), after.operands, result.type, result.lanes, given=("y",))
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer),
        places=to.places, columns=to.columns, wide=image_size(result)[1],
        **_geometry(primitive, source), row=Geometry(weight.type, "w").columns * to.vector,
    )  # fmt: skip
    formula.add_arguments(arguments)
    taps = primitive.kernel[0] * primitive.kernel[1]
    lines = [f"own = {arguments.own()}", *_covered(formula, _tap(primitive.role))]
    return drafted(f"depthwise_{primitive.role}_{result.lanes}", arguments, lines, (16 * taps, 0))


def _geometry(primitive: Depthwise, source: Operand) -> dict[str, int]:
    """Sizes of the source and of the window, as arguments."""
    height, width = image_size(source)
    return {
        "height": height, "width": width, "taps_h": primitive.kernel[0], "taps_w": primitive.kernel[1],
        "stride_h": primitive.stride[0], "stride_w": primitive.stride[1],
        "step_h": primitive.dilation[0], "step_w": primitive.dilation[1], "top": primitive.pad[0],
        "left": primitive.pad[1],
    }  # fmt: skip


def _tap(role: str) -> list[str]:
    """The source row h of tap row u for the result row i, and the column w likewise; -1 where there is none."""
    if role == "out":
        return ["h = i * stride_h + u * step_h - top", "w = j * stride_w + v * step_w - left"]
    lines = []
    for at, of, size, tap, before in (("h", "i", "h", "u", "top"), ("w", "j", "w", "v", "left")):
        lines += [
            f"{at} = {of} + {before} - {tap} * step_{size}",
            f"if {at} >= 0:",
            f"    q = {at} // stride_{size}",
            f"    {at} = q if q * stride_{size} == {at} else -1",
        ]
    return lines


def _covered(formula: Formula, tap: list[str]) -> list[str]:
    """Every pixel of the result: its taps, then each of its columns."""
    g = formula.geometry
    weight = (
        f"load_{g.dtype}(by + column * {g.vector})" if g.lanes == "c" else f"spread_{g.dtype}(by + column * {g.size})"
    )
    return [
        *formula.prologue(),
        f"pixel = columns * {g.vector}",
        f"position, stop = split(({g.images}) * places, thread, threads(team))",
        "while position < stop:",
        "    image = position // places",
        "    place = position - image * places",
        "    i = place // wide",
        "    j = place - i * wide",
        "    taps = 0",
        "    for u in range(taps_h):",
        "        for v in range(taps_w):",
        *indented(tap, 3),
        "            if h >= 0 and h < height and w >= 0 and w < width:",
        "                store_i64(own + taps * 16, source + ((image * height + h) * width + w) * pixel)",
        "                store_i64(own + taps * 16 + 8, weights + (u * taps_w + v) * row)",
        "                taps += 1",
        "    for column in range(columns):",
        f"        v_y = splat_{g.dtype}(0.0)",
        "        for t in range(taps):",
        "            by = load_i64(own + t * 16 + 8)",
        f"            seen = load_{g.dtype}(load_i64(own + t * 16) + column * {g.vector})",
        f"            v_y = fma(seen, {weight}, v_y)",
        f"        at = (position * columns + column) * {g.vector}",
        *indented(formula.lines(("made",)), 2),
        f"        store_{g.dtype}(y + at, made)",
        "    position += 1",
    ]


def _reduced(primitive: Depthwise, inputs: tuple[Operand, ...], result: Operand) -> Draft:
    """The launch of a weight gradient: a thread owns whole sums, so the bits do not depend on how many there are."""
    x, dy = inputs
    g, to = Geometry(x.type, x.lanes), Geometry(result.type, "w")
    high, wide = image_size(dy)
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer), columns=g.columns, channels=g.channels,
        high=high, wide=wide, **_geometry(primitive, x), row=to.columns * g.vector,
    )  # fmt: skip
    return drafted(f"depthwise_weight_{g.lanes}", arguments, _summed(g))


def _summed(g: Geometry) -> list[str]:
    """Each tap of each column: a sum over all pixels."""
    stored = [f"store_{g.dtype}(dw + tap * row + column * {g.vector}, acc)"]
    if g.lanes == "n":  # the lanes are examples: one number a channel, and zeros behind the last
        stored = [
            f"store_scalar_{g.dtype}(dw + tap * row + column * {g.size}, total(acc))",
            "if column == columns - 1:",
            "    for lane in range(channels, (channels + 15) // 16 * 16):",
            f"        store_scalar_{g.dtype}(dw + tap * row + lane * {g.size}, 0.0)",
        ]
    return [
        f"pixel = columns * {g.vector}",
        f"images = {g.images}",
        "item, stop = split(taps_h * taps_w * columns, thread, threads(team))",
        "while item < stop:",
        "    tap = item // columns",
        "    column = item - tap * columns",
        "    u = tap // taps_w",
        "    v = tap - u * taps_w",
        f"    acc = splat_{g.dtype}(0.0)",
        "    for image in range(images):",
        "        for i in range(high):",
        "            h = i * stride_h + u * step_h - top",
        "            if h >= 0 and h < height:",
        f"                line = x + (image * height + h) * width * pixel + column * {g.vector}",
        f"                by = dy + (image * high + i) * wide * pixel + column * {g.vector}",
        "                for j in range(wide):",
        "                    w = j * stride_w + v * step_w - left",
        "                    if w >= 0 and w < width:",
        f"                        acc = fma(load_{g.dtype}(line + w * pixel), load_{g.dtype}(by + j * pixel), acc)",
        *indented(stored),
        "    item += 1",
    ]
