"""The weight gradient by Winograd of few tiles: no sums are kept.

The team transforms all tiles; behind a barrier a thread takes some channels by some filters, at all 36 points, and
turns their sums into windows while they are in its second cache. Nothing is added across threads.
"""

from netlang.primitives.text import Geometry, indented
from netlang.primitives.winograd.tiles import POINTS

HIGH = 6  # rows of tiles of channels at a time: the sums of 36 channels by 64 filters are 332 KB


def lines(g: Geometry, windows: list[str]) -> list[str]:
    """Everything behind the barrier. windows: the text that makes windows of the sums at `at`"""
    return [
        "item, stop = split(groups * column_blocks, thread, threads(team))",
        "while item < stop:",
        "    part = item // groups",
        "    row, row_stop = split(row_blocks, item - part * groups, groups)",
        "    first, some = part * tile_columns, min_i64(tile_columns, columns - part * tile_columns)",
        f"    for e in range({POINTS}):",
        *indented(_products(g), 2),
        "    for c in range(row * tile_rows, min_i64(row_stop * tile_rows, channels)):",
        "        for q in range(some):",
        "            column = first + q",
        f"            at = sums + ((c - row * tile_rows) * tile_columns + q) * {g.vector}",
        *indented(windows, 3),
        "    item += 1",
    ]


def _products(g: Geometry) -> list[str]:
    """The sums of the group at one point."""
    return [
        "for q in range(tile_columns):",
        "    column = first + min_i64(q, some - 1)",
        "    store_i64(table + (tile_rows + q) * 8, z_at + e * z_row + column * column_step)",
        "sum_at = sums + e * point",
        "for line in range(row, row_stop):",
        "    for r in range(tile_rows):",
        "        c = min_i64(line * tile_rows + r, channels - 1)",
        f"        from_v = v_at + e * v_row + c // 16 * column_step + (c - c // 16 * 16) * {g.size}",
        "        store_i64(table + r * 8, from_v)",
        f"    call_product(product, table, 1, tiles, {g.vector}, {g.vector}, sum_at, 1)",
        "    sum_at += tile_bytes",
    ]
