"""A grouped convolution whose lanes are channels, and its gradient by x: the sums of strips, and their way out."""

from netlang.primitives.grouped.op import Grouped
from netlang.primitives.grouped.strips import BLOCK, OF_BLOCK, Axes, Strip, line_of, real, rows_of, strip
from netlang.primitives.launch import LANES, Address, Draft, Operand, Target
from netlang.primitives.outline import framed
from netlang.primitives.text import Arguments, Geometry, indented, least, shared_out, spaced
from netlang.primitives.way_out import WayOut


def covered(
    primitive: Grouped,
    axes: Axes,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    out: WayOut,
    arguments: Arguments,
) -> Draft:
    """The launch of a grouped convolution, or of its gradient by x, which turns the weights first."""
    g, weight = out.formula.geometry, Geometry(inputs[1].type, "w")
    s = strip(axes, primitive.width, g, target)
    row, back, rows = weight.columns * g.vector, primitive.role == "data", axes[0].taps * axes[1].taps * s.width
    arguments.add(
        result=Address(result.buffer), x=Address(inputs[0].buffer), weights=Address(inputs[1].buffer), places=g.places,
        columns=g.columns, row=row, least=least(s.rows * s.pixels * rows * BLOCK, target), **s.arguments(g.columns),
    )  # fmt: skip
    turned = spaced(row * rows * back)
    records = out.add_arguments(arguments, turned, batch * -(-axes[0].result // s.rows))
    lines = [
        "sums = own + copies",
        *(_turned(g) if back else ["by_weights = weights"]),
        *out.prologue("shared"),
        f"pixel = columns * {g.vector}",
        *shared_out(
            f"{g.images} * chunks * blocks",
            "least",
            "item",
            "stop",
            ["while item < stop:", *indented(_of_item(s, out))],
        ),
        *out.finish(arguments, f"{g.images} * chunks"),
    ]
    scratch = spaced(s.bytes, s.pixels * g.vector), turned + records
    return framed(f"grouped_{primitive.role}_c", arguments, lines, scratch)


def _of_item(s: Strip, out: WayOut) -> list[str]:
    """The strips of some rows of an image, of a block of columns: a part of the sums over everything."""
    return [
        "image = item // (chunks * blocks)",
        "chunk = (item - image * chunks * blocks) // blocks",
        "block = item - (image * chunks + chunk) * blocks",
        "stretch = image * chunks + chunk",
        *rows_of(s),
        *s.over_strips(),
        f"    {OF_BLOCK}",
        *indented(s.copied(str(BLOCK * s.vector)), 2),
        "        for i in range(i_from, i_to):",
        *indented([*_strip_summed(s), *_written(s, out)], 3),
        "item += 1",
    ]


def _turned(g: Geometry) -> list[str]:
    """Weights as the gradient by x reads them: channels and filters of a group exchanged, taps counted backwards."""
    size = g.size
    return [
        "by_weights = shared",
        "all_taps = taps_h * taps_w",
        "item, stop = split(all_taps * columns, thread, threads(team))",
        "for item in range(item, stop):",
        "    tap = item // columns",
        f"    lowest = (item - tap * columns) * {LANES}",
        f"    to = by_weights + (all_taps - 1 - tap) * width * row + lowest * {size}",
        "    for k in range(width):",
        f"        for lane in range({LANES}):",
        "            group = (lowest + lane) // width * width",
        "            of = weights + (tap * width + lowest + lane - group) * row",
        f"            store_scalar_{g.dtype}(to + lane * {size}, load_scalar_{g.dtype}(of + (group + k) * {size}))",
        "        to += row",
        "barrier(team, thread)",
    ]


def _strip_summed(s: Strip) -> list[str]:
    """The sums of row i over all taps and channels: `sums`, pixel by pixel."""
    d, wide = s.dtype, s.axes[1]
    accs = [f"acc{p}" for p in range(s.pixels)]
    met: dict[int, list[tuple[int, int]]] = {}
    for p in range(s.pixels):
        for v in range(s.side):
            met.setdefault(p * wide.mul + v * wide.step, []).append((p, v))
    taps = [f"by{v} = load_{d}(by + {v} * width * row)" for v in range(s.side)]
    for q in sorted(met):
        taps += [f"seen = {s.seen('of_k', q)}", *(f"acc{p} = fma(seen, by{v}, acc{p})" for p, v in met[q])]
    unrolled = [f"of_k = {s.of_k('from_x')}", *taps, "by += row"]
    each = ["for k in range(width):", *indented(unrolled)]
    if s.side < wide.taps:  # a tap after the other
        each = ["for v in range(taps_w):", *indented([*each, f"from_x += {wide.step * s.vector}"])]
    return [
        *(f"{acc} = splat_{d}(0.0)" for acc in accs),
        "for u in range(taps_h):",
        *indented(line_of("u", s)),
        f"    if {real(s)}:",
        "        from_x = own + y * line",
        f"        by = by_weights + u * taps_w * width * row + column * {s.vector}",
        *indented(each, 2),
        *(f"store_{d}(sums + {p * s.vector}, {acc})" for p, acc in enumerate(accs)),
    ]


def _written(s: Strip, out: WayOut) -> list[str]:
    """The sums on their way out."""
    g, soon = out.formula.geometry, out.formula.ahead()
    soon = [f"at = ((position + {s.pixels}) * columns + column) * {g.vector}", *soon] if soon else []

    def numbers(body: list[str]) -> list[str]:
        return [
            "for p in range(count):",
            f"    place = i * wide + strip * {s.pixels} + p",
            "    position = image * places + place",
            *indented(soon),
            f"    at = (position * columns + column) * {g.vector}",
            f"    v_y = load_{g.dtype}(sums + p * {g.vector})",
            *indented(body),
        ]

    return [
        f"already, more = (i_to - i_from) * strip * {s.pixels} + (i - i_from) * count, count",
        *out.stored(numbers, [f"store_{g.dtype}(result + at, made)"]),
    ]
