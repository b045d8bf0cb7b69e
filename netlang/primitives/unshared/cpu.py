"""Unshared convolutions on the CPU: for each place the taps that meet the image, then all examples by its weights.

Weights are rows of f, one for each place, tap and channel. They are read once for all examples of a thread's place,
so the launch takes about as long as reading them takes.
"""

from netlang.primitives.contraction.sides import image_size
from netlang.primitives.launch import AS_IT_IS, Address, After, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented
from netlang.primitives.unshared.op import Unshared


@drafts("cpu", Unshared)
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
        assert after == AS_IT_IS, "a weight gradient is written as it is"
        return _reduced(primitive, inputs, result)
    source, weight = inputs
    of, to = Geometry(source.type, result.lanes), Geometry(result.type, result.lanes)
    formula = Formula((after.term,), after.operands, result.type, result.lanes, given=("y",))
    (high, wide), (source_high, source_wide) = image_size(result), image_size(source)
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer),
        places=high * wide, wide=wide, columns=to.columns, height=source_high, width=source_wide,
        source_columns=of.columns, depth=of.channels, filters=to.channels, **_window(primitive),
        row=Geometry(weight.type, "w").columns * to.vector,
    )  # fmt: skip
    formula.add_arguments(arguments)
    lines = [f"own = {arguments.own()}", *_covered(formula, primitive.role)]
    taps = primitive.kernel[0] * primitive.kernel[1]
    return drafted(f"unshared_{primitive.role}_{result.lanes}", arguments, lines, (16 * taps + to.vector, 0))


def _window(primitive: Unshared) -> dict[str, int]:
    """Sizes of the window, as arguments."""
    return {
        "taps_h": primitive.kernel[0], "taps_w": primitive.kernel[1], "stride_h": primitive.stride[0],
        "stride_w": primitive.stride[1], "top": primitive.pad[0], "left": primitive.pad[1],
    }  # fmt: skip


def _tap(role: str) -> list[str]:
    """The source position h, w that meets the position i, j through tap u, v, and whose weights they are."""
    if role == "out":
        return ["h = i * stride_h + u - top", "w = j * stride_w + v - left", "owner = place"]
    lines = []
    for at, of, size in (("h", "i + top - u", "h"), ("w", "j + left - v", "w")):
        lines += [
            f"{at} = {of}",
            f"if {at} >= 0:",
            f"    q = {at} // stride_{size}",
            f"    {at} = q if q * stride_{size} == {at} else -1",
        ]
    return [*lines, "owner = h * width + w"]


def _covered(formula: Formula, role: str) -> list[str]:
    """Every place of the result: its taps, then each of its columns of each image."""
    g = formula.geometry
    rows = "depth" if role == "out" else "filters"
    return [
        *formula.prologue(),
        f"images = {g.images}",
        f"pixel = source_columns * {g.vector}",
        "sums = own + taps_h * taps_w * 16",
        "place, stop = split(places, thread, threads(team))",
        "while place < stop:",
        "    i = place // wide",
        "    j = place - i * wide",
        "    taps = 0",
        "    for u in range(taps_h):",
        "        for v in range(taps_w):",
        *indented(_tap(role), 3),
        "            if h >= 0 and h < height and w >= 0 and w < width:",
        "                store_i64(own + taps * 16, source + (h * width + w) * pixel)",
        f"                first = ((owner * taps_h + u) * taps_w + v) * {rows}",
        "                store_i64(own + taps * 16 + 8, weights + first * row)",
        "                taps += 1",
        "    for column in range(columns):",
        "        for image in range(images):",
        "            further = image * height * width * pixel",
        *indented(_summed(g, role), 3),
        "            position = image * places + place",
        f"            at = (position * columns + column) * {g.vector}",
        *indented(formula.lines(("made",)), 3),
        f"            store_{g.dtype}(y + at, made)",
        "    place += 1",
    ]


def _summed(g: Geometry, role: str) -> list[str]:
    """`v_y`: the sum over the taps of the place, for one column of one image."""
    d = g.dtype
    each = [
        "for t in range(taps):",
        "    seen = load_i64(own + t * 16) + further",
        "    by = load_i64(own + t * 16 + 8)",
    ]
    if g.lanes == "n":  # a column is a channel
        value = f"load_{d}(seen + k * {g.vector})"
        weight = {"out": f"k * row + column * {g.size}", "data": f"column * row + k * {g.size}"}[role]
        line = f"v_y = fma({value}, spread_{d}(by + {weight}), v_y)"
        return [f"v_y = splat_{d}(0.0)", *each, "    for k in range(depth):", f"        {line}"]
    if role == "out":
        line = f"v_y = fma(spread_{d}(seen + k * {g.size}), load_{d}(by + k * row + column * {g.vector}), v_y)"
        return [f"v_y = splat_{d}(0.0)", *each, "    for k in range(depth):", f"        {line}"]
    line = f"acc = fma(load_{d}(seen + k * {g.vector}), load_{d}(by + channel * row + k * {g.vector}), acc)"
    return [  # the filters lie in the lanes: a sum of lanes for each of the column's channels
        f"store_{d}(sums, splat_{d}(0.0))",
        "for lane in range(min_i64(16, filters - column * 16)):",
        "    channel = column * 16 + lane",
        f"    acc = splat_{d}(0.0)",
        *indented(each),
        "        for k in range(source_columns):",
        f"            {line}",
        f"    store_scalar_{d}(sums + lane * {g.size}, total(acc))",
        f"v_y = load_{d}(sums)",
    ]


def _reduced(primitive: Unshared, inputs: tuple[Operand, ...], result: Operand) -> Draft:
    """The launch of a weight gradient: a thread owns whole sums, so the bits do not depend on how many there are."""
    x, dy = inputs
    g, of, to = Geometry(x.type, x.lanes), Geometry(dy.type, x.lanes), Geometry(result.type, "w")
    (high, wide), (height, width) = image_size(dy), image_size(x)
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer), places=high * wide, wide=wide,
        height=height, width=width, columns=g.columns, depth=g.channels, filter_columns=of.columns, filters=of.channels,
        **_window(primitive), row=to.columns * g.vector,
    )  # fmt: skip
    return drafted(f"unshared_weight_{g.lanes}", arguments, _weights(g))


def _weights(g: Geometry) -> list[str]:
    """The rows of each tap of each place: sums over the examples, 0 where the tap is outside the image."""
    d = g.dtype
    if g.lanes == "c":
        seen = f"spread_{d}(x + (image * height * width + h * width + w) * pixel + channel * {g.size})"
        stored = [f"store_{d}(to + column * {g.vector}, acc)"]
    else:  # the lanes are examples: one number a filter, and zeros behind the last
        seen = f"load_{d}(x + (image * height * width + h * width + w) * pixel + channel * {g.vector})"
        stored = [
            f"store_scalar_{d}(to + column * {g.size}, total(acc))",
            "if column == filter_columns - 1:",
            "    for lane in range(filters, (filters + 15) // 16 * 16):",
            f"        store_scalar_{d}(to + lane * {g.size}, 0.0)",
        ]
    by = f"load_{d}(dy + ((image * places + place) * filter_columns + column) * {g.vector})"
    return [
        f"images = {g.images}",
        f"pixel = columns * {g.vector}",
        "item, stop = split(places * taps_h * taps_w, thread, threads(team))",
        "while item < stop:",
        "    place = item // (taps_h * taps_w)",
        "    tap = item - place * taps_h * taps_w",
        "    u = tap // taps_w",
        "    h = place // wide * stride_h + u - top",
        "    w = (place - place // wide * wide) * stride_w + tap - u * taps_w - left",
        "    inside = images if h >= 0 and h < height and w >= 0 and w < width else 0",
        "    for channel in range(depth):",
        "        to = dw + (item * depth + channel) * row",
        "        for column in range(filter_columns):",
        f"            acc = splat_{d}(0.0)",
        "            for image in range(inside):",
        f"                acc = fma({seen}, {by}, acc)",
        *indented(stored, 3),
        "    item += 1",
    ]
