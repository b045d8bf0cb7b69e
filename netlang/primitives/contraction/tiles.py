"""Which product tile wastes least on a shape."""

from dataclasses import replace

from netlang.primitives.launch import Target

DOT = 5, 3  # of two operands that are vectors: windows of five rows of one channel
BEST = 6, 4  # of vectors of 16 floats with 32 registers; of its rows, fewer are left over to a lower tile
MANY = 64  # tiles
TALL = 14, 2  # takes 31 registers, and reads few vectors: those may come from a second cache or from further away


def tile_for(
    target: Target, rows: int, vectors: int, *, a: str = "spread", streamed: bool = False, lower: bool = False
) -> tuple[int, int]:
    """The (rows, vectors) of `target.tiles` that covers rows x vectors in the fewest cycles; ties: the better tile."""
    return min(target.tiles, key=lambda tile: cost(tile, rows, vectors, a, streamed, lower))


def cost(
    tile: tuple[int, int], rows: int, vectors: int, a: str = "spread", streamed: bool = False, lower: bool = False
) -> float:
    """Cycles of a step over rows x vectors in tiles.

    streamed: whether the vectors are not in the first cache; lower: whether rows left over may have a tile of theirs
    """
    rest = left_over(tile, rows) if lower else 0
    tall = rows // tile[0] if rest else -(-rows // tile[0])
    each = tall * (cycles(tile, a) + streamed * tile[1]) + (cycles((rest, tile[1]), a) if rest else 0)
    return each * -(-vectors // tile[1])


def left_over(tile: tuple[int, int], rows: int) -> int:
    """The rows of a lower tile behind those of a tile; 0 if there is none: of very many tiles one is nothing."""
    return rows % tile[0] if tile == BEST and tile[0] < rows < MANY * tile[0] else 0


def within(target: Target, rows: int, vectors: int) -> Target:
    """The target with those tiles that reach behind no shape of so many rows and vectors: all targets have 1x1."""
    return replace(target, tiles=tuple(tile for tile in target.tiles if tile[0] <= rows and tile[1] <= vectors))


def for_dots(target: Target) -> Target:
    """The target with one more tile, if its vectors fit the registers that the largest one takes."""
    fits = (DOT[0] + 1) * DOT[1] <= max((rows + 1) * vectors for rows, vectors in target.tiles)
    return replace(target, tiles=(*target.tiles, *[DOT] * fits))


def for_streams(target: Target) -> Target:
    """The target with the tallest tile, if it has 32 registers of 16 elements."""
    return replace(target, tiles=(*target.tiles, *[TALL] * ((12, 2) in target.tiles)))


def cycles(tile: tuple[int, int], a: str = "spread") -> float:
    """What a step of a tile takes: its multiply-adds (two a cycle, at least 8 in flight) or its loads (two a cycle, one
    a multiply-add for a spread operand, which the multiply-add reads itself).
    """
    r, v = tile
    loads = r + v if a == "dot" else v + r * 0.75
    return max(r * v, 8, loads) + 0.25 * (r + v)  # the rest is the table's share


def by_rows(rows: int, blocks: int, parts: int, larger: bool) -> bool:
    """Whether threads share a weight gradient's rows, not its columns: what is more even, or else reads less twice.

    rows, blocks: of tiles; parts: threads; larger: whether more is read for the rows, x, than for the columns, dy
    """
    most = -(-rows // parts) * blocks, rows * -(-blocks // parts)
    if max(most) > 1.05 * min(most):
        return most[0] < most[1]
    return larger
