"""Grouped convolutions whose lanes are channels: strips of pixels of a row, one column of 16 channels after the other.

What a strip reads is first copied side by side, with zeros where there is no pixel. Groups of less than 16 channels
are copied once for each k, as vectors in whose lanes channel k of their group lies, so that a tap is a vector of the
weights w[u,v,k] wherever it is; of wider groups, whose filters are whole columns, single channels are spread.
Sums of a strip's pixels, or of a weight's taps, stay in registers.
"""

from netlang.primitives.contraction.sides import Axis
from netlang.primitives.launch import LANES, Target
from netlang.primitives.text import Geometry, indented, spaced
from netlang.record import dataclass

NEAR = 32 << 10  # bytes that copies of a strip may take: most of the first cache
ROWS = 8  # of a strip, at most
SIDE = 7  # taps along a row whose sums are unrolled, at most
CHAINS = 12  # sums of taps that are made at once, at most
BLOCK = 4  # columns that a thread takes one after the other: 256 bytes of each pixel in f32

OF_BLOCK = f"for column in range(block * {BLOCK}, min_i64(block * {BLOCK} + {BLOCK}, columns)):"
Axes = tuple[Axis, Axis]


@dataclass(frozen=True)
class Strip:
    """What is copied for so many `pixels` of the result in `rows` rows: `lines` of `span` pixels in `planes`.

    width: channels of a group; vector: bytes of 16 of them
    """

    axes: Axes
    width: int
    dtype: str
    vector: int
    pixels: int
    rows: int

    @property
    def spread(self) -> bool:
        """Whether a group has whole columns, of which single channels are spread."""
        return self.width >= LANES

    @property
    def planes(self) -> int:
        """Copies of a column, or columns of a group."""
        return self.width // LANES if self.spread else self.width

    @property
    def span(self) -> int:
        """Pixels of a line."""
        wide = self.axes[1]
        return (self.pixels - 1) * wide.mul + (wide.taps - 1) * wide.step + 1

    @property
    def lines(self) -> int:
        """Lines of a plane."""
        high = self.axes[0]
        return (self.rows - 1) * high.mul + (high.taps - 1) * high.step + 1

    @property
    def side(self) -> int:
        """Taps along a row whose sums are unrolled."""
        taps = self.axes[1].taps
        return taps if taps <= SIDE else 1

    @property
    def down(self) -> int:
        """Rows of taps whose sums are made at once."""
        taps = self.axes[0].taps
        return max(n for n in range(1, taps + 1) if taps % n == 0 and (n == 1 or n * self.side <= CHAINS))

    @property
    def bytes(self) -> int:
        """Of all planes."""
        return self.planes * self.lines * self.span * self.vector

    def arguments(self, columns: int) -> dict[str, int]:
        """As the texts name them, of so many columns."""
        line = self.span * self.vector
        return {
            "width": self.width, "planes": self.planes, "line": line, "plane": self.lines * line, "span": self.span,
            "rows": self.rows, "strips": -(-self.axes[1].result // self.pixels), "blocks": -(-columns // BLOCK),
            "chunks": -(-self.axes[0].result // self.rows), "copies": spaced(self.bytes),
        }  # fmt: skip

    def over_strips(self) -> list[str]:
        """The head of a loop over the strips of a row, of `count` pixels each."""
        return ["for strip in range(strips):", f"    count = min_i64({self.pixels}, wide - strip * {self.pixels})"]

    def copied(self, further: str) -> list[str]:
        """The lines of rows first_h.. from column first_w on, of what the group of `column` reads of `image`.

        Meanwhile it asks for what is copied next: of the next strip, or `further` bytes behind the row's first one.
        """
        d, div = self.dtype, self.axes[1].div
        load = f"load_{d}(near + w * pixel)"
        if self.spread or self.width == 1:
            copies = [f"store_{d}(at, {load})"]
        else:
            each = (f"store_{d}(at + {k} * plane, of_group_{self.width}_{k}_{d}(seen))" for k in range(self.width))
            copies = [f"seen = {load}", *each]
        clear = [f"store_{d}(to + q * {self.vector}, splat_{d}(0.0))"]
        if self.spread:
            reads, planes, wide = "column // planes * planes + part", "planes", "part * plane"
        else:
            clear = [f"store_{d}(to + k * plane + q * {self.vector}, splat_{d}(0.0))"]
            clear = ["for k in range(planes):", *indented(clear)]
            reads, planes, wide = "column", "1", "0"
        return [
            f"first_w = strip * {self.pixels} * mul_w + base_w",
            f"ahead = {self.pixels} * mul_w * pixel // {div}",
            f"ahead = {further} - strip * ahead if strip == strips - 1 else ahead",
            f"w_from = max_i64(0, (first_w + {div - 1}) // {div})",
            f"w_to = min_i64(source_w, (first_w + span + {div - 1}) // {div})",
            f"for part in range({planes}):",
            "    for y in range(lines):",
            f"        h = (first_h + y) // {self.axes[0].div}",
            f"        if first_h + y >= 0 and h * {self.axes[0].div} == first_h + y and h < source_h:",
            f"            to = own + {wide} + y * line",
            "            if w_to - w_from < span:",
            "                for q in range(span):",
            *indented(clear, 5),
            f"            near = x + (image * source_h + h) * source_w * pixel + ({reads}) * {self.vector}",
            f"            at = to + (w_from * {div} - first_w) * {self.vector}",
            "            for w in range(w_from, w_to):",
            "                prefetch(near + w * pixel + ahead)",
            *indented(copies, 4),
            f"                at += {div * self.vector}",
        ]

    def seen(self, line: str, pixel: int) -> str:
        """What the filters of a column read of a pixel, so many behind the address `line`."""
        return f"{'spread' if self.spread else 'load'}_{self.dtype}({line} + {pixel * self.vector})"

    def of_k(self, line: str) -> str:
        """Where channel k of the group begins in the line."""
        if not self.spread:
            return f"{line} + k * plane"
        return f"{line} + k // {LANES} * plane + k % {LANES} * {self.vector // LANES}"


def strip(axes: Axes, width: int, g: Geometry, target: Target) -> Strip:
    """As many pixels as registers hold sums of, and as few beyond the row; rows for which the copies are near."""
    registers, wide = max(rows * vectors for rows, vectors in target.tiles), axes[1].result
    most = max(2, registers * 7 // 12)
    pixels = min((most, most // 2), key=lambda n: (-(-wide // n) * n, -n))
    some = [Strip(axes, width, g.dtype, g.vector, pixels, rows) for rows in range(1, min(ROWS, axes[0].result) + 1)]
    return max((s for s in some if s.bytes <= NEAR), key=lambda s: s.rows, default=some[0])


def rows_of(s: Strip) -> list[str]:
    """Rows of the result that are made at once, and the lines of the source that they read."""
    return [
        "i_from = chunk * rows",
        "i_to = min_i64(i_from + rows, high)",
        "first_h = i_from * mul_h + base_h",
        "lines = (i_to - 1 - i_from) * mul_h + (taps_h - 1) * step_h + 1",
    ]


def line_of(u: str, s: Strip) -> list[str]:
    """Lines that find the line `y` that row i meets through tap row u, and the source's row `h`."""
    return [f"y = i * mul_h + base_h + ({u}) * step_h - first_h", f"h = (first_h + y) // {s.axes[0].div}"]


def real(s: Strip) -> str:
    """Whether there is such a row."""
    div = s.axes[0].div
    between = f" and h * {div} == first_h + y" if div > 1 else ""
    return f"first_h + y >= 0 and h < source_h{between}"
