"""Grouped convolutions on the CPU: in lanes "c" strips of pixels (`strips.py`), in lanes "n" a weight for 16 examples.

Of lanes "n": for each pixel the taps that meet the image, then a sum for each channel.
"""

from netlang.primitives.contraction.sides import axes, image_size
from netlang.primitives.grouped.cover import covered
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.grouped.reduce import reduced
from netlang.primitives.launch import AS_IT_IS, Address, After, Also, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented
from netlang.primitives.way_out import WayOut


@drafts("cpu", Grouped)
def grouped_draft(
    primitive: Grouped,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
    *sums: Also,
) -> Draft:
    """The launch of a grouped convolution whose result `y` passes through the formula `after` on its way out.

    sums: over the batch, of what has passed through
    """
    source, to = inputs if primitive.role == "weight" else (inputs[0], result)
    high, wide = axes(primitive.window, image_size(source), image_size(to))
    arguments = Arguments()
    arguments.add(**high.arguments("h"), **wide.arguments("w"), high=high.result, wide=wide.result)
    if primitive.role == "weight":
        assert after == AS_IT_IS, "a weight gradient is written as it is"
        if inputs[0].lanes == "c":
            return reduced(primitive, (high, wide), inputs, result, target, batch, arguments)
        return _reduced(primitive, inputs, result, arguments)
    out = WayOut(sums, after, result.type, result.lanes)
    if result.lanes == "c":
        return covered(primitive, (high, wide), inputs, result, target, batch, out, arguments)
    assert not sums, "together.py sees to this"
    return _covered(primitive, inputs, result, out.formula, arguments)


def _covered(
    primitive: Grouped, inputs: tuple[Operand, ...], result: Operand, formula: Formula, arguments: Arguments
) -> Draft:
    """Every pixel of the result: its taps, then each of its channels."""
    source, weight = inputs
    g = formula.geometry
    arguments.add(
        y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer), places=g.places,
        columns=g.columns, width=primitive.width, row=Geometry(weight.type, "w").columns * g.vector,
    )  # fmt: skip
    formula.add_arguments(arguments)
    tap, at = "u * taps_w + v", f"k * row + column * {g.size}"
    if primitive.role == "data":  # the channels of a group are filters here, and taps count backwards
        tap, at = f"taps_h * taps_w - 1 - ({tap})", f"(column - group) * row + (group + k) * {g.size}"
    lines = [
        f"own = {arguments.own()}",
        *formula.prologue(),
        f"pixel = columns * {g.vector}",
        f"position, stop = split(({g.images}) * places, thread, threads(team))",
        "while position < stop:",
        "    image = position // places",
        "    place = position - image * places",
        "    i = place // wide",
        "    j = place - i * wide",
        *indented(_taps_met(tap)),
        "    for column in range(columns):",
        "        group = column // width * width",
        f"        v_y = splat_{g.dtype}(0.0)",
        "        for t in range(taps):",
        f"            seen = load_i64(own + t * 16) + group * {g.vector}",
        "            by = load_i64(own + t * 16 + 8)",
        "            for k in range(width):",
        f"                weight = spread_{g.dtype}(by + {at})",
        f"                v_y = fma(load_{g.dtype}(seen + k * {g.vector}), weight, v_y)",
        f"        at = (position * columns + column) * {g.vector}",
        *indented(formula.lines(("made",)), 2),
        f"        store_{g.dtype}(y + at, made)",
        "    position += 1",
    ]
    return drafted(f"grouped_{primitive.role}_n", arguments, lines, (16 * primitive.kernel[0] * primitive.kernel[1], 0))


def _taps_met(tap: str) -> list[str]:
    """A list of the taps that meet the image from row i, column j: where their pixels are, and their weights."""
    return [
        "taps = 0",
        "for u in range(taps_h):",
        "    for v in range(taps_w):",
        *indented(_met("h", "i", "u"), 2),
        *indented(_met("w", "j", "v"), 2),
        "        if h >= 0 and w >= 0:",
        "            store_i64(own + taps * 16, source + ((image * source_h + h) * source_w + w) * pixel)",
        f"            store_i64(own + taps * 16 + 8, weights + ({tap}) * width * row)",
        "            taps += 1",
    ]


def _met(at: str, position: str, tap: str) -> list[str]:
    """The source row `h` that tap row u meets from row i, or column; -1 where there is none."""
    return [
        f"far = {position} * mul_{at} + base_{at} + {tap} * step_{at}",
        f"{at} = far // div_{at} if far >= 0 else -1",
        f"{at} = {at} if {at} * div_{at} == far and {at} < source_{at} else -1",
    ]


def _reduced(primitive: Grouped, inputs: tuple[Operand, ...], result: Operand, arguments: Arguments) -> Draft:
    """The launch of a weight gradient: a thread owns whole sums, so the bits do not depend on how many there are."""
    x, dy = inputs
    g = Geometry(x.type, "n")
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer), columns=g.columns, channels=g.channels,
        width=primitive.width, row=Geometry(result.type, "w").columns * g.vector,
    )  # fmt: skip
    lines = [  # the lanes are examples: one number a filter, and zeros behind the last
        f"pixel = columns * {g.vector}",
        "item, stop = split(taps_h * taps_w * width * columns, thread, threads(team))",
        "while item < stop:",
        "    line = item // columns",
        "    column = item - line * columns",
        "    tap = line // width",
        "    u = tap // taps_w",
        "    v = tap - u * taps_w",
        "    seen = column // width * width + line - tap * width",
        f"    acc = splat_{g.dtype}(0.0)",
        f"    for image in range({g.images}):",
        "        for i in range(high):",
        "            h = i * mul_h + base_h + u * step_h",
        "            if h >= 0 and h < source_h:",
        f"                from_x = x + (image * source_h + h) * source_w * pixel + seen * {g.vector}",
        f"                by = dy + (image * high + i) * wide * pixel + column * {g.vector}",
        "                for j in range(wide):",
        "                    w = j * mul_w + base_w + v * step_w",
        "                    if w >= 0 and w < source_w:",
        f"                        acc = fma(load_{g.dtype}(from_x + w * pixel), load_{g.dtype}(by + j * pixel), acc)",
        f"    store_scalar_{g.dtype}(dw + line * row + column * {g.size}, total(acc))",
        "    if column == columns - 1:",
        "        for lane in range(channels, (channels + 15) // 16 * 16):",
        f"            store_scalar_{g.dtype}(dw + line * row + lane * {g.size}, 0.0)",
        "    item += 1",
    ]
    return drafted("grouped_weight_n", arguments, lines)
