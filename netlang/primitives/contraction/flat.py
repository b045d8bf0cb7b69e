"""Weight gradients of dense layers and of 1x1 convolutions: dw = xᵀ dy, both with a row for each pixel.

A thread has some columns of tiles, or some rows of them, and goes through them group by group: so many pixels for one
column of tiles after the other, whose part of dy stays near. Nothing is added across threads.
"""

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tiles import added, by_rows, tile_for
from netlang.primitives.launch import LANES, Address, Argument, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, spaced

HIGH, WIDE = 100, 4  # tiles of a group, whose sums stay in half of an L2 of 1 MB (6x4 in f32)
CHUNK = 256  # pixels between two visits of a tile
SIDE = ("x", "x_pixel", "rows", "above", "first", "behind")  # of an x: its first row in dw, and its lines of tiles


def flat(primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient without windows: (x, ..., dy) -> dw, stored as rows c of filters."""
    *sides, dy = inputs
    of, whole = Geometry(sides[0].type, dy.lanes), Geometry(dy.type, dy.lanes)
    heights = [side.type.channels for side in sides]
    widths = [Geometry(side.type, dy.lanes).columns for side in sides]
    start, width = primitive.channels or (0, dy.type.channels)
    assert primitive.channels is None or (dy.lanes == "c" and start % LANES == 0), "passes/assemble.py sees to this"
    by = Geometry(dy.type.with_shape(*dy.type.shape[:-1], width), dy.lanes)
    a = "spread" if of.lanes == "c" else "dot"
    rows, vectors = tile_for(target, sum(heights), by.columns, a=a)
    row_blocks, blocks = sum(-(-height // rows) for height in heights), -(-by.columns // vectors)
    high, wide = (min(HIGH, row_blocks), min(WIDE, blocks)) if batch * of.places > CHUNK else (1, 1)
    split_rows = by_rows(row_blocks, blocks, target.threads, sum(widths) > by.columns)
    table = spaced(8 * (rows + vectors))
    arguments = Arguments()
    arguments.add(**_sides([Address(side.buffer) for side in sides], [w * of.vector for w in widths], heights, rows))
    arguments.add(
        dw=Address(result.buffer), dy=Address(dy.buffer), sides=len(sides), row_blocks=row_blocks,
        product=Product(f"{a}_{of.dtype}_{rows}x{vectors}"), tile_rows=rows, tile_columns=vectors,
        columns=by.columns, blocks=blocks, places=by.places, by_rows=int(split_rows),
        high_most=high, wide_most=wide, table=table,
        y_pixel=whole.columns * whole.vector, y_first=start // LANES * whole.vector,
    )  # fmt: skip
    lines = [f"own = {arguments.own()}", *_lines(of)]
    scratch = table + (1 + high * wide) * rows * vectors * of.vector
    return drafted(f"contraction_weight_flat_{of.lanes}", arguments, lines, (scratch, 0))


def _sides(at: list[Address], pixels: list[int], heights: list[int], rows: int) -> dict[str, Argument]:
    """The arguments of each x: where it lies, bytes of a pixel, its channels, and its place in dw."""
    found: dict[str, Argument] = {}
    above = first = 0
    for k, height in enumerate(heights):
        behind = first - -height // rows
        each: tuple[Argument, ...] = (at[k], pixels[k], height, above, first, behind)
        found.update({f"{name}_{k}": value for name, value in zip(SIDE, each, strict=True)})
        above, first = above + height, behind
    return found


def _lines(g: Geometry) -> list[str]:
    """Everything behind the unpacking of the arguments."""
    return [
        f"tile_row = tile_columns * {g.vector}",
        "dy += y_first",
        "tile_bytes = tile_rows * tile_row",
        "made_at = own + table",
        "sums = made_at + tile_bytes",
        f"count = ({g.images}) * places",
        "first_block, last_block, first_line, last_line = 0, blocks, 0, row_blocks",
        "if by_rows != 0:",
        "    first_line, last_line = split(row_blocks, thread, threads(team))",
        "else:",
        "    first_block, last_block = split(blocks, thread, threads(team))",
        "block = first_block",
        "while block < last_block:",
        "    wide = min_i64(wide_most, last_block - block)",
        "    line = first_line",
        "    while line < last_line:",
        "        high = min_i64(high_most, last_line - line)",
        "        begin = 0",
        "        while begin < count:",
        f"            part = min_i64({CHUNK}, count - begin)",
        *indented(_products(g), 3),
        "            begin += part",
        *indented(_scatter(g), 2),
        "        line += high",
        "    block += wide",
    ]


def _products(g: Geometry) -> list[str]:
    """The group's tiles for some pixels; behind the last row and column those again."""
    row = g.size if g.lanes == "c" else g.vector
    return [
        "for b in range(wide):",
        "    for q in range(tile_columns):",
        "        column = min_i64((block + b) * tile_columns + q, columns - 1)",
        f"        store_i64(own + (tile_rows + q) * 8, dy + begin * y_pixel + column * {g.vector})",
        *indented(_each_line(), 1),
        "            for q in range(tile_rows):",
        "                row = min_i64((r - first) * tile_rows + q, rows - 1)",
        f"                store_i64(own + q * 8, x + begin * x_pixel + row * {row})",
        "            sum_at = sums + (b * high + r - line) * tile_bytes",
        "            call_product(product, own, 1, part, x_pixel, y_pixel, sum_at if begin == 0 else made_at, 1)",
        "            if begin > 0:",
        *indented(added(g.dtype, g.vector), 4),
    ]


def _each_line() -> list[str]:
    """A loop over the group's lines of tiles; x and what belongs to it are those of the line."""
    read = [f"{name} = load_i64(args + {8 * k} + side * {8 * len(SIDE)})" for k, name in enumerate(SIDE)]
    return [
        "for side in range(sides):",
        *indented(read),
        "    for r in range(max_i64(line, first), min_i64(line + high, behind)):",
    ]


def _scatter(g: Geometry) -> list[str]:
    """The sums to where they belong; in lanes "n" those over the examples, and zeros behind the last filter."""
    filters = "((columns + 15) // 16 * 16)"
    store = [f"store_{g.dtype}(dw + (row * columns + column) * {g.vector}, made)"]
    if g.lanes == "n":
        at = f"dw + (row * {filters} + column) * {g.size}"
        store = [f"store_scalar_{g.dtype}({at}, total(made))"]
    zeros = [
        "    if block + b == blocks - 1:",
        f"        for column in range(columns, {filters}):",
        f"            store_scalar_{g.dtype}(dw + (row * {filters} + column) * {g.size}, 0.0)",
    ]
    return [
        "for b in range(wide):",
        *indented(_each_line(), 1),
        "            at = sums + (b * high + r - line) * tile_bytes",
        "            row = above + (r - first) * tile_rows",
        "            for z in range(min_i64(tile_rows, rows - (r - first) * tile_rows)):",
        "                for q in range(min_i64(tile_columns, columns - (block + b) * tile_columns)):",
        "                    column = (block + b) * tile_columns + q",
        f"                    made = load_{g.dtype}(at + q * {g.vector})",
        *indented(store, 5),
        *(indented(zeros, 3) if g.lanes == "n" else []),
        "                at += tile_row",
        "                row += 1",
    ]
