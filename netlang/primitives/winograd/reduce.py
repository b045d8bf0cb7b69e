"""The weight gradient by Winograd: sums over tiles of V[36][c] by Z[36][f], then back to 3x3 windows.

Few tiles are transformed and multiplied at once (`whole.py`). Of more, a block is transformed by all threads together;
behind a barrier each thread adds products of its own (point, channels, filters) to the sums, which lie as the product
writes them. Nothing is added across threads.
"""

from netlang.primitives.launch import Address, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, spaced
from netlang.primitives.winograd import whole
from netlang.primitives.winograd.op import AT, SPAN, TILE, WINDOW, G, Matrix, WinogradGradient
from netlang.primitives.winograd.tiles import POINTS, gathered, place, twice

MOST = 200  # tiles of a block: of several each adds to all sums, 38 MB at 512 channels; 32: 104 for 47 ms at 28x28x512
ROWS, VECTORS = 6, 4  # of the product: channels by vectors of 16 filters


def reduce(
    primitive: WinogradGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch: (x, dy) -> dw, stored as rows (u, v, c) of filters."""
    x, dy = inputs
    of, by = Geometry(x.type, "c"), Geometry(dy.type, "c")
    rows, vectors = (ROWS, VECTORS) if (ROWS, VECTORS) in target.tiles else target.tiles[0]
    _, high, wide, _ = dy.type.arrayed(0)
    tiles = batch * -(-high // TILE) * -(-wide // TILE)
    once = tiles <= MOST
    block = tiles | 1 if once else -(-tiles // -(-tiles // MOST))  # odd: panels begin in different sets of a cache
    row_blocks, column_blocks = -(-of.channels // rows), -(-by.columns // vectors)
    tile = rows * vectors * of.vector
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer),
        product=Product(f"spread_{of.dtype}_{rows}x{vectors}"), tile_rows=rows, tile_columns=vectors,
        row_blocks=row_blocks, column_blocks=column_blocks, tile_bytes=tile,
        channels=of.channels, x_columns=of.columns, columns=by.columns,
        pixel=of.columns * of.vector, y_pixel=by.columns * by.vector,
        height=primitive.size[0], width=primitive.size[1], top=primitive.pad[0], left=primitive.pad[1],
        high=high, wide=wide, tiles_h=-(-high // TILE), tiles_w=-(-wide // TILE), tiles_block=block,
    )  # fmt: skip
    own: tuple[int, ...] = (8 * (rows + vectors), POINTS * of.columns * of.vector)
    transformed = POINTS * block * (of.columns + by.columns) * of.vector
    if once:
        groups = -(-row_blocks // whole.HIGH)
        arguments.add(groups=groups, point=-(-row_blocks // groups) * tile)
        own = (*own, POINTS * -(-row_blocks // groups) * tile)
        lines = [f"v_at = {arguments.shared()}", f"own = {arguments.own()}", *_at_once(of)]
        return drafted("winograd_weight_whole", arguments, lines, (spaced(*own), transformed))
    sums = POINTS * row_blocks * column_blocks * tile
    lines = [f"sums = {arguments.shared()}", f"own = {arguments.own()}", *_in_blocks(of)]
    return drafted("winograd_weight_c", arguments, lines, (spaced(*own), sums + transformed))


_BEGIN = [
    "table = own",
    "patch = table + (8 * (tile_rows + tile_columns) + 63) // 64 * 64",
    "v_row, z_row = tiles_block * pixel, tiles_block * y_pixel",
    f"z_at = v_at + {POINTS} * v_row",
]


def _transformed(g: Geometry) -> list[str]:
    """V and Z of the tiles from `start` on, `some` of them, threads over the tiles."""
    return [
        f"column_step = tiles_block * {g.vector}",
        "begin, end = split(some, thread, threads(team))",
        "for t in range(begin, end):",
        *indented(place()),
        *indented(gathered(g, f"v_at + t * {g.vector}", "column_step")),
        *indented(_spread(g)),
        "barrier(team, thread)",
    ]


def _at_once(g: Geometry) -> list[str]:
    return [
        *_BEGIN,
        f"sums = patch + {POINTS} * pixel",
        "tiles = examples(team) * tiles_h * tiles_w",
        "start, some = 0, tiles",
        *_transformed(g),
        *whole.lines(g, _windows(g, "point")),
    ]


def _in_blocks(g: Geometry) -> list[str]:
    return [
        f"v_at = sums + {POINTS} * row_blocks * column_blocks * tile_bytes",
        *_BEGIN,
        "tiles = examples(team) * tiles_h * tiles_w",
        "start = 0",
        "while start < tiles:",
        "    some = min_i64(tiles_block, tiles - start)",
        *indented(_transformed(g)),
        *indented(_products(g)),
        "    barrier(team, thread)",
        "    start += tiles_block",
        *_back(g),
    ]


def _spread(g: Geometry) -> list[str]:
    """Z of one tile: A dy At, zeros for pixels behind the border."""
    loads = []
    for a in range(TILE):
        for b in range(TILE):
            loads += [
                f"d{a}_{b} = splat_{g.dtype}(0.0)",
                f"if i * {TILE} + {a} < high and j * {TILE} + {b} < wide:",
                f"    d{a}_{b} = load_{g.dtype}(at + ({a} * wide + {b}) * y_pixel)",
            ]
    stores = [f"store_{g.dtype}(to + {a * SPAN + b} * z_row, r{a}_{b})" for a in range(SPAN) for b in range(SPAN)]
    return [
        f"at = dy + ((image * high + i * {TILE}) * wide + j * {TILE}) * y_pixel",
        f"to = z_at + t * {g.vector}",
        "for c in range(columns):",
        *indented([*loads, *twice(_turned(AT), g.dtype), *stores]),
        f"    at += {g.vector}",
        "    to += column_step",
    ]


def _products(g: Geometry) -> list[str]:
    """The sums of this thread: of each point, some channels by some filters, over the tiles of the block."""
    return [
        f"item, stop = split({POINTS} * row_blocks * column_blocks, thread, threads(team))",
        "while item < stop:",
        "    e = item // (row_blocks * column_blocks)",
        "    rest = item - e * row_blocks * column_blocks",
        "    row = rest // column_blocks * tile_rows",
        "    part = (rest - rest // column_blocks * column_blocks) * tile_columns",
        "    for r in range(tile_rows):",
        "        c = min_i64(row + r, channels - 1)",
        f"        from_v = v_at + e * v_row + c // 16 * column_step + (c - c // 16 * 16) * {g.size}",
        "        store_i64(table + r * 8, from_v)",
        "    for q in range(tile_columns):",
        "        column = min_i64(part + q, columns - 1)",
        "        store_i64(table + (tile_rows + q) * 8, z_at + e * z_row + column * column_step)",
        "    fresh = 1 if start == 0 else 0",
        f"    call_product(product, table, 1, some, {g.vector}, {g.vector}, sums + item * tile_bytes, fresh)",
        "    item += 1",
    ]


def _back(g: Geometry) -> list[str]:
    """The sums of all channels and filters as 3x3 windows."""
    return [
        "item, stop = split(channels * columns, thread, threads(team))",
        "while item < stop:",
        "    c = item // columns",
        "    column = item - c * columns",
        "    rest = c // tile_rows * column_blocks + column // tile_columns",
        "    slot = (c - c // tile_rows * tile_rows) * tile_columns + column - column // tile_columns * tile_columns",
        f"    at = sums + rest * tile_bytes + slot * {g.vector}",
        *indented(_windows(g, "row_blocks * column_blocks * tile_bytes")),
        "    item += 1",
    ]


def _windows(g: Geometry, point: str) -> list[str]:
    """Gt S G: the sums of channel `c` and 16 filters at `at`, `point` bytes from point to point, as a 3x3 window."""
    loads = [f"d{a}_{b} = load_{g.dtype}(at + {a * SPAN + b} * {point})" for a in range(SPAN) for b in range(SPAN)]
    stores = [
        f"store_{g.dtype}(to + {a * WINDOW + b} * channels * y_pixel, r{a}_{b})"
        for a in range(WINDOW)
        for b in range(WINDOW)
    ]
    return [f"to = dw + c * y_pixel + column * {g.vector}", *loads, *twice(_turned(G), g.dtype), *stores]


def _turned(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))
