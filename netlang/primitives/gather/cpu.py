"""Gathers on the CPU: copies."""

from dataclasses import replace
from math import prod

from netlang.primitives.gather.op import Concat, Convert, Panels, Reshape, Rows, Slice, SpaceToDepth, Transpose
from netlang.primitives.launch import LANES, Address, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Geometry, drafted, indented, over_positions
from netlang.types import Tensor

NEAR = 1 << 21  # bytes of turned weights that are still in the caches when they are read; more go past them


def is_alias(primitive: Reshape, source: Tensor, result: Tensor, lanes: str) -> bool:
    """Whether the result's buffer holds the same bytes as the source's, so that no launch is needed."""
    whole = source.channels % LANES == 0 and result.channels % LANES == 0
    return lanes == "n" or source.channels == result.channels or whole


@drafts("cpu", Reshape)
def reshape_draft(
    primitive: Reshape, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Elements in order from rows of one width into rows of another."""
    of, to = Geometry(inputs[0].type, result.lanes), Geometry(result.type, result.lanes)
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer))
    if is_alias(primitive, inputs[0].type, result.type, result.lanes):
        arguments.add(vectors=to.places * to.columns)
        return drafted("copy", arguments, _copy(to))
    arguments.add(x_places=of.places, x_row=of.columns, channels=of.channels)
    arguments.add(y_places=to.places, y_row=to.columns, width=to.channels)
    lines = [
        f"start, stop = split({to.images}, thread, threads(team))",
        "for image in range(start, stop):",
        f"    at = x + image * x_places * x_row * {to.vector}",
        "    c = 0",
        "    for row in range(y_places):",
        f"        to = y + (image * y_places + row) * y_row * {to.vector}",
        f"        store_{to.dtype}(to + (y_row - 1) * {to.vector}, splat_{to.dtype}(0.0))",
        "        for f in range(width):",
        f"            store_scalar_{to.dtype}(to + f * {to.size}, load_scalar_{to.dtype}(at + c * {to.size}))",
        "            c += 1",
        "            if c == channels:",
        "                c = 0",
        f"                at += x_row * {to.vector}",
    ]
    return drafted("reshape", arguments, lines)


def _copy(to: Geometry) -> list[str]:
    return [
        f"start, stop = split(({to.images}) * vectors, thread, threads(team))",
        "for k in range(start, stop):",
        f"    store_{to.dtype}(y + k * {to.vector}, load_{to.dtype}(x + k * {to.vector}))",
    ]


@drafts("cpu", Concat)
def concat_draft(primitive: Concat, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The inputs' channels behind one another; whole vectors, then the rest one by one. How many inputs is data."""
    to = Geometry(result.type, result.lanes)
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), places=to.places, columns=to.columns, parts=len(inputs))
    body = [f"to = y + position * columns * {to.vector}"]
    if to.lanes != "n":
        body.append(f"store_{to.dtype}(to + (columns - 1) * {to.vector}, splat_{to.dtype}(0.0))")
    body += [
        f"part = args + {8 * len(arguments.values)}",
        "for _ in range(parts):",
        f"    at = load_i64(part) + position * load_i64(part + 8) * {to.vector}",
        "    count = load_i64(part + 16)",
        *indented(_run(to, "to", "at", "count")),
        f"    to += count * {to.size}",
        "    part += 24",
    ]
    lines = [f"start, stop = split(({to.images}) * places, thread, threads(team))"]
    made = drafted(f"concat_{to.lanes}", arguments, [*lines, *over_positions(body, images=False)])
    each = LANES if to.lanes == "n" else 1
    rows = ((Address(o.buffer), Geometry(o.type, to.lanes).columns, o.type.channels * each) for o in inputs)
    return replace(made, args=(*made.args, *(argument for row in rows for argument in row)))


@drafts("cpu", Slice)
def slice_draft(primitive: Slice, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Some of the channels."""
    of, to = Geometry(inputs[0].type, result.lanes), Geometry(result.type, result.lanes)
    lanes = LANES if to.lanes == "n" else 1
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer), places=to.places, columns=to.columns)
    arguments.add(row=of.columns, skip=primitive.start * lanes, count=to.channels * lanes)
    body = [
        f"to = y + position * columns * {to.vector}",
        f"store_{to.dtype}(to + (columns - 1) * {to.vector}, splat_{to.dtype}(0.0))",
        f"at = x + position * row * {to.vector} + skip * {to.size}",
        *_run(to, "to", "at", "count"),
    ]
    lines = [f"start, stop = split(({to.images}) * places, thread, threads(team))"]
    return drafted("slice", arguments, [*lines, *over_positions(body, images=False)])


def _run(g: Geometry, to: str, at: str, count: str) -> list[str]:
    """Copy `count` elements that follow one another."""
    return [
        f"for q in range({count} // 16):",
        f"    store_{g.dtype}({to} + q * {g.vector}, load_{g.dtype}({at} + q * {g.vector}))",
        f"for q in range({count} // 16 * 16, {count}):",
        f"    store_scalar_{g.dtype}({to} + q * {g.size}, load_scalar_{g.dtype}({at} + q * {g.size}))",
    ]


@drafts("cpu", Convert)
def convert_draft(
    primitive: Convert, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Examples and channels change places, 16 by 16."""
    by_channel, by_example = Geometry(result.type, "c"), Geometry(result.type, "n")
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer), places=by_channel.places)
    arguments.add(channels=by_channel.channels, columns=by_channel.columns)
    if any(primitive.size):
        return _bordered(primitive, inputs[0], result)
    if inputs[0].lanes == result.lanes:
        arguments.add(vectors=by_channel.places * (by_channel.columns if result.lanes == "c" else by_channel.channels))
        return drafted("copy_converted", arguments, _copy(by_channel if result.lanes == "c" else by_example))
    return drafted(f"convert_to_{result.lanes}", arguments, _squares(by_channel, result.lanes))


def _bordered(primitive: Convert, x: Operand, result: Operand) -> Draft:
    """Rows of numbers become images with examples in the lanes, a line after the other, with zeros around them."""
    assert (x.lanes, result.lanes) == ("c", "n"), "passes/layout.py sees to this"
    of, to = Geometry(x.type, "c"), Geometry(result.type, "n")
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(x.buffer), row=of.columns * of.vector)
    arguments.add(high=result.type.arrayed(0)[1], top=primitive.pad[0], height=primitive.size[0])
    arguments.add(left=primitive.pad[1] * to.channels, wide=primitive.size[1] * to.channels)
    arguments.add(right=primitive.pad[3] * to.channels)
    zero = f"store_{to.dtype}(to + q * {to.vector}, splat_{to.dtype}(0.0))"
    lines = [
        "count = examples(team)",
        "line = left + wide + right",
        "start, stop = split((count + 15) // 16 * high, thread, threads(team))",
        "for item in range(start, stop):",
        "    block = item // high",
        "    h = item - block * high - top",
        f"    to = y + item * line * {to.vector}",
        "    inside = h >= 0 and h < height",
        "    real = min_i64(16, count - block * 16)",
        "    whole = inside and real == 16 and wide >= 16",
        "    for q in range(left if whole else line):",
        f"        {zero}",
        "    for q in range(left + wide, line):",
        f"        {zero}",
        f"    to += left * {to.vector}",
        f"    first = x + block * 16 * row + h * wide * {to.size}",
        "    if whole:",
        "        for q in range(0, wide, 16):",
        "            c = min_i64(q, wide - 16)",
        f"            transpose_{to.dtype}(to + c * {to.vector}, {to.vector}, first + c * {to.size}, row)",
        "    elif inside:",
        "        for e in range(real):",
        "            for c in range(wide):",
        f"                number = load_scalar_{to.dtype}(first + e * row + c * {to.size})",
        f"                store_scalar_{to.dtype}(to + c * {to.vector} + e * {to.size}, number)",
    ]
    return drafted("convert_to_n_bordered", arguments, lines)


def _squares(g: Geometry, lanes: str) -> list[str]:
    """16 examples by 16 channels of a place at a time; where there are fewer, number by number."""
    one = f"(first + e * row + c * {g.size})", f"(across + c * {g.vector} + e * {g.size})"  # lanes "c", and lanes "n"
    if lanes == "n":
        source, to, whole = one[0], one[1], f"across, {g.vector}, first, row"
        fill = ["for c in range(wide):", f"    store_{g.dtype}(across + c * {g.vector}, splat_{g.dtype}(0.0))"]
    else:
        source, to, whole = one[1], one[0], f"first, row, across, {g.vector}"
        fill = ["for e in range(real):", f"    store_{g.dtype}(first + e * row, splat_{g.dtype}(0.0))"]
    by_channel, by_example = ("x", "y") if lanes == "n" else ("y", "x")
    return [
        "count = examples(team)",
        f"row = places * columns * {g.vector}",
        "start, stop = split((count + 15) // 16 * places * columns, thread, threads(team))",
        "for item in range(start, stop):",
        "    block = item // (places * columns)",
        "    rest = item - block * places * columns",
        "    place = rest // columns",
        "    column = rest - place * columns",
        "    real = min_i64(16, count - block * 16)",
        "    wide = min_i64(16, channels - column * 16)",
        f"    first = {by_channel} + ((block * 16 * places + place) * columns + column) * {g.vector}",
        f"    across = {by_example} + ((block * places + place) * channels + column * 16) * {g.vector}",
        "    if real == 16 and wide == 16:",
        f"        transpose_{g.dtype}({whole})",
        "    else:",
        *(f"        {line}" for line in fill),
        "        for e in range(real):",
        "            for c in range(wide):",
        f"                store_scalar_{g.dtype}({to}, load_scalar_{g.dtype}({source}))",
    ]


@drafts("cpu", Transpose)
def transpose_draft(
    primitive: Transpose, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Taps backwards, filters as rows of channels."""
    columns = Geometry(result.type, "w").columns
    return _laid(inputs[0], result, columns, turned=True, row=columns, column=1)


@drafts("cpu", Panels)
def panels_draft(primitive: Panels, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Each row's vectors go to as many panels."""
    columns, *panel, _ = result.type.arrayed(0)
    return _laid(inputs[0], result, columns, turned=primitive.turned, row=1, column=prod(panel))


def _laid(x: Operand, y: Operand, columns: int, *, turned: bool, row: int, column: int) -> Draft:
    """Weights in another order. columns: of y; row, column: vectors of y from one to the next"""
    shape, of = x.type.arrayed(0), Geometry(x.type, "w")
    arguments = Arguments()
    arguments.add(y=Address(y.buffer), x=Address(x.buffer), taps=prod(shape[:-2]), c=shape[-2], f=shape[-1])
    arguments.add(x_row=of.columns * of.vector, y_row=row * of.vector, y_column=column * of.vector)
    ragged = column == 1 and shape[-2] % LANES != 0  # rows of y whose last square may begin anywhere
    arguments.add(columns=columns, turned=int(turned), near=int(ragged or y.type.size * of.size <= NEAR))
    arguments.add(last_k=max(0, shape[-2] - LANES) if ragged else shape[-2], last_q=max(0, shape[-1] - LANES))
    lines = ["if turned == 0:", *indented(_rows(of)), "else:", *indented(_turned(of))]
    return drafted("laid", arguments, lines)


def _rows(g: Geometry) -> list[str]:
    """Vectors as they are, row after row; each fills a line of the cache, which nobody needs before."""
    return [
        "start, stop = split(taps * c, thread, threads(team))",
        "for row in range(start, stop):",
        "    for column in range(columns):",
        f"        whole = load_{g.dtype}(x + row * x_row + column * {g.vector})",
        f"        stream_{g.dtype}(y + row * y_row + column * y_column, whole)",
    ]


def _turned(g: Geometry) -> list[str]:
    """Squares of 16 by 16; the last ones begin early enough to be whole, where that is possible."""
    return [
        "bands = (f + 63) // 64",
        "start, stop = split(taps * bands, thread, threads(team))",
        "for band in range(start, stop):",
        "    tap = band // bands",
        "    first = (band - tap * bands) * 64",
        "    last = min_i64(f, first + 64)",
        "    for q in range(first, last):",
        f"        store_{g.dtype}(y + (tap * f + q) * y_row + (columns - 1) * y_column, splat_{g.dtype}(0.0))",
        "    for k0 in range((c + 15) // 16):",
        "        k = min_i64(k0 * 16, last_k)",
        "        k1 = min_i64(c, k0 * 16 + 16)",
        "        for side in range(first, last, 16):",  # 64 of f: a page is opened for 4 lines of memory, not for one
        "            q0 = min_i64(side, last_q)",
        "            q1 = min_i64(f, q0 + 16)",
        f"            at = x + ((taps - 1 - tap) * c + k) * x_row + q0 * {g.size}",
        f"            to = y + (tap * f + q0) * y_row + k0 * y_column - (k0 * 16 - k) * {g.size}",
        "            if q1 - q0 == 16 and k1 - k == 16:",
        "                if near != 0:",
        f"                    transpose_{g.dtype}(to, y_row, at, x_row)",
        "                else:",
        f"                    transpose_past_{g.dtype}(to, y_row, at, x_row)",
        "            else:",
        "                for q in range(q1 - q0):",
        "                    for row in range(k1 - k):",
        f"                        one = load_scalar_{g.dtype}(at + row * x_row + q * {g.size})",
        f"                        store_scalar_{g.dtype}(to + q * y_row + row * {g.size}, one)",
    ]


@drafts("cpu", Rows)
def rows_draft(primitive: Rows, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Rows that are there are copied, others are zero."""
    of, to = Geometry(inputs[0].type, "w"), Geometry(result.type, "w")
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer), rows=to.places, columns=to.columns)
    arguments.add(first=primitive.start, there=of.places)
    lines = [
        "start, stop = split(rows, thread, threads(team))",
        "for row in range(start, stop):",
        f"    to = y + row * columns * {to.vector}",
        f"    at = x + (row + first) * columns * {to.vector}",
        "    if row + first < 0 or row + first >= there:",
        "        for column in range(columns):",
        f"            store_{to.dtype}(to + column * {to.vector}, splat_{to.dtype}(0.0))",
        "    else:",
        "        for column in range(columns):",
        f"            store_{to.dtype}(to + column * {to.vector}, load_{to.dtype}(at + column * {to.vector}))",
    ]
    return drafted("rows", arguments, lines)


@drafts("cpu", SpaceToDepth)
def depth_draft(
    primitive: SpaceToDepth, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Squares of pixels, or of taps, one behind the other."""
    (x,) = inputs
    (top, left), (high, wide) = primitive.before, primitive.made
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(x.buffer), side=primitive.side, high=high, wide=wide)
    arguments.add(height=primitive.size[0], width=primitive.size[1], top=top, left=left)
    if not result.type.batched:
        of = Geometry(x.type, "w")
        arguments.add(channels=x.type.arrayed(0)[2], columns=of.columns)
        return drafted("depth_of_weights", arguments, _taps(of))
    assert result.lanes == "c", "passes/stems.py sees to this"
    of, to = Geometry(x.type, "c"), Geometry(result.type, "c")
    channels = to.channels // primitive.side**2
    arguments.add(channels=channels, columns=to.columns, image_bytes=of.places * of.columns * of.vector)
    arguments.add(pixel_bytes=channels * of.size if primitive.rows else of.columns * of.vector)
    quick, last = _quick(primitive, channels) if primitive.rows else (0, 0)
    arguments.add(quick=quick, last=last)
    return drafted("depth_of_images", arguments, _pixels(to))


def _quick(primitive: SpaceToDepth, channels: int) -> tuple[int, int]:
    """The squares of a line with all pixels there, and as many behind as whole vectors read; never the last one."""
    side, left, width = primitive.side, primitive.before[1], primitive.size[1]
    reads = -(-side * channels // LANES) * LANES
    last = ((width * channels - reads) // channels + left) // side + 1
    return -(-left // side), min(primitive.made[1] - 1, last)


def _pixels(g: Geometry) -> list[str]:
    """A line of y after the other. Of squares between `quick` and `last` whole vectors are copied.

    What they hold too much is overwritten by what comes next.
    """
    copied = f"store_{g.dtype}(to + (a * run + q) * {g.size}, load_{g.dtype}(at + a * line_bytes + q * {g.size}))"
    return [
        f"start, stop = split(({g.images}) * high, thread, threads(team))",
        "run, line_bytes = side * channels, width * pixel_bytes",
        "for item in range(start, stop):",
        "    image = item // high",
        "    h = (item - image * high) * side - top",
        "    inside = h >= 0 and h + side <= height",
        "    for j in range(wide):",
        f"        to = y + (item * wide + j) * columns * {g.vector}",
        "        at = x + image * image_bytes + h * line_bytes + (j * side - left) * pixel_bytes",
        "        if inside and j >= quick and j < last:",
        "            for a in range(side):",
        "                for q in range(0, run, 16):",
        f"                    {copied}",
        f"            store_{g.dtype}(to + side * run * {g.size}, splat_{g.dtype}(0.0))",
        "        else:",
        *indented(_square(g), 3),
    ]


def _square(g: Geometry) -> list[str]:
    """Number by number."""
    return [
        f"store_{g.dtype}(to + (columns - 1) * {g.vector}, splat_{g.dtype}(0.0))",
        "for a in range(h, h + side):",
        "    for w in range(j * side - left, (j + 1) * side - left):",
        "        there = a >= 0 and a < height and w >= 0 and w < width",
        "        at = x + image * image_bytes + a * line_bytes + w * pixel_bytes",
        "        for c in range(channels):",
        "            if there:",
        f"                store_scalar_{g.dtype}(to + c * {g.size}, load_scalar_{g.dtype}(at + c * {g.size}))",
        "            else:",
        f"                store_scalar_{g.dtype}(to + c * {g.size}, 0.0)",
        f"        to += channels * {g.size}",
    ]


def _taps(g: Geometry) -> list[str]:
    """A row of filters after the other."""
    return [
        "start, stop = split(high * wide * side * side * channels, thread, threads(team))",
        "for row in range(start, stop):",
        "    square, c = row // channels, row % channels",
        "    b, a, tap = square % side, square // side % side, square // (side * side)",
        "    u, v = tap // wide * side + a - top, tap % wide * side + b - left",
        "    there = u >= 0 and u < height and v >= 0 and v < width",
        f"    at = x + ((u * width + v) * channels + c) * columns * {g.vector}",
        f"    to = y + row * columns * {g.vector}",
        "    for column in range(columns):",
        f"        whole = splat_{g.dtype}(0.0)",
        "        if there:",
        f"            whole = load_{g.dtype}(at + column * {g.vector})",
        f"        store_{g.dtype}(to + column * {g.vector}, whole)",
    ]
