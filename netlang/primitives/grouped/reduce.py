"""The gradient by the weights of a grouped convolution whose lanes are channels: some taps' sums in registers."""

from collections.abc import Iterator

from netlang.primitives.grouped.op import Grouped
from netlang.primitives.grouped.strips import BLOCK, OF_BLOCK, Axes, Strip, line_of, real, rows_of, strip
from netlang.primitives.launch import Address, Draft, Operand, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, shared_out, spaced

PARTS = 16  # blocks times parts of the batch, at least, where a thread owns sums over the batch


def reduced(
    primitive: Grouped,
    axes: Axes,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    arguments: Arguments,
) -> Draft:
    """The launch of a weight gradient: a thread owns whole sums, so the bits do not depend on how many there are."""
    g, dw = Geometry(inputs[0].type, "c"), Geometry(result.type, "w")
    s = strip(axes, primitive.width, g, target)
    row, many = dw.columns * g.vector, axes[0].taps * axes[1].taps * s.width
    parts = min(batch, -(-PARTS // -(-g.columns // BLOCK)))
    near, zeros = s.rows * s.pixels * g.vector, s.span * g.vector
    arguments.add(
        dw=Address(result.buffer), x=Address(inputs[0].buffer), dy=Address(inputs[1].buffer), columns=g.columns,
        row=row, parts=parts, all_sums=row * many, zeros_at=spaced(s.bytes, near), **s.arguments(g.columns),
    )  # fmt: skip
    lines = [
        f"own = {arguments.own()}",
        "sums, zeros = own + copies, own + zeros_at",
        "for q in range(span):",
        f"    store_{g.dtype}(zeros + q * {g.vector}, splat_{g.dtype}(0.0))",
        f"pixel = columns * {g.vector}",
        f"images = {g.images}",
        f"to_parts = {arguments.shared() if parts > 1 else 'dw'}",
        *shared_out("blocks * parts", "1", "item", "stop", ["while item < stop:", *indented(_of_part(s))]),
        *(_merged(g) if parts > 1 else []),
    ]
    scratch = spaced(s.bytes, near, zeros), row * many * parts if parts > 1 else 0
    return drafted("grouped_weight_c", arguments, lines, scratch)


def _of_part(s: Strip) -> list[str]:
    """The sums of a block of columns over a part of the images."""
    d, to_sums = s.dtype, f"to_sums = to_parts + some * all_sums + column * {s.vector}"
    near = f"dy + ((image * high + i) * wide + strip * {s.pixels}) * pixel + column * {s.vector}"
    return [
        "some = item // blocks",
        "block = item - some * blocks",
        OF_BLOCK,
        f"    {to_sums}",
        "    for t in range(taps_h * taps_w * width):",
        f"        store_{d}(to_sums + t * row, splat_{d}(0.0))",
        "image, last = split(images, some, parts)",
        "for image in range(image, last):",
        "    for chunk in range(chunks):",
        *indented(rows_of(s), 2),
        *indented(s.over_strips(), 2),
        f"            {OF_BLOCK}",
        *indented(s.copied("rows * mul_h * source_w * pixel"), 4),
        "                for i in range(i_from, i_to):",
        f"                    near = {near}",
        f"                    to = sums + (i - i_from) * {s.pixels * s.vector}",
        "                    for p in range(count):",
        f"                        prefetch(near + (p + {s.pixels}) * pixel)",
        f"                        store_{d}(to + p * {s.vector}, load_{d}(near + p * pixel))",
        f"                {to_sums}",
        *indented(_taps_summed(s), 4),
        "item += 1",
    ]


def _taps_summed(s: Strip) -> list[str]:
    """What the pixels of a strip add to the sums of all taps."""
    d, wide, taps = s.dtype, s.axes[1], list(_taps(s))
    at = {(u, v): f"to_taps + {u} * taps_w * width * row + {v} * width * row" for u, v in taps}
    lines_of = []
    for u in range(s.down):
        lines_of += [*line_of(f"u + {u}", s), f"line{u} = {s.of_k('own + y * line')} + v * {wide.step * s.vector}"]
        lines_of += [f"line{u} = line{u} if {real(s)} else zeros"]
    each = [
        f"by = load_{d}(near)",
        *(f"acc{u}_{v} = fma({s.seen(f'line{u}', v * wide.step)}, by, acc{u}_{v})" for u, v in taps),
        *(f"line{u} += {wide.mul * s.vector}" for u in range(s.down)),
        f"near += {s.vector}",
    ]
    return [
        f"for u in range(0, taps_h, {s.down}):",
        f"    for v in range(0, taps_w, {s.side}):",
        "        for k in range(width):",
        "            to_taps = to_sums + ((u * taps_w + v) * width + k) * row",
        *indented([f"acc{u}_{v} = load_{d}({at[u, v]})" for u, v in taps], 3),
        "            for i in range(i_from, i_to):",
        *indented(lines_of, 4),
        f"                near = sums + (i - i_from) * {s.pixels * s.vector}",
        "                for p in range(count):",
        *indented(each, 5),
        *indented([f"store_{d}({at[u, v]}, acc{u}_{v})" for u, v in taps], 3),
    ]


def _taps(s: Strip) -> Iterator[tuple[int, int]]:
    return ((u, v) for u in range(s.down) for v in range(s.side))


def _merged(g: Geometry) -> list[str]:
    """The sums of all parts, one after the other."""
    return [
        "barrier(team, thread)",
        "item, stop = split(taps_h * taps_w * width * columns, thread, threads(team))",
        "for item in range(item, stop):",
        f"    acc = load_{g.dtype}(to_parts + item * {g.vector})",
        "    for some in range(1, parts):",
        f"        acc = acc + load_{g.dtype}(to_parts + some * all_sums + item * {g.vector})",
        f"    store_{g.dtype}(dw + item * {g.vector}, acc)",
    ]
