"""Which product tile wastes least on a shape."""

from netlang.primitives.launch import Target


def tile_for(target: Target, rows: int, vectors: int, *, a: str = "spread") -> tuple[int, int]:
    """The (rows, vectors) of `target.tiles` that covers rows x vectors in the fewest cycles; ties: the better tile."""
    return min(target.tiles, key=lambda tile: -(-rows // tile[0]) * -(-vectors // tile[1]) * cycles(tile, a))


def cycles(tile: tuple[int, int], a: str = "spread") -> float:
    """What a step of a tile takes: its multiply-adds (two a cycle, at least 8 in flight) or its loads (two a cycle, one
    a multiply-add for a spread operand, which the multiply-add reads itself).
    """
    r, v = tile
    loads = r + v if a == "dot" else v + r * 0.75
    return max(r * v, 8, loads) + 0.25 * (r + v)  # the rest is the table's share
