"""Role "weight": sums over pixels and examples.

A tile is MR rows, pairs (u, c) of one tap column v, by NV columns (vectors of 16 filters in lanes "c", single filters
in lanes "n", whose products keep the examples apart until the end). A segment is a line of output pixels. A thread
walks through the lines in chunks that stay in its cache, over a group of tiles whose sums do too. In lanes "c" it owns
whole tiles. In lanes "n" each part of the batch has sums of its own, so that a thread reads what it has just written
itself, and behind a barrier those of the parts are added: the order of additions depends on the shapes alone.

Of an image of few channels, which is copied tight first (`tight.py`), a line of taps is one tap of more channels, and
the products ask for the next chunk's dy while they multiply.
"""

from dataclasses import replace

from netlang.primitives.contraction import tight
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.sides import axes, image_size
from netlang.primitives.contraction.tiles import for_dots, tile_for
from netlang.primitives.launch import AHEAD, LANES, Address, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, shared_out, spaced
from netlang.record import dataclass

GROUP = 32  # tiles a thread works on at a time: 48 KB of sums at 6x4 in f32
CHUNK = 96 * 1024  # bytes of x and dy between two visits of a tile; 192 KB: 177 for 145 µs on LeNet's conv5-16
LINES = 128  # at most, in a chunk: bounds the table
PARTS = 8  # of a batch in lanes "n", at most: each has sums of its own
RECORDS = 1 << 20  # bytes of those, at most, unless there is one part


def reduce(primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient: (x, dy) -> dw, stored as rows (u, v, c) of filters."""
    x, dy = replace(inputs[0], type=tight.image(primitive, inputs[0].type)), inputs[1]
    lanes, dtype = x.lanes, result.type.dtype
    of, by = Geometry(x.type, lanes), Geometry(dy.type, lanes)
    high, wide = image_size(dy)
    real = axes(replace(primitive, role="out"), image_size(x), (high, wide))
    few = of if primitive.rows or tight.suits(of, *real) else None
    height, width = (tight.padded(axis).source for axis in real) if few else image_size(x)
    channels, taps_w = (of.channels * primitive.kernel[1], 1) if few else (of.channels, primitive.kernel[1])
    top, left = (0, 0) if few else primitive.pad[:2]
    pixel = of.channels * of.size if few else of.columns * of.vector
    rows = primitive.kernel[0] * channels
    a = "spread" if lanes == "c" else "dot"
    tile = tile_for(target if a == "spread" else for_dots(target), rows, by.columns, a=a)
    inside = few is not None or not any(primitive.pad)
    kernel = (Reduce if lanes == "c" else Parted)(*tile, lanes, dtype, inside, of.size, few, primitive.rows)
    row_blocks, blocks = -(-rows // tile[0]), -(-by.columns // tile[1])
    line = primitive.stride[0] * width * pixel + wide * by.columns * by.vector
    chunk = max(1, min(LINES, CHUNK // line))
    zeros = 0 if inside else wide * primitive.stride[1] * pixel
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), source=Address(x.buffer), dy=Address(dy.buffer),
        product=Product(f"{a}_{dtype}_{tile[0]}x{tile[1]}{'_ahead' if few else ''}"),
        tile_rows=tile[0], tile_columns=tile[1],
        rows=rows, row_blocks=row_blocks, columns=by.columns, blocks=blocks,
        channels=channels, filters=by.channels, taps_w=taps_w, places=by.places, chunk=chunk,
        pixel_bytes=pixel, y_pixel=by.columns * by.vector, line_bytes=width * pixel + (of.vector if few else 0),
    )  # fmt: skip
    arguments.add(
        source_h=height, source_w=width, high=high, wide=wide,
        stride_h=primitive.stride[0], stride_w=primitive.stride[1],
        step_h=primitive.dilation[0], step_w=primitive.dilation[1], top=top, left=left, zeros=zeros // of.vector,
    )  # fmt: skip
    tiles = taps_w * row_blocks * blocks
    shared = kernel.add_arguments(arguments, tiles, batch, target.threads)
    shared += tight.add_arguments(arguments, inputs[0], of, batch, real) if few else 0
    lines = [f"own = {arguments.own()}", *kernel.lines(arguments.shared())]
    return drafted(f"contraction_weight_{lanes}", arguments, lines, (kernel.scratch(chunk, zeros), shared))


# The tile's share of the next chunk's dy
NEXT_LINES = [
    "words = table + segments * row_bytes",
    "next_bytes = min_i64(chunk, count - begin - part) * wide * y_pixel",
    "at = dy + (begin + part) * wide * y_pixel",
    "store_i64(words, at + next_bytes * (tile - group) // (end - group))",
    "steps = segments * wide * (end - group)",
    "store_i64(words + 8, (next_bytes + steps - 1) // steps)",
    "store_i64(words + 16, at)",
    "store_i64(words + 24, 0)",
]


@dataclass(frozen=True)
class Reduce:
    """The kernel's text.

    rows, vectors: of a tile; inside: no padding; size: of an element; few: x, where it is copied tight; as_rows: which
    then comes as rows of pixels
    """

    rows: int
    vectors: int
    lanes: str
    dtype: str
    inside: bool
    size: int
    few: Geometry | None
    as_rows: bool

    @property
    def entry(self) -> int:
        """Bytes of a segment's row of the table."""
        return 8 * (self.rows + self.vectors)

    @property
    def tile(self) -> int:
        """Bytes of a tile's sums."""
        return self.rows * self.vectors * 16 * self.size

    def scratch(self, lines: int, zeros: int) -> int:
        """Bytes per thread: row offsets, table, lines of dy, zeros, sums."""
        return spaced(16 * self.rows, self.entry * lines + 8 * AHEAD, 8 * lines, zeros, self.sums * self.tile)

    @property
    def sums(self) -> int:
        """Tiles whose sums a thread keeps for itself."""
        return GROUP

    def add_arguments(self, arguments: Arguments, tiles: int, batch: int, threads: int) -> int:
        """What the text needs besides; the bytes that threads share."""
        return 0

    def lines(self, shared: str) -> list[str]:
        """Everything behind the unpacking of the arguments."""
        return [
            *self._places(),
            "images = examples(team)",
            *(tight.lines(self.few, shared, rows=self.as_rows) if self.few else []),
            "count = images * high",
            "group, stop = split(taps_w * row_blocks * blocks, thread, threads(team))",
            "while group < stop:",
            f"    end = min_i64(group + {GROUP}, stop)",
            "    begin = 0",
            *indented(self._walk()),
            "    tile = group",
            "    while tile < end:",
            *indented(self._which(), 2),
            *indented(self._scatter(), 2),
            "        tile += 1",
            "    group = end",
        ]

    def _places(self) -> list[str]:
        """Where things lie in a thread's scratch."""
        return [
            "row_bytes = 8 * (tile_rows + tile_columns)",
            f"tile_bytes = tile_rows * tile_columns * {16 * self.size}",
            "table = own + (16 * tile_rows + 63) // 64 * 64",
            f"y_lines = table + (row_bytes * chunk + {8 * AHEAD} + 63) // 64 * 64",
            "zero = y_lines + (8 * chunk + 63) // 64 * 64",
            *self._clear_zeros(),
            f"sums = zero + (zeros * {16 * self.size} + 63) // 64 * 64",
        ]

    def _walk(self) -> list[str]:
        """The sums of tiles `group` to `end` over lines `begin` to `count`."""
        return [
            "for z in range((end - group) * tile_rows * tile_columns):",
            f"    store_{self.dtype}(sums + z * {16 * self.size}, splat_{self.dtype}(0.0))",
            "while begin < count:",
            "    part = min_i64(chunk, count - begin)",
            "    tile = group",
            "    segments = j0 = j1 = 0",
            *indented(self._which()),
            "    while tile < end:",
            *indented(self._line_sum(), 2),
            "        tile += 1",
            "        sum_at += tile_bytes",
            "        block += 1",
            "        column += tile_columns",
            "        if block == blocks:",
            "            block = column = 0",
            "            row += tile_rows",
            "            if row >= rows:",
            "                row = 0",
            "                v += 1",
            "    begin += part",
        ]

    def _clear_zeros(self) -> list[str]:
        if self.inside:
            return []
        return [
            "for z in range(zeros):",
            f"    store_{self.dtype}(zero + z * {16 * self.size}, splat_{self.dtype}(0.0))",
        ]

    def _which(self) -> list[str]:
        """Tap column, rows and columns of a tile, and where its sums are."""
        return [
            "v = tile // (row_blocks * blocks)",
            "block = tile % blocks",
            "row = tile // blocks % row_blocks * tile_rows",
            "column = block * tile_columns",
            "sum_at = sums + (tile - group) * tile_bytes",
        ]

    def _line_sum(self) -> list[str]:
        """Pixels j0..j1 of a line are those whose tap v is inside. Blocks of the same rows share the part of x.

        A chunk has a sum of its own, which the product adds to those before: one of 70,000 products in float32 would
        lose a digit.
        """
        return [
            "if block == 0 or tile == group:",
            *indented(self._rows()),
            "for s in range(segments):",
            "    entry = table + s * row_bytes + 8 * tile_rows",
            "    y_line = load_i64(y_lines + s * 8)",
            "    for q in range(tile_columns):",
            f"        store_i64(entry + q * 8, y_line + min_i64(column + q, columns - 1) * {16 * self.size})",
            "if segments > 0 and j1 > j0:",
            *indented(NEXT_LINES if self.few else []),
            "    call_product(product, table, segments, j1 - j0, stride_w * pixel_bytes, y_pixel, sum_at, 0)",
        ]

    def _rows(self) -> list[str]:
        """The table's part of x: a segment for each line of output pixels; rows whose tap u is outside read zeros."""
        step = self.size if self.lanes == "c" else 16 * self.size
        return [
            "j0 = max_i64(0, (left - v * step_w + stride_w - 1) // stride_w)",
            "j1 = min_i64(wide, (source_w - 1 + left - v * step_w) // stride_w + 1)",
            "for r in range(tile_rows):",
            "    u = min_i64(row + r, rows - 1) // channels",
            "    c = min_i64(row + r, rows - 1) - u * channels",
            "    store_i64(own + r * 16, u * step_h - top)",
            "    at = (u * step_h - top) * line_bytes + (j0 * stride_w + v * step_w - left) * pixel_bytes",
            f"    store_i64(own + r * 16 + 8, at + c * {step})",
            "image = begin // high",
            "i = begin - image * high",
            "segments = 0",
            "for line in range(part):",
            "    x_line = source + (image * source_h + i * stride_h) * line_bytes",
            "    store_i64(y_lines + segments * 8, dy + ((image * high + i) * wide + j0) * y_pixel)",
            *indented(self._segment()),
            "    i += 1",
            "    if i == high:",
            "        i = 0",
            "        image += 1",
        ]

    def _segment(self) -> list[str]:
        inner = ["store_i64(entry + r * 8, x_line + load_i64(own + r * 16 + 8))"]
        if not self.inside:
            inner = [
                "h = i * stride_h + load_i64(own + r * 16)",
                "at = zero",
                "if h >= 0 and h < source_h:",
                "    at = x_line + load_i64(own + r * 16 + 8)",
                "    some = 1",
                "store_i64(entry + r * 8, at)",
            ]
        return [
            "entry = table + segments * row_bytes",
            f"some = {int(self.inside)}",
            "for r in range(tile_rows):",
            *indented(inner),
            "segments += some",
        ]

    def _scatter(self) -> list[str]:
        """Row (u, v, c) of the weight gets its vectors."""
        to = f"to + (column + q) * {16 * self.size}"
        return [*self._each(), f"        store_{self.dtype}({to}, load_{self.dtype}(at))"]

    def _each(self) -> list[str]:
        """A loop over the rows of a tile, within it one over its columns, whose sums are `at`."""
        return [
            "for r in range(min_i64(tile_rows, rows - row)):",
            "    u = (row + r) // channels",
            "    c = row + r - u * channels",
            f"    to = dw + ((u * taps_w + v) * channels + c) * ((filters + 15) // 16 * {16 * self.size})",
            "    for q in range(min_i64(tile_columns, columns - column)):",
            f"        at = sum_at + (r * tile_columns + q) * {16 * self.size}",
        ]


class Parted(Reduce):
    """In lanes "n": sums of each part of the batch, in scratch that is shared, and then those of all parts."""

    @property
    def sums(self) -> int:
        return 0

    def add_arguments(self, arguments: Arguments, tiles: int, batch: int, threads: int) -> int:
        """How many parts there are, and tiles of an item; the bytes of the sums.

        An item is a part and a group of tiles. There are as many as give each thread the same number, or many.
        """
        record = tiles * self.tile
        parts = min(PARTS, -(-batch // LANES), max(1, RECORDS // record))
        groups = -(-tiles // GROUP)
        while parts * groups % threads and parts * groups < 4 * threads:
            groups += 1
        arguments.add(parts=parts, group_tiles=-(-tiles // groups))
        return parts * record

    def lines(self, shared: str) -> list[str]:
        """Everything behind the unpacking of the arguments."""
        item = [
            "while item < last:",
            "    of_part = item // groups",
            "    group = (item - of_part * groups) * group_tiles",
            "    end = min_i64(group + group_tiles, tiles)",
            "    sums = records + (of_part * tiles + group) * tile_bytes",
            "    begin, count = split((examples(team) + 15) // 16, of_part, parts)",
            "    begin, count = begin * high, count * high",
            *indented(self._walk()),
            "    item += 1",
        ]
        return [
            *self._places(),
            f"records = {shared}",
            "tiles = taps_w * row_blocks * blocks",
            "groups = (tiles + group_tiles - 1) // group_tiles",
            *shared_out("parts * groups", "1", "item", "last", item),
            "barrier(team, thread)",
            "group, sums = 0, records",
            "tile, end = split(tiles, thread, threads(team))",
            "while tile < end:",
            *indented(self._which()),
            *indented(self._scatter()),
            "    tile += 1",
        ]

    def _scatter(self) -> list[str]:
        """Row (u, v, c) of the weight gets the sums over the examples, then zeros."""
        load, store = f"load_{self.dtype}", f"store_scalar_{self.dtype}"
        return [
            *self._each(),
            f"        made = {load}(at)",
            "        for p in range(1, parts):",
            f"            made = made + {load}(at + p * tiles * tile_bytes)",
            f"        {store}(to + (column + q) * {self.size}, total(made))",
            "    if block == blocks - 1:",
            "        for f in range(filters, (filters + 15) // 16 * 16):",
            f"            {store}(to + f * {self.size}, 0.0)",
        ]
