"""Roles "out" and "data": every result pixel is covered by taps of a source image.

Tiles are P result pixels, in the order of memory and across rows and images (in role "data" of a stride those of one
phase after another), by Q columns (vectors of 16 channels in lanes "c", single channels in lanes "n"). A segment of a
product is a tap; where the source pixels of a line's taps follow one another in memory, the whole line is one segment.
A tap outside the image reads zeros.

Position: t = pixel * mul + tap * step + base; the tap's source line is t / div where that is whole and inside.
"""

from dataclasses import replace

from netlang.primitives.contraction import tight
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.scatter import Scatter, most_parts
from netlang.primitives.contraction.sides import (
    EVEN,
    FIRST_ADDRESS,
    NEXT_PRODUCT,
    STRAIGHT,
    Weights,
    axes,
    first_pixel,
    flat_along,
    image_size,
    next_group,
    next_results,
    next_share,
)
from netlang.primitives.contraction.table import Table
from netlang.primitives.contraction.tiles import cost, for_streams, left_over, tile_for
from netlang.primitives.launch import AHEAD, Address, Draft, Operand, Product, Target
from netlang.primitives.outline import framed, outlined
from netlang.primitives.text import Arguments, Geometry, indented, least, spaced
from netlang.primitives.way_out import WayOut
from netlang.record import dataclass
from netlang.simd.products import EVERY

NEAR = 1 << 18  # bytes of weights that stay in a second cache of 1 MB or 2 beside what is made of them
EVEN_PAYS = 1.03  # what a tile may cost whose pixels are of one line, in tiles that cross lines
SOURCE = 1 << 19  # bytes of the source that stay there too


def cover(
    primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, out: WayOut
) -> Draft:
    """The launch of a contraction that makes a value: (x, w) -> y, or (dy, w or its transposed copy) -> dx."""
    source, weight = replace(inputs[0], type=tight.image(primitive, inputs[0].type)), inputs[1]
    lanes = result.lanes
    real = axes(primitive, image_size(source), image_size(result))
    of, to = Geometry(source.type, lanes), Geometry(result.type, lanes)
    pixels = to.most_images(batch) * to.places
    flow = Weights(primitive, weight, lanes, of.channels, to.channels)
    few = of if tight.suits(of, *real) else None
    every = of.channels * real[1].mul if few else 0
    flat, many = flat_along(real), weight.type.size * of.size
    width = real[1].result if every in EVERY else 0
    positions, columns, tile = _tile(target, to, pixels, width, 0 if flat else many, lower=flat)
    even = every in EVERY and real[1].result % positions == 0
    high, wide = (tight.padded(axis) if few else axis for axis in real)
    pixel = of.channels * of.size if few else of.columns * of.vector
    inside, divided = high.inside and wide.inside, high.div * wide.div > 1
    whole_lines = flow.lines_follow and wide.follow and not divided and of.channels * flow.source_step == pixel
    turns = _turns(positions * pixel, many if flat else 0, -(-to.columns // columns))
    scatter = Scatter(out, divided)
    kernel = Cover(positions, columns, lanes, whole_lines, inside, divided, flat, scatter, few, primitive.rows, even)
    form = f"_every{every}" if even else "_ahead" if kernel.asks else ""
    tap_line = pixel * (wide.taps if whole_lines else 1)
    scratch = kernel.scratch(high.taps, wide.taps, 0 if inside else tap_line)
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer),
        product=Product(tile + form), tile_pixels=positions, tile_columns=columns, **kernel.lower(pixels),
        places=to.places, columns=to.columns, width=wide.result, blocks=-(-to.columns // columns),
        k=of.channels, first_tap=flow.first_tap, tap_bytes=flow.tap, column_bytes=flow.column, weight_step=flow.step,
        **high.arguments("h"), **wide.arguments("w"),
        pixel_bytes=pixel, zeros=0 if inside else tap_line // to.vector, **turns,
        **next_share(positions, of.channels, turns["turns"], of.size),
        least=least(positions * columns * of.channels * high.taps * wide.taps, target),
    )  # fmt: skip
    shared = spaced(tight.add_arguments(arguments, inputs[0], of, batch, real)) if few else 0
    shared += out.add_arguments(arguments, shared, most_parts(-(-pixels // positions), turns["group_tiles"]))
    return framed(f"contraction_{lanes}", arguments, kernel.lines(arguments), (scratch, shared))


def _turns(tile: int, weights: int, blocks: int) -> dict[str, int]:
    """Tiles that take turns at a block of columns of weights: one, if all weights stay in the second cache.

    tile, weights: bytes; blocks: of a tile. Where one takes all of them in turn, each asks for its share of the next
    """
    group = 1 if weights <= NEAR else max(1, SOURCE // tile)
    return {"group_tiles": group, "turns": blocks if group == 1 else 1}


def _tile(target: Target, to: Geometry, pixels: int, width: int, weights: int, *, lower: bool) -> tuple[int, int, str]:
    """Pixels and columns of a tile, and the name of its product: its rows are pixels, or channels in lanes "n".

    width: of lines, if a tile had better be of one line; else 0
    weights: bytes of them that each tile of a window reads; lower: whether the last tile may have fewer pixels
    """
    streamed = to.lanes == "c" and weights > NEAR
    target = for_streams(target) if streamed else target
    covered = (pixels, to.columns) if to.lanes == "c" else (to.columns, pixels)
    shape = tile_for(target, *covered, streamed=streamed, lower=lower and to.lanes == "c")
    if width:
        even = tile_for(replace(target, tiles=tuple(t for t in target.tiles if width % t[0] == 0)), *covered)
        shape = even if cost(even, *covered) <= EVEN_PAYS * cost(shape, *covered) else shape
    positions, columns = shape if to.lanes == "c" else shape[::-1]
    return positions, columns, f"spread_{to.dtype}_{shape[0]}x{shape[1]}"


@dataclass(frozen=True)
class Cover:
    """The kernel's text.

    positions, columns: of a tile; whole_lines: a line of taps is one segment; inside: no tap is ever outside;
    divided: some taps fall between source pixels (role "data" of a stride); flat: one tap, pixel on pixel, as in a
    dense layer; few: the source, where its few channels are copied tight (`tight.py`); rows: which then come as
    rows of pixels; even: where the pixels of each tile are of one line

    What a tile needs to know lies in the thread's scratch: per pixel the address of its image, line and column of its
    first tap, and the address of that tap (where taps fall between pixels, its own position); then the lines of the tap
    at hand, offsets of taps into the weights, the table, the tile, zeros, and copies of the lines of taps that cross
    the border, zeros included.
    """

    positions: int
    columns: int
    lanes: str
    whole_lines: bool
    inside: bool
    divided: bool
    flat: bool
    scatter: Scatter
    few: Geometry | None = None
    rows: bool = False
    even: bool = False

    @property
    def straight(self) -> bool:
        """Whether all tiles have the same segments, at addresses that go on by the same steps."""
        return self.whole_lines and self.inside

    @property
    def asks(self) -> bool:
        """Whether products ask for what comes next: what the next one reads, or where its results go."""
        return (self.flat or self.few is not None) and self.lanes == "c"

    def lower(self, pixels: int) -> dict[str, int | Product]:
        """The arguments of a flat product that tell who multiplies the last tile, where that has fewer pixels."""
        if not self.flat or self.lanes != "c":
            return {}
        rest = left_over((self.positions, self.columns), pixels)
        dtype = self.scatter.formula.geometry.dtype
        return {
            "lower": Product(f"spread_{dtype}_{rest or self.positions}x{self.columns}_ahead"),
            "lower_pixels": rest,
        }

    @property
    def entry(self) -> int:
        """Bytes of a segment's row of the table."""
        return 8 * ((1 if self.even else self.positions) + self.columns)

    @property
    def spots(self) -> int:
        """Bytes of the pixels' and lines' records."""
        return -(-40 * self.positions // 64) * 64

    def scratch(self, taps_h: int, taps_w: int, tap_line: int) -> int:
        """Bytes per thread."""
        taps, tile = taps_h * taps_w, self.positions * self.columns * self.scatter.formula.geometry.vector
        copies = taps_h * self.positions * tap_line if self.whole_lines else 0
        return spaced(self.spots, 8 * taps, self.entry * taps + 8 * AHEAD, tile, tap_line, copies)

    def lines(self, arguments: Arguments) -> list[str]:
        """Everything behind the unpacking of the arguments and of where the scratch begins."""
        g, few = self.scatter.formula.geometry, self.few
        step = g.size if self.lanes == "c" else g.vector
        steps = "step_k, weight_step" if self.lanes == "c" else "weight_step, step_k"
        return [
            *self.scatter.out.prologue("shared"),
            *self._places(),
            "for z in range(zeros):",
            f"    store_{g.dtype}(zero + z * {g.vector}, splat_{g.dtype}(0.0))",
            f"step_k = {step}",
            *(tight.lines(few, "shared", rows=self.rows) if few else []),
            "tiles = (total_pixels + tile_pixels - 1) // tile_pixels",
            "ready = -1",
            *self.scatter.share(self._groups(steps) if self.flat else self._tiles(arguments, steps)),
            *self.scatter.finish(arguments),
        ]

    def _places(self) -> list[str]:
        """Where in the thread's scratch everything lies, and how many pixels there are."""
        g, few = self.scatter.formula.geometry, self.few
        starts = "1" if self.even else "tile_pixels"
        first_in_row = f"0, 8 * {starts}" if self.lanes == "c" else "8 * tile_columns, 0"
        return [
            f"entry = 8 * ({starts} + tile_columns)",
            f"pixels_at, columns_at = {first_in_row}",
            "lines = own + 32 * tile_pixels",
            "offsets = own + (40 * tile_pixels + 63) // 64 * 64",
            "table = offsets + (8 * taps_h * taps_w + 63) // 64 * 64",
            f"tile_at = table + (entry * taps_h * taps_w + {8 * AHEAD} + 63) // 64 * 64",
            f"zero = tile_at + tile_pixels * tile_columns * {g.vector}",
            f"line_bytes = source_w * pixel_bytes{f' + {few.vector}' if few else ''}",
            f"total_pixels = ({g.images}) * places",
        ]

    def _tiles(self, arguments: Arguments, steps: str) -> list[str]:
        """One tile of pixels after the other, all columns of each."""
        return [
            "tile = item // blocks",
            *([*first_pixel(self.divided), *FIRST_ADDRESS] if self.straight else ["anew = 1"]),
            "while item < stop:",
            *indented((EVEN if self.even else STRAIGHT) if self.straight else self._pixels(arguments)),
            "    block = item - tile * blocks",
            "    last = min_i64(blocks, block + stop - item)",
            "    item += last - block",
            "    while block < last:",
            *indented(self._columns(), 2),
            *indented(self.scatter.ahead(), 2),
            *indented(next_results(self.few) if self.few else [], 2),
            f"        call_product(product, table, segments, length, {steps}, tile_at, 1)",
            *indented([*self.scatter.lines(), "block += 1"], 2),
            "    tile += 1",
        ]

    def _pixels(self, arguments: Arguments) -> list[str]:
        """The pixels' part of the table of one tile after the other, from any tile `anew`."""
        table = Table(self.scatter.formula.geometry, self.whole_lines, self.inside, self.divided)
        given, made = ("own", "tile", "anew"), ("anew", "segments", "length")
        return outlined("contraction_table", [*self._places(), *table.lines()], arguments, given, made, table.kept)

    def _groups(self, steps: str) -> list[str]:
        """Where weights are many, and come from far away, each column's for a group of tiles after another."""
        g = self.scatter.formula.geometry
        group = ["group, group_end = split(tiles, nth, groups)", "some = group_end - group"]
        group += next_group(g) if self.asks else []
        return [
            "nth = ((item // blocks + 1) * groups - 1) // tiles",
            *group,
            "block = (item - group * blocks) // some",
            "tile = group + item - group * blocks - block * some",
            "while item < stop:",
            *indented(self._rows()),
            "    if ready != block:",
            "        for q in range(tile_columns):",
            "            at = min_i64(block * tile_columns + q, columns - 1) * column_bytes",
            "            store_i64(table + columns_at + q * 8, weights + at)",
            "        ready = block",
            *indented(self.scatter.ahead()),
            *indented(NEXT_PRODUCT if self.asks else []),
            f"    call_product(multiply, table, 1, k, {steps}, tile_at, 1)",
            *indented(self.scatter.lines()),
            "    item += 1",
            "    tile += 1",
            "    if tile == group + some:",
            "        block += 1",
            "        if block == blocks:",
            "            block = 0",
            "            nth += 1",
            *indented(group, 3),
            "        tile = group",
        ]

    def _rows(self) -> list[str]:
        """The pixels' part of a flat product's table; where the last tile has just as many as its own product takes,
        the columns move up behind them.
        """
        lower = [
            "rows, multiply = tile_pixels, product",
            "if total_pixels - tile * tile_pixels == lower_pixels:",
            "    rows, multiply = lower_pixels, lower",
            "if columns_at != 8 * rows:",
            "    columns_at, entry, ready = 8 * rows, 8 * (rows + tile_columns), -1",
        ]
        return [
            *(lower if self.lanes == "c" else ["rows, multiply = tile_pixels, product"]),
            "for r in range(rows):",
            "    at = min_i64(tile * tile_pixels + r, total_pixels - 1) * pixel_bytes",
            "    store_i64(table + pixels_at + r * 8, source + at)",
        ]

    def _columns(self) -> list[str]:
        """The weights' part of the table; behind the last column the last one again."""
        tap = "first_tap + s * taps_w * tap_bytes" if self.whole_lines else "load_i64(offsets + s * 8)"
        fill = [
            "for q in range(tile_columns):",
            "    at = weights + min_i64(block * tile_columns + q, columns - 1) * column_bytes",
            "    for s in range(segments):",
            f"        store_i64(table + s * entry + columns_at + q * 8, at + {tap})",
        ]
        if self.whole_lines:  # all tiles have the same segments: with one block, this is done once
            return ["if ready != block:", *indented([*fill, "ready = block"])]
        return fill
