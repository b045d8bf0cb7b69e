"""Roles "out" and "data": every result pixel is covered by taps of a source image.

Tiles are P result pixels, in the order of memory and across rows and images, by Q columns (vectors of 16 channels in
lanes "c", single channels in lanes "n"). A segment of a product is a tap; where the source pixels of a line's taps
follow one another in memory, the whole line is one segment. A tap outside the image reads zeros.

Position: t = pixel * mul + tap * step + base; the tap's source line is t / div where that is whole and inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from netlang.formula import Term
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tiles import tile_for
from netlang.primitives.launch import Address, Draft, Operand, Product, Target
from netlang.primitives.text import SIZES, Arguments, Formula, Geometry, drafted, indented


@dataclass(frozen=True)
class Axis:
    """One of height and width: how result positions and taps meet source positions."""

    taps: int
    mul: int
    step: int
    base: int
    div: int
    source: int
    result: int

    @property
    def inside(self) -> bool:
        """Whether no tap ever falls outside the source or between its positions."""
        last = (self.result - 1) * self.mul + (self.taps - 1) * self.step + self.base
        return self.div == 1 and self.base >= 0 and last < self.source


def axes(primitive: Contraction, source: tuple[int, int], result: tuple[int, int]) -> tuple[Axis, Axis]:
    """Height and width. In role "data" taps are counted backwards, so that lines of taps go forward in memory."""
    made = []
    for d in (0, 1):
        taps, stride, dilation, before = (
            primitive.kernel[d],
            primitive.stride[d],
            primitive.dilation[d],
            primitive.pad[d],
        )
        if primitive.role == "out":
            made.append(Axis(taps, stride, dilation, -before, 1, source[d], result[d]))
        else:
            made.append(Axis(taps, 1, dilation, before - (taps - 1) * dilation, stride, source[d], result[d]))
    return made[0], made[1]


def image_size(operand: Operand) -> tuple[int, int]:
    """Height and width; (1, 1) of a vector."""
    shape = operand.type.shape[1:-1]
    if not shape:
        return 1, 1
    height, width = shape
    assert isinstance(height, int)
    assert isinstance(width, int)
    return height, width


def cover(
    primitive: Contraction,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: Term,
    operands: Mapping[str, Operand],
) -> Draft:
    """The launch of a contraction that makes a value: (x, w) -> y, or (dy, w or its transposed copy) -> dx."""
    source, weight = inputs
    lanes = result.lanes
    high, wide = axes(primitive, image_size(source), image_size(result))
    of, to = Geometry(source.type, lanes), Geometry(result.type, lanes)
    formula = Formula((after,), operands, result.type, lanes, given=("y",))
    pixels = to.most_images(batch) * to.places
    if lanes == "n":
        columns, positions = tile_for(target, to.columns, pixels)
        tile = (columns, positions)
    else:
        positions, columns = tile_for(target, pixels, to.columns)
        tile = (positions, columns)
    flow = Weights(primitive, weight, lanes, of.channels, to.channels)
    whole_lines = (
        wide.step == 1 and wide.div == 1 and wide.taps > 1 and of.channels * flow.source_step == of.columns * of.vector
    )
    whole_lines = whole_lines and flow.lines_follow
    kernel = Cover(
        positions, columns, lanes, whole_lines, high.inside and wide.inside, high.div * wide.div > 1, formula
    )
    zeros = 0 if kernel.inside else (wide.taps if whole_lines else 1) * of.channels * flow.source_step
    zeros = -(-zeros // to.vector) * to.vector
    scratch = kernel.scratch(high.taps * wide.taps, zeros)
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer),
        product=Product(f"spread_{to.dtype}_{tile[0]}x{tile[1]}"),
        places=to.places, columns=to.columns, width=wide.result, blocks=-(-to.columns // columns),
        k=of.channels, first_tap=flow.first_tap, tap_bytes=flow.tap, column_bytes=flow.column, weight_step=flow.step,
        taps_h=high.taps, mul_h=high.mul, step_h=high.step, base_h=high.base, source_h=high.source,
        taps_w=wide.taps, mul_w=wide.mul, step_w=wide.step, base_w=wide.base, source_w=wide.source,
        pixel_bytes=of.columns * of.vector, zeros=zeros // to.vector,
    )  # fmt: skip
    if kernel.divided:
        arguments.add(div_h=high.div, div_w=wide.div)
    formula.add_arguments(arguments)
    lines = [f"own = {arguments.own()}", *kernel.lines()]
    return drafted(f"contraction_{primitive.role}_{lanes}", arguments, lines, (scratch, 0))


class Weights:
    """Where the weights of a tap lie, in bytes: first_tap + tap * `tap` + column * `column` + k * `step`.

    They are stored as rows of whole vectors: w[u, v, c] of f, or transposed, flipped wT[u, v, f] of c.
    """

    def __init__(self, primitive: Contraction, weight: Operand, lanes: str, k: int, columns: int) -> None:
        size = SIZES[weight.type.dtype]
        row = -(-weight.type.channels // 16) * 16 * size
        taps = primitive.kernel[0] * primitive.kernel[1]
        self.source_step = size if lanes == "c" else 16 * size
        self.first_tap, self.lines_follow = 0, True
        if lanes == "c":
            self.tap, self.column, self.step = k * row, 16 * size, row
        elif primitive.role == "out":
            self.tap, self.column, self.step = k * row, size, row
        else:  # the weights as they are: rows of c are columns of the result, and taps go backwards
            self.tap, self.column, self.step = -columns * row, row, size
            self.first_tap, self.lines_follow = (taps - 1) * columns * row, False


@dataclass(frozen=True)
class Cover:
    """The kernel's text.

    positions, columns: of a tile; whole_lines: a line of taps may be one segment; inside: no tap is ever outside;
    divided: some taps fall between source pixels (role "data" of a stride)
    """

    positions: int
    columns: int
    lanes: str
    whole_lines: bool
    inside: bool
    divided: bool
    formula: Formula

    @property
    def entry(self) -> int:
        """Bytes of a segment's row of the table."""
        return 8 * (self.positions + self.columns)

    def scratch(self, taps: int, zeros: int) -> int:
        """Bytes per thread: pixels and lines of the tile, tap offsets, table, tile, zeros; `own` is where it starts."""
        tile = self.positions * self.columns * self.formula.geometry.vector
        parts = (32 * self.positions, 8 * taps, self.entry * taps, tile, zeros)
        return sum(-(-p // 64) * 64 for p in parts)

    def lines(self) -> list[str]:
        """Everything behind the unpacking of the arguments."""
        g, p = self.formula.geometry, self.positions
        step = g.size if self.lanes == "c" else g.vector
        weight_first = "step_k, weight_step" if self.lanes == "c" else "weight_step, step_k"
        tile_bytes = p * self.columns * g.vector
        return [
            *(line for line in self.formula.prologue()),
            f"lines = own + {24 * p}",
            f"offsets = own + {-(-32 * p // 64) * 64}",
            "table = offsets + (8 * taps_h * taps_w + 63) // 64 * 64",
            f"tile_at = table + ({self.entry} * taps_h * taps_w + 63) // 64 * 64",
            f"zero = tile_at + {tile_bytes}",
            "for z in range(zeros):",
            f"    store_{g.dtype}(zero + z * {g.vector}, splat_{g.dtype}(0.0))",
            f"step_k = {step}",
            f"total_pixels = ({g.images}) * places",
            f"tiles = (total_pixels + {p - 1}) // {p}",
            "item, stop = split(tiles * blocks, thread, threads(team))",
            "tile = item // blocks",
            f"pixel = tile * {p}",
            "image_at = pixel // places",
            "rest = pixel - image_at * places",
            "i = rest // width",
            "j = rest - i * width",
            "while item < stop:",
            *indented(self._positions()),
            *indented(self._segments()),
            "    block = item - tile * blocks",
            "    last = min_i64(blocks, block + stop - item)",
            "    item += last - block",
            "    while block < last:",
            *indented(self._columns(), 2),
            f"        call_product(product, table, segments, length, {weight_first}, tile_at, 1)",
            *indented(self._scatter(), 2),
            "        block += 1",
            "    tile += 1",
        ]

    def _positions(self) -> list[str]:
        """Image, line and column of each pixel of the tile; behind the last pixel the last one again."""
        return [
            f"for r in range({self.positions}):",
            "    spot = own + r * 24",
            "    store_i64(spot, source + image_at * (source_h * source_w * pixel_bytes))",
            "    store_i64(spot + 8, i * mul_h + base_h)",
            "    store_i64(spot + 16, j * mul_w + base_w)",
            "    if pixel < total_pixels - 1:",
            "        pixel += 1",
            "        j += 1",
            "        if j == width:",
            "            j = 0",
            "            i += 1",
            "            if i * width == places:",
            "                i = 0",
            "                image_at += 1",
        ]

    def _segments(self) -> list[str]:
        """The positions' part of the table."""
        lines = ["segments = 0", "length = k"]
        if self.whole_lines:
            lines += self._whole()
            lines += ["for u in range(taps_h):", *indented(self._line_of_taps())]
        else:
            lines += ["for u in range(taps_h):", *indented(self._lines_at()), *indented(self._single_taps())]
        if not self.inside:
            lines += [
                "if segments == 0:",
                f"    for r in range({self.positions}):",
                f"        store_i64(table + {self._position_at} + r * 8, zero)",
                "    store_i64(offsets, first_tap)",
                "    segments = 1",
            ]
        return lines

    def _whole(self) -> list[str]:
        if self.inside:
            return ["length = k * taps_w"]
        return [
            "whole = 1",
            f"for r in range({self.positions}):",
            "    t = load_i64(own + r * 24 + 16)",
            "    if t < 0 or t + taps_w > source_w:",
            "        whole = 0",
            "if whole == 1:",
            "    length = k * taps_w",
        ]

    def _line_of_taps(self) -> list[str]:
        segment = [
            f"for r in range({self.positions}):",
            "    at = load_i64(lines + r * 8)",
            "    if at != 0:",
            "        at += load_i64(own + r * 24 + 16) * pixel_bytes",
            "    else:",
            "        at = zero",
            f"    store_i64(table + segments * {self.entry} + {self._position_at} + r * 8, at)",
            "store_i64(offsets + segments * 8, first_tap + u * taps_w * tap_bytes)",
            "segments += 1",
        ]
        if self.inside:
            return [*self._lines_at(), *segment]
        return [
            *self._lines_at(),
            "if whole == 1 and some == 1:",
            *indented(segment),
            "if whole == 0:",
            *indented(self._single_taps()),
        ]

    def _lines_at(self) -> list[str]:
        """The address of tap line u for each pixel, 0 if outside; `some`: not all are outside."""
        return [
            "some = 0",
            f"for r in range({self.positions}):",
            "    t = load_i64(own + r * 24 + 8) + u * step_h",
            *indented(self._divide("h")),
            "    at = 0",
            f"    if {self._within('h')}:",
            "        at = load_i64(own + r * 24) + t * source_w * pixel_bytes",
            "        some = 1",
            "    store_i64(lines + r * 8, at)",
        ]

    def _single_taps(self) -> list[str]:
        return [
            "if some == 1:",
            "    for v in range(taps_w):",
            "        seen = 0",
            f"        for r in range({self.positions}):",
            "            t = load_i64(own + r * 24 + 16) + v * step_w",
            *indented(self._divide("w"), 3),
            "            line = load_i64(lines + r * 8)",
            "            at = zero",
            f"            if line != 0 and {self._within('w')}:",
            "                at = line + t * pixel_bytes",
            "                seen = 1",
            f"            store_i64(table + segments * {self.entry} + {self._position_at} + r * 8, at)",
            "        store_i64(offsets + segments * 8, first_tap + (u * taps_w + v) * tap_bytes)",
            "        segments += seen",
        ]

    def _divide(self, axis: str) -> list[str]:
        """A tap between two source pixels is outside."""
        if not self.divided:
            return []
        return ["if t >= 0:", f"    q = t // div_{axis}", f"    t = q if q * div_{axis} == t else -1"]

    def _within(self, axis: str) -> str:
        return "t >= 0" if self.inside else f"t >= 0 and t < source_{axis}"

    @property
    def _position_at(self) -> int:
        """Where in a row of the table the pixels stand: A in lanes "c", B in lanes "n"."""
        return 0 if self.lanes == "c" else 8 * self.columns

    def _columns(self) -> list[str]:
        """The weights' part of the table; behind the last column the last one again."""
        at = 8 * self.positions if self.lanes == "c" else 0
        return [
            f"for q in range({self.columns}):",
            f"    at = weights + min_i64(block * {self.columns} + q, columns - 1) * column_bytes",
            "    for s in range(segments):",
            f"        store_i64(table + s * {self.entry} + {at} + q * 8, at + load_i64(offsets + s * 8))",
        ]

    def _scatter(self) -> list[str]:
        """The tile, through the formula, to where it belongs."""
        g = self.formula.geometry
        slot = f"r * {self.columns} + q" if self.lanes == "c" else f"q * {self.positions} + r"
        place = ["image = position // places", "place = position - image * places"] if self.formula.needs_image else []
        return [
            f"for r in range(min_i64({self.positions}, total_pixels - tile * {self.positions})):",
            f"    position = tile * {self.positions} + r",
            *indented(place),
            f"    for q in range(min_i64({self.columns}, columns - block * {self.columns})):",
            f"        column = block * {self.columns} + q",
            f"        at = (position * columns + column) * {g.vector}",
            f"        v_y = load_{g.dtype}(tile_at + ({slot}) * {g.vector})",
            *indented(self.formula.lines(("made",)), 2),
            f"        store_{g.dtype}(y + at, made)",
        ]
