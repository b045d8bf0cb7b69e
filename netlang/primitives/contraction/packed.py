"""Role "weight" of several taps: what a thread reads is packed first.

A part of the work is some rows (c, u, v) or some columns of the result, all pixels of them. Its thread takes some lines
of pixels at a time: its channels of x, with zeros around them, as panels [channels / 16][pixel][16], then, for 64
filters after the other, dy as [pixel][64], and adds the products of all its rows to their sums. Read as they lie,
pixels of 2 KB would share two sets of the first cache. Nothing is added across threads, and the sums go from pixel to
pixel however the lines are cut.
"""

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import image_size
from netlang.primitives.contraction.tiles import by_rows, tile_for
from netlang.primitives.launch import Address, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, spaced
from netlang.record import dataclass

FEWEST = 256  # pixels of a batch; fewer are not worth copying
PIXELS = 196  # about, between two visits of a tile: 64 filters of them are 50 KB
PANELS = 1 << 20  # bytes, at most, of a part's panels of x (but at least one line)


def suits(primitive: Contraction, x: Operand, dy: Operand, batch: int) -> bool:
    """Whether the channels are in the lanes and fill them, and each pixel is read at several taps."""
    many = batch * dy.type.positions >= FEWEST and primitive.kernel != (1, 1)
    return many and x.lanes == "c" and x.type.channels >= 16 and not primitive.rows


def packed(primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient: (x, dy) -> dw, stored as rows (u, v, c) of filters."""
    x, dy = inputs
    of, by = Geometry(x.type, "c"), Geometry(dy.type, "c")
    tile = tile_for(target, of.channels, by.columns)
    taps = primitive.kernel[0] * primitive.kernel[1]
    rows, blocks = taps * -(-of.channels // tile[0]), -(-by.columns // tile[1])
    parts = target.threads
    split_rows = by_rows(rows, blocks, parts, of.columns > by.columns)
    most = -(-rows // parts) if split_rows else rows
    panels = min(of.columns, -(-(-(-most // taps) + 1) * tile[0] // 16) + 1)
    cut = _Cut.of(primitive, image_size(x), image_size(dy), panels * of.vector, batch)
    tile_bytes = tile[0] * tile[1] * of.vector
    sizes = (
        16 * cut.units * cut.lines,
        8 * (tile[0] + tile[1]) * cut.units * cut.lines,
        cut.panel * of.vector * panels,
        cut.units * cut.lines * cut.wide * tile[1] * by.vector,
        tile_bytes * most * (blocks if split_rows else -(-blocks // parts)),
    )
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer),
        product=Product(f"spread_{of.dtype}_{tile[0]}x{tile[1]}"), tile_rows=tile[0], tile_columns=tile[1],
        channels=of.channels, x_columns=of.columns, columns=by.columns, rows=rows, blocks=blocks, parts=parts,
        by_rows=int(split_rows),
        tile_bytes=tile_bytes, taps=taps, taps_w=primitive.kernel[1], panel=cut.panel * of.vector, panels=panels,
        **cut.arguments(primitive),
    )  # fmt: skip
    lines = [f"own = {arguments.own()}", *_lines(of)]
    return drafted("contraction_weight_packed", arguments, lines, (spaced(*sizes), 0))


@dataclass(frozen=True)
class _Cut:
    """A unit is `lines` lines of output pixels of an image, `wide` pixels each; `units` are taken at a time.

    bands: units of an image; deep, across: lines and pixels of x that a unit reads; panel: pixels of a panel
    """

    bands: int
    lines: int
    units: int
    deep: int
    across: int
    wide: int
    sides: tuple[int, int, int]

    @classmethod
    def of(cls, form: Contraction, x: tuple[int, int], dy: tuple[int, int], pixel: int, batch: int) -> "_Cut":
        """For images of these sizes, `pixel` bytes of x a pixel."""
        (height, width), (high, wide) = x, dy
        span = [(k - 1) * d + 1 for k, d in zip(form.kernel, form.dilation, strict=True)]
        across = (wide - 1) * form.stride[1] + span[1]

        def fits(lines: int) -> bool:
            deep = (lines - 1) * form.stride[0] + span[0]
            return lines * wide <= PIXELS and deep * across * pixel <= PANELS

        bands = -(-high // max([1, *filter(fits, range(1, high + 1))]))
        lines = -(-high // bands)
        deep = (lines - 1) * form.stride[0] + span[0]
        most = min(PIXELS // (lines * wide), PANELS // (deep * across * pixel), batch)
        return cls(bands, lines, max(1, most) if bands == 1 else 1, deep, across, wide, (height, width, high))

    @property
    def panel(self) -> int:
        """An odd number, so that neighbouring panels do not begin in the same set of a cache."""
        return self.units * self.deep * self.across | 1

    def arguments(self, form: Contraction) -> dict[str, int]:
        """As the text names them."""
        height, width, high = self.sides
        return {
            "height": height, "width": width, "high": high, "wide": self.wide,
            "bands": self.bands, "lines": self.lines, "units": self.units, "deep": self.deep, "across": self.across,
            "stride_h": form.stride[0], "stride_w": form.stride[1],
            "step_h": form.dilation[0], "step_w": form.dilation[1], "top": form.pad[0], "left": form.pad[1],
        }  # fmt: skip


def _lines(g: Geometry) -> list[str]:
    return [
        "entry = 8 * (tile_rows + tile_columns)",
        "table = own + (16 * units * lines + 63) // 64 * 64",
        "packed_x = table + (entry * units * lines + 63) // 64 * 64",
        "packed_y = packed_x + panels * panel",
        f"y_step = tile_columns * {g.vector}",
        "sums = packed_y + units * lines * wide * y_step",
        f"x_pixel, y_pixel = x_columns * {g.vector}, columns * {g.vector}",
        "count = examples(team) * bands",
        "part, last = split(parts, thread, threads(team))",
        "while part < last:",
        "    row, row_stop, block, block_stop = 0, rows, 0, blocks",
        "    if by_rows == 1:",
        "        row, row_stop = split(rows, part, parts)",
        "    else:",
        "        block, block_stop = split(blocks, part, parts)",
        "    part += 1",
        "    column = row // taps * tile_rows // 16",
        "    column_stop = min_i64(x_columns, ((row_stop + taps - 1) // taps * tile_rows + 15) // 16)",
        f"    for z in range((row_stop - row) * (block_stop - block) * tile_bytes // {g.vector}):",
        f"        store_{g.dtype}(sums + z * {g.vector}, splat_{g.dtype}(0.0))",
        "    begin = 0",
        "    while begin < count:",
        "        some = min_i64(units, count - begin)",
        *indented(_gather_x(g), 2),
        "        for each in range(block, block_stop):",
        *indented(_gather_y(g), 3),
        "            sum_at = sums + (each - block) * (row_stop - row) * tile_bytes",
        "            for r in range(row, row_stop):",
        *indented(_product(g), 4),
        "        begin += some",
        *indented(_scatter(g)),
    ]


def _gather_x(g: Geometry) -> list[str]:
    """The part's channels of the lines of x that the units read, zeros outside the image."""
    zero = ["for c in range(column, column_stop):", f"    store_{g.dtype}(to + (c - column) * panel, zero)"]
    load = f"load_{g.dtype}(at + c * {g.vector})"
    copy = ["for c in range(column, column_stop):", f"    store_{g.dtype}(to + (c - column) * panel, {load})"]
    return [
        f"zero = splat_{g.dtype}(0.0)",
        "to = packed_x",
        "for unit in range(begin, begin + some):",
        "    image = unit // bands",
        "    h = (unit - image * bands) * lines * stride_h - top",
        "    for line in range(deep):",
        "        start, stop = min_i64(left, across), min_i64(left + width, across)",
        "        if h < 0 or h >= height:",
        "            start = stop = across",
        "        for w in range(start):",
        *indented(zero, 3),
        f"            to += {g.vector}",
        "        at = x + (image * height + h) * width * x_pixel",
        "        for w in range(start, stop):",
        *indented(copy, 3),
        f"            to += {g.vector}",
        "            at += x_pixel",
        "        for w in range(stop, across):",
        *indented(zero, 3),
        f"            to += {g.vector}",
        "        h += 1",
    ]


def _gather_y(g: Geometry) -> list[str]:
    """Some filters of dy, and the table's part of them; with each line where its pixels begin in a panel of x."""
    return [
        "segments = 0",
        "to = packed_y",
        "across_columns = min_i64(tile_columns, columns - each * tile_columns)",
        "for unit in range(some):",
        "    image = (begin + unit) // bands",
        "    first = (begin + unit - image * bands) * lines",
        "    for line in range(min_i64(lines, high - first)):",
        "        at = own + segments * 8",
        f"        store_i64(at, packed_x + (unit * deep + line * stride_h) * across * {g.vector})",
        "        at = table + segments * entry + 8 * tile_rows",
        "        for q in range(tile_columns):",
        f"            store_i64(at + q * 8, to + min_i64(q, across_columns - 1) * {g.vector})",
        "        at = dy + (image * high + first + line) * wide * y_pixel + each * y_step",
        "        for w in range(wide):",
        "            for q in range(across_columns):",
        f"                store_{g.dtype}(to + q * {g.vector}, load_{g.dtype}(at + q * {g.vector}))",
        "            to += y_step",
        "            at += y_pixel",
        "        segments += 1",
    ]


def _product(g: Geometry) -> list[str]:
    """`tile_rows` channels at one tap; a segment is a line of pixels."""
    return [
        "first = r // taps * tile_rows",
        "tap = r - r // taps * taps",
        "u = tap // taps_w",
        f"tap_at = (u * step_h * across + (tap - u * taps_w) * step_w) * {g.vector}",
        "for k in range(tile_rows):",
        "    c = min_i64(first + k, channels - 1)",
        f"    offset = tap_at + (c // 16 - column) * panel + (c - c // 16 * 16) * {g.size}",
        "    for s in range(segments):",
        "        store_i64(table + s * entry + k * 8, load_i64(own + s * 8) + offset)",
        f"call_product(product, table, segments, wide, stride_w * {g.vector}, y_step, sum_at, 0)",
        "sum_at += tile_bytes",
    ]


def _scatter(g: Geometry) -> list[str]:
    """The part's sums, from tiles to rows (u, v, c) of filters."""
    return [
        "sum_at = sums",
        "for each in range(block, block_stop):",
        "    for r in range(row, row_stop):",
        "        c = r // taps * tile_rows",
        "        to = dw + ((r - r // taps * taps) * channels + c) * y_pixel + each * y_step",
        "        for k in range(min_i64(tile_rows, channels - c)):",
        "            for q in range(min_i64(tile_columns, columns - each * tile_columns)):",
        f"                made = load_{g.dtype}(sum_at + (k * tile_columns + q) * {g.vector})",
        f"                store_{g.dtype}(to + k * y_pixel + q * {g.vector}, made)",
        "        sum_at += tile_bytes",
    ]
