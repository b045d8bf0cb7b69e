"""How the two sides of a contraction meet: positions of source and result, and where the weights of a tap lie."""

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import Operand
from netlang.primitives.text import SIZES, Geometry, indented
from netlang.record import dataclass


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
    def follow(self) -> bool:
        """Whether the source positions of the taps follow one another."""
        return (self.taps == 1 or self.step == 1) and self.div == 1

    @property
    def same(self) -> bool:
        """Whether each result position meets the source position in its place alone."""
        return self.taps == self.mul == self.div == 1 and self.base == 0 and self.source == self.result

    @property
    def inside(self) -> bool:
        """Whether no tap ever falls outside the source or between its positions."""
        last = (self.result - 1) * self.mul + (self.taps - 1) * self.step + self.base
        return self.div == 1 and self.base >= 0 and last < self.source

    def arguments(self, axis: str) -> dict[str, int]:
        """How positions and taps meet along an axis, h or w, as texts name it."""
        found = {"taps": self.taps, "mul": self.mul, "step": self.step, "base": self.base, "div": self.div}
        return {f"{name}_{axis}": value for name, value in (found | {"source": self.source}).items()}


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


def flat_along(axes: tuple[Axis, Axis]) -> bool:
    """Whether there is one tap, which lies on every pixel, as in a dense layer."""
    return all(axis.same for axis in axes)


def image_size(operand: Operand) -> tuple[int, int]:
    """Height and width; (1, 1) of a vector, (1, t) of a sequence."""
    height, width = (1, 1, *operand.type.shape[1:-1])[-2:]
    assert isinstance(height, int)
    assert isinstance(width, int)
    return height, width


class Weights:
    """Where the weights of a tap lie, in bytes: first_tap + tap * `tap` + column * `column` + k * `step`.

    They are stored as rows of whole vectors: w[u, v, c] of f, or transposed, flipped wT[u, v, f] of c, or in panels.
    """

    def __init__(self, primitive: Contraction, weight: Operand, lanes: str, k: int, columns: int) -> None:
        size = SIZES[weight.type.dtype]
        row = -(-weight.type.channels // 16) * 16 * size
        taps = primitive.kernel[0] * primitive.kernel[1]
        self.source_step = size if lanes == "c" else 16 * size
        self.first_tap, self.lines_follow = 0, True
        if primitive.filters:
            self.tap, self.column, self.step = k * 16 * size, taps * k * 16 * size, 16 * size
        elif lanes == "c":
            self.tap, self.column, self.step = k * row, 16 * size, row
        elif primitive.role == "out":
            self.tap, self.column, self.step = k * row, size, row
        else:  # the weights as they are: rows of c are columns of the result, and taps go backwards
            self.tap, self.column, self.step = -columns * row, row, size
            self.first_tap, self.lines_follow = (taps - 1) * columns * row, False


def next_results(g: Geometry) -> list[str]:
    """What a product of few channels asks for meanwhile: where the next tile's results go, a block's share of it.

    They are far more than what is read, and a line has to come before it is written.
    """
    return [
        f"bytes = tile_pixels * columns * {g.vector}",
        "words = table + segments * entry",
        "store_i64(words, y + min_i64(tile + 1, tiles - 1) * bytes + bytes * block // blocks)",
        "steps = segments * length * blocks",
        "store_i64(words + 8, (bytes + steps - 1) // steps)",
        "store_i64(words + 16, y)",
        "store_i64(words + 24, 0)",
    ]


# To the next pixel of the result: across lines and images
NEXT = [
    "j += 1",
    "if j == width:",
    "    j = 0",
    "    i += 1",
    "    if i * width == places:",
    "        i = 0",
    "        image_at += 1",
]
NEXT_PHASE = [
    "phase_w += 1",
    "if phase_w == div_w:",
    "    phase_w = 0",
    "    phase_h += 1",
]
# Pixels a stride apart share their taps; the other taps fall between source pixels, and cost a tile of these nothing
NEXT_IN_PHASE = [
    "j += div_w",
    "if j >= width:",
    "    j = phase_w",
    "    i += div_h",
    "    while i >= height or j >= width:",
    *indented(NEXT_PHASE, 2),
    "        if phase_h == div_h:",
    "            phase_h = 0",
    "            image_at += 1",
    "        i = phase_h",
    "        j = phase_w",
]
# Where no tap is outside, and a line of taps is a segment: where the first tap is, and how far apart those of lines and
# images are
FIRST_ADDRESS = [
    "pixel_at = source + (image_at * source_h + i * mul_h + base_h) * line_bytes",
    "pixel_at += (j * mul_w + base_w) * pixel_bytes",
    "next_line = mul_h * line_bytes - width * mul_w * pixel_bytes",
    "next_image = (source_h - places // width * mul_h) * line_bytes",
]
_NEXT_LINE = [
    "if j == width:",
    "    j = 0",
    "    i += 1",
    "    pixel_at += next_line",
    "    if i * width == places:",
    "        i = 0",
    "        pixel_at += next_image",
]
# The pixels' part of such a tile's table; behind the last pixel the last one again
STRAIGHT = [
    "segments = taps_h",
    "length = k * taps_w",
    "for r in range(tile_pixels):",
    "    at = pixel_at",
    "    to = table + pixels_at + r * 8",
    "    for u in range(taps_h):",
    "        store_i64(to, at)",
    "        at += step_h * line_bytes",
    "        to += entry",
    "    if pixel < total_pixels - 1:",
    "        pixel += 1",
    "        j += 1",
    "        pixel_at += mul_w * pixel_bytes",
    *indented(_NEXT_LINE, 2),
]
# The same of a tile whose pixels are all of one line: where the first of them is
EVEN = [
    "segments = taps_h",
    "length = k * taps_w",
    "at = pixel_at",
    "for u in range(taps_h):",
    "    store_i64(table + u * entry, at)",
    "    at += step_h * line_bytes",
    "j += tile_pixels",
    "pixel_at += tile_pixels * mul_w * pixel_bytes",
    *_NEXT_LINE,
]


def first_pixel(divided: bool) -> list[str]:
    """The first pixel of a tile; where taps fall between source pixels, those of one phase follow each other."""
    lines = ["pixel = tile * tile_pixels", "image_at = pixel // places", "rest = pixel - image_at * places"]
    if not divided:
        return [*lines, "i = rest // width", "j = rest - i * width"]
    return [
        *lines,
        "height = places // width",
        "phase_h = phase_w = 0",
        "lines_in = (height + div_h - 1) // div_h",
        "in_line = (width + div_w - 1) // div_w",
        "while rest >= lines_in * in_line:",
        "    rest -= lines_in * in_line",
        *indented(NEXT_PHASE),
        "    lines_in = (height - phase_h + div_h - 1) // div_h",
        "    in_line = (width - phase_w + div_w - 1) // div_w",
        "i = phase_h + rest // max_i64(in_line, 1) * div_h",
        "j = phase_w + (rest - rest // max_i64(in_line, 1) * in_line) * div_w",
    ]


def next_share(pixels: int, k: int, turns: int, size: int) -> dict[str, int]:
    """The arguments of NEXT_PRODUCT: bytes of the next tile's pixels that a product asks for, and in each step."""
    return {"next_share": pixels * k * size // turns, "next_step": -(-pixels * size // turns)}


def next_group(g: Geometry) -> list[str]:
    """Of `some` tiles that take turns and weights in panels: what a tile asks for of the next block's, and each step.

    Divisions take as long as the rest of a tile's way, and stand here, outside the loop.
    """
    return [
        f"in_panels = 1 if some > 1 and weight_step == {g.vector} else 0",
        f"panel_share = tile_columns * k * {g.vector} // some",
        f"panel_step = (tile_columns * {g.vector} + some - 1) // some * in_panels",
    ]


# What a product of whole pixels asks for meanwhile, in the words behind its table: the pixels of the next tile, of
# which each block takes its share where a tile takes all blocks in turn; and the tile's share of the next block's
# weights, or, behind the last block, of the first
NEXT_PRODUCT = [
    "words = table + entry",
    "at = source + min_i64(tile + 1, tiles - 1) * tile_pixels * pixel_bytes",
    "store_i64(words, at + min_i64(block, turns - 1) * next_share)",
    "store_i64(words + 8, next_step)",
    "next_block = block + 1 if block + 1 < blocks else 0",
    "at = weights + next_block * tile_columns * column_bytes",
    "store_i64(words + 16, at + (tile - group) * panel_share)",
    "store_i64(words + 24, panel_step)",
]
