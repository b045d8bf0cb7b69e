"""Winograd's convolution on the CPU, a block of tiles at a time: transformed input and products stay in the cache.

For each block: gather (pixels -> V[36][tile][c]), then for each group of columns 36 products (V x U -> M[36][tile][f])
and scatter (M -> pixels, through the formula). A tile that crosses the border is copied first, zeros included.
"""

from math import ceil

from netlang.primitives.launch import AS_IT_IS, Address, After, Draft, Operand, Product, Target, drafts
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented, spaced
from netlang.primitives.winograd.op import AT, SPAN, TILE, WINDOW, G, Winograd, WinogradGradient, WinogradWeights
from netlang.primitives.winograd.reduce import reduce
from netlang.primitives.winograd.tiles import POINTS, gathered, place, twice

TILES, MANY = 36, 96  # of a block; the latter where the transformed weights pass `LARGE` bytes: each block reads them
LARGE = 4 << 20
ROWS, VECTORS = 6, 4  # of the product: tiles by vectors of 16 filters


@drafts("cpu", Winograd)
def winograd_draft(
    primitive: Winograd,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
) -> Draft:
    """The launch of a convolution whose result `y` passes through the formula `after` on its way out."""
    x, u = inputs
    assert result.lanes == x.lanes == "c", "passes/winograd.py sees to this"
    of, to = Geometry(x.type, "c"), Geometry(result.type, "c")
    formula = Formula((after.term,), after.operands, result.type, "c", given=("y",))
    rows, vectors = (ROWS, VECTORS) if (ROWS, VECTORS) in target.tiles else target.tiles[0]
    high, wide = primitive.windows
    tiles_h, tiles_w = -(-high // TILE), -(-wide // TILE)
    block = block_of(target, batch * tiles_h * tiles_w, POINTS * of.channels * to.columns * to.vector, rows)
    pixel = of.columns * of.vector
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), x=Address(x.buffer), u=Address(u.buffer),
        product=Product(f"spread_{to.dtype}_{rows}x{vectors}"),
        tile_rows=rows, tile_columns=vectors, columns=to.columns, parts=-(-to.columns // vectors),
        k=of.channels, u_row=to.columns * to.vector, x_columns=of.columns, pixel=pixel,
        height=primitive.size[0], width=primitive.size[1], top=primitive.pad[0], left=primitive.pad[1],
        high=high, wide=wide, places=to.places, tiles_h=tiles_h, tiles_w=tiles_w, tiles_block=block,
    )  # fmt: skip
    formula.add_arguments(arguments)
    sizes = (
        8 * (rows + vectors),
        POINTS * block * pixel,
        POINTS * block * vectors * to.vector,
        POINTS * pixel,
        TILE * TILE * to.vector,
    )
    scratch = spaced(*sizes)
    lines = [f"own = {arguments.own()}", *_lines(formula)]
    return drafted("winograd_c", arguments, lines, (scratch, 0))


def block_of(target: Target, tiles: int, weights: int, rows: int) -> int:
    """Tiles of a block: as many blocks as threads, or a multiple, all of about the same size."""
    wanted = MANY if weights > LARGE else TILES
    blocks = max(1, round(tiles / wanted / target.threads)) * target.threads
    return ceil(tiles / blocks / rows) * rows


def _lines(formula: Formula) -> list[str]:
    g = formula.geometry
    return [
        *formula.prologue(),
        f"v_row, m_row = tiles_block * pixel, tiles_block * tile_columns * {g.vector}",
        "table = own",
        "v_at = table + (8 * (tile_rows + tile_columns) + 63) // 64 * 64",
        f"m_at = v_at + {POINTS} * v_row",
        f"patch = m_at + {POINTS} * m_row",
        f"made_at = patch + {POINTS} * pixel",
        "tiles = examples(team) * tiles_h * tiles_w",
        "block, stop = split((tiles + tiles_block - 1) // tiles_block, thread, threads(team))",
        "while block < stop:",
        "    start = block * tiles_block",
        "    some = min_i64(tiles_block, tiles - start)",
        "    for t in range(some):",
        *indented(place(), 2),
        *indented(gathered(g, "v_at + t * pixel", str(g.vector)), 2),
        "    for part in range(parts):",
        *indented(_products(g), 2),
        "        for t in range(some):",
        *indented(place(), 3),
        "            for q in range(min_i64(tile_columns, columns - part * tile_columns)):",
        *indented(_scatter(formula), 4),
        "    block += 1",
    ]


def _products(g: Geometry) -> list[str]:
    """M of one group of columns: at each of the 36 points, tiles by filters, summed over the channels."""
    return [
        f"for e in range({POINTS}):",
        "    for q in range(tile_columns):",
        "        column = min_i64(part * tile_columns + q, columns - 1)",
        f"        store_i64(table + (tile_rows + q) * 8, u + e * k * u_row + column * {g.vector})",
        "    row = 0",
        "    while row < some:",
        "        for r in range(tile_rows):",
        "            store_i64(table + r * 8, v_at + e * v_row + min_i64(row + r, some - 1) * pixel)",
        f"        m = m_at + e * m_row + row * tile_columns * {g.vector}",
        f"        call_product(product, table, 1, k, {g.size}, u_row, m, 1)",
        "        row += tile_rows",
    ]


def _scatter(formula: Formula) -> list[str]:
    """At M A of one tile and column, then each pixel through the formula to where it belongs."""
    g = formula.geometry
    loads = [f"d{a}_{b} = load_{g.dtype}(m + {a * SPAN + b} * m_row)" for a in range(SPAN) for b in range(SPAN)]
    stores = [
        f"store_{g.dtype}(made_at + {(a * TILE + b) * g.vector}, r{a}_{b})" for a in range(TILE) for b in range(TILE)
    ]
    return [
        f"m = m_at + (t * tile_columns + q) * {g.vector}",
        *loads,
        *twice(AT, g.dtype),
        *stores,
        "column = part * tile_columns + q",
        f"for a in range(min_i64({TILE}, high - i * {TILE})):",
        f"    for b in range(min_i64({TILE}, wide - j * {TILE})):",
        f"        place = (i * {TILE} + a) * wide + j * {TILE} + b",
        "        position = image * places + place",
        f"        at = (position * columns + column) * {g.vector}",
        f"        v_y = load_{g.dtype}(made_at + (a * {TILE} + b) * {g.vector})",
        *indented(formula.lines(("made",)), 2),
        f"        store_{g.dtype}(y + at, made)",
    ]


@drafts("cpu", WinogradWeights)
def weights_draft(
    primitive: WinogradWeights, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """G w Gt, threads over the channels."""
    (w,) = inputs
    g = Geometry(w.type, "w")
    arguments = Arguments()
    arguments.add(u=Address(result.buffer), w=Address(w.buffer), channels=w.type.arrayed(0)[2], columns=g.columns)
    loads = [f"d{a}_{b} = load_{g.dtype}(at + {a * WINDOW + b} * rows)" for a in range(WINDOW) for b in range(WINDOW)]
    stores = [f"store_{g.dtype}(to + {a * SPAN + b} * rows, r{a}_{b})" for a in range(SPAN) for b in range(SPAN)]
    lines = [
        f"rows = channels * columns * {g.vector}",
        "item, stop = split(channels * columns, thread, threads(team))",
        "while item < stop:",
        f"    at = w + item * {g.vector}",
        f"    to = u + item * {g.vector}",
        *indented([*loads, *twice(G, g.dtype), *stores]),
        "    item += 1",
    ]
    return drafted("winograd_weights", arguments, lines)


@drafts("cpu", WinogradGradient)
def gradient_draft(
    primitive: WinogradGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch of a weight gradient."""
    return reduce(primitive, inputs, result, target, batch)
