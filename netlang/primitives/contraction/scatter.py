"""How a tile of a product leaves it: through the formula, to where it belongs, and added to the sums of its channels.

Parts of sums are stretches of tiles: those that take turns at a column of weights, or at most PARTS of all tiles.
"""

from netlang.primitives.text import Arguments, Formula, indented, shared_out
from netlang.primitives.way_out import WayOut
from netlang.record import dataclass

PARTS = 96  # of the tiles, at most; threads take whole ones


def most_parts(tiles: int, group: int) -> int:
    """How many parts so many tiles have at most, where so many take turns."""
    return min(PARTS, tiles) if group == 1 else -(-tiles // group) + 1


@dataclass(frozen=True)
class Scatter:
    """The text. divided: the tile's pixels are those of one phase, whose positions lie in the thread's scratch"""

    out: WayOut
    divided: bool

    @property
    def formula(self) -> Formula:
        """Through which the numbers pass."""
        return self.out.formula

    def share(self, body: list[str]) -> list[str]:
        """The body for all items of a thread, and in how many groups the tiles take turns: about `group_tiles`.

        Where they are added up, a thread has whole parts, or whole columns of those that take turns.
        """
        groups = "groups = (tiles + group_tiles - 1) // group_tiles"
        if not self.out.sums:
            return [groups, *shared_out("tiles * blocks", "least", "item", "stop", body)]
        aligned = [
            "    part = (({0} // blocks + 1) * parts - 1) // tiles",
            "    begin, end = split(tiles, part, parts)",
            "    run = 1 if group_tiles > 1 else blocks",
            "    run *= end - begin",
            "    {0} = begin * blocks + ({0} - begin * blocks) // run * run",
        ]
        bounds = [line.format(x) for x in ("item", "stop") for line in (f"if {x} < tiles * blocks:", *aligned)]
        return [
            groups,
            "if group_tiles > 1:",
            "    groups = min_i64(tiles, (groups + 1) // 2 * 2)",
            f"parts = groups if group_tiles > 1 else min_i64({PARTS}, tiles)",
            "stretch = stretch_at = stretch_end = 0",
            *shared_out("tiles * blocks", "least", "item", "stop", [*bounds, *body]),
        ]

    def ahead(self) -> list[str]:
        """What the formulas will read of a tile comes while its product is made. Few channels are near anyway."""
        asked = self.formula.ahead()
        return self._vectors([], asked) if asked and self.formula.geometry.lanes == "c" else []

    def lines(self) -> list[str]:
        """The tile's way out."""
        if self.out.sums:
            return self._added()
        g = self.formula.geometry
        place = ["image = position // places", "place = position - image * places"] if self.formula.needs_image else []
        made = [
            f"v_y = load_{g.dtype}({self._slot})",
            *self.formula.lines(("made",)),
            self._store,
        ]
        return self._vectors(place, made)

    def finish(self, arguments: Arguments) -> list[str]:
        """Lines at the end."""
        return self.out.finish(arguments, "parts")

    @property
    def _slot(self) -> str:
        """Where a vector of the tile lies."""
        g = self.formula.geometry
        slot = "r * tile_columns + q" if g.lanes == "c" else "q * tile_pixels + r"
        return f"tile_at + ({slot}) * {g.vector}"

    @property
    def _store(self) -> str:
        return f"store_{self.formula.geometry.dtype}(y + at, made)"

    @property
    def _position(self) -> str:
        return f"position = {'load_i64(own + r * 32 + 24)' if self.divided else 'tile * tile_pixels + r'}"

    def _vectors(self, of_pixel: list[str], body: list[str]) -> list[str]:
        """A loop over the vectors of a tile, `at` bytes into the result."""
        return [
            "for r in range(min_i64(tile_pixels, total_pixels - tile * tile_pixels)):",
            f"    {self._position}",
            *indented(of_pixel),
            "    for q in range(min_i64(tile_columns, columns - block * tile_columns)):",
            "        column = block * tile_columns + q",
            f"        at = (position * columns + column) * {self.formula.geometry.vector}",
            *indented(body, 2),
        ]

    def _added(self) -> list[str]:
        """The tile's numbers, column by column."""
        return [
            "if tile < stretch_at or tile >= stretch_end:",
            "    stretch = ((tile + 1) * parts - 1) // tiles",
            "    stretch_at, stretch_end = split(tiles, stretch, parts)",
            "already = (tile - stretch_at) * tile_pixels",
            "more = min_i64(tile_pixels, total_pixels - tile * tile_pixels)",
            "for q in range(min_i64(tile_columns, columns - block * tile_columns)):",
            "    column = block * tile_columns + q",
            *indented(self.out.stored(self._of_column, [self._store])),
        ]

    def _of_column(self, body: list[str]) -> list[str]:
        g = self.formula.geometry
        return [
            "for r in range(more):",
            f"    {self._position}",
            f"    at = (position * columns + column) * {g.vector}",
            f"    v_y = load_{g.dtype}({self._slot})",
            *indented(body),
        ]
