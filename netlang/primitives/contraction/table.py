"""Where the taps of a tile's pixels lie: the pixels' part of a product's table, for kernels of role "out" and "data".

Per pixel the thread's scratch has the address of its image, line and column of its first tap, and the address of that
tap (where taps fall between pixels, the pixel's own position); texts go by the names of `cover.py`.
"""

from netlang.primitives.contraction.sides import NEXT, NEXT_IN_PHASE, first_pixel
from netlang.primitives.text import Geometry, indented
from netlang.record import dataclass


@dataclass(frozen=True)
class Table:
    """The text.

    whole_lines: a line of taps is one segment; inside: no tap is ever outside; divided: some taps fall between source
    pixels
    """

    geometry: Geometry
    whole_lines: bool
    inside: bool
    divided: bool

    @property
    def kept(self) -> tuple[str, ...]:
        """The names by which one tile's pixels follow another's."""
        return ("pixel", "image_at", "i", "j", *(("height", "phase_h", "phase_w") if self.divided else ()))

    def lines(self) -> list[str]:
        """The table of a tile: the next one, or any where it begins `anew`."""
        return [
            "if anew == 1:",
            *indented(first_pixel(self.divided)),
            *self._positions(),
            *(self._line_segments() if self.whole_lines else self._tap_segments()),
            "anew = 0",
        ]

    def _positions(self) -> list[str]:
        """The records of the tile's pixels; behind the last pixel the last one again."""
        border = [
            "    if h < 0 or h + (taps_h - 1) * step_h >= source_h or w < 0 or w + taps_w > source_w:",
            "        crosses = 1",
        ]
        known = "image_at * places + i * width + j" if self.divided else "at + h * line_bytes + w * pixel_bytes"
        return [
            "crosses = 0",
            "for r in range(tile_pixels):",
            "    spot = own + r * 32",
            "    h = i * mul_h + base_h",
            "    w = j * mul_w + base_w",
            "    at = source + image_at * source_h * line_bytes",
            "    store_i64(spot, at)",
            "    store_i64(spot + 8, h)",
            "    store_i64(spot + 16, w)",
            f"    store_i64(spot + 24, {known})",
            *(border if self.whole_lines else []),
            "    if pixel < total_pixels - 1:",
            "        pixel += 1",
            *indented(NEXT_IN_PHASE if self.divided else NEXT, 2),
        ]

    def _line_segments(self) -> list[str]:
        """The pixels' part of the table, a segment for each line of taps."""
        straight = [
            "for r in range(tile_pixels):",
            "    at = load_i64(own + r * 32 + 24)",
            "    to = table + pixels_at + r * 8",
            "    for u in range(taps_h):",
            "        store_i64(to, at)",
            "        at += step_h * line_bytes",
            "        to += entry",
        ]
        lines = ["segments = taps_h", "length = k * taps_w"]
        crossing = [
            f"copy = zero + zeros * {self.geometry.vector}",
            "for u in range(taps_h):",
            "    for r in range(tile_pixels):",
            "        h = load_i64(own + r * 32 + 8) + u * step_h",
            "        w = load_i64(own + r * 32 + 16)",
            "        at = zero",
            "        if h >= 0 and h < source_h:",
            "            at = load_i64(own + r * 32 + 24) + u * step_h * line_bytes",
            "            if w < 0 or w + taps_w > source_w:",
            *indented(self._copy_line(), 4),
            "        store_i64(table + u * entry + pixels_at + r * 8, at)",
        ]
        return [*lines, "if crosses == 0:", *indented(straight), "else:", *indented(crossing)]

    def _copy_line(self) -> list[str]:
        """A line of taps with zeros where they are outside: `at` becomes its address."""
        g = self.geometry
        return [
            "real = at",
            "at = copy",
            "for v in range(taps_w):",
            f"    for q in range(pixel_bytes // {g.vector}):",
            "        if w + v >= 0 and w + v < source_w:",
            f"            store_{g.dtype}(copy, load_{g.dtype}(real + q * {g.vector}))",
            "        else:",
            f"            store_{g.dtype}(copy, splat_{g.dtype}(0.0))",
            f"        copy += {g.vector}",
            "    real += pixel_bytes",
        ]

    def _tap_segments(self) -> list[str]:
        """The pixels' part of the table, a segment for each tap that is inside for one of them."""
        lines = [
            "segments = 0",
            "length = k",
            "for u in range(taps_h):",
            *indented(self._lines_at()),
            *indented(self._single_taps()),
        ]
        if not self.inside:
            lines += [
                "if segments == 0:",
                "    for r in range(tile_pixels):",
                "        store_i64(table + pixels_at + r * 8, zero)",
                "    store_i64(offsets, first_tap)",
                "    segments = 1",
            ]
        return lines

    def _lines_at(self) -> list[str]:
        """The address of tap line u for each pixel, 0 if outside; `some`: not all are outside."""
        return [
            "some = 0",
            "for r in range(tile_pixels):",
            "    t = load_i64(own + r * 32 + 8) + u * step_h",
            *indented(self._divide("h")),
            "    at = 0",
            f"    if {self._within('h')}:",
            "        at = load_i64(own + r * 32) + t * line_bytes",
            "        some = 1",
            "    store_i64(lines + r * 8, at)",
        ]

    def _single_taps(self) -> list[str]:
        return [
            "if some == 1:",
            "    for v in range(taps_w):",
            "        seen = 0",
            "        for r in range(tile_pixels):",
            "            t = load_i64(own + r * 32 + 16) + v * step_w",
            *indented(self._divide("w"), 3),
            "            line = load_i64(lines + r * 8)",
            "            at = zero",
            f"            if line != 0 and {self._within('w')}:",
            "                at = line + t * pixel_bytes",
            "                seen = 1",
            "            store_i64(table + segments * entry + pixels_at + r * 8, at)",
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
