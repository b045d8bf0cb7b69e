"""Weight gradients of dense layers and of 1x1 convolutions: dw = xᵀ dy, both with a row for each pixel.

A thread has some columns of tiles, or some rows of them, and goes through them group by group: so many pixels for one
column of tiles after the other. While these are multiplied, the next pixels of x and dy come, asked for line by line,
evenly and in the order of memory: a burst of asks, or asks for one line of each pixel, wait for each other.

Where pixels of dy are a multiple of 512 bytes apart, what a column of tiles reads of them shares some sets of the first
cache, which do not hold it. The column's first product keeps it side by side for the others.

Where the gradient is small for its pixels, they are cut in two, by the shape: a thread of two then reads whole rows of
x and dy, and nothing twice. The two sums are added after a barrier; otherwise nothing is added across threads.
"""

from math import gcd

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tiles import by_rows, tile_for, within
from netlang.primitives.launch import LANES, Address, Argument, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Geometry, drafted, indented, shared_out, spaced

SUMS, WIDE = 192, 4  # tiles of a group, whose sums stay near, and columns of them (6x4 in f32: 288 KB of an L2 of 1 MB)
CHUNK = 128  # pixels between two visits of a tile
NEAREST, SETS, LINE = 768, 64, 64  # lines of a first cache of 48 KB, its sets, bytes of a line
SHORT = 96  # pixels between two visits, where they are cut in two and a tile's part of dy is more than that cache has
SIDE = ("x", "x_pixel", "rows", "above", "first", "behind")  # of an x: its first row in dw, and its lines of tiles
READERS = 16  # rows of tiles, at least, for which part of dy is kept side by side: 22 gain 5 %, 11 lose 6
APIECE = 8  # rows of tiles, at least, that a thread claims of another's: all of dy is read for them; or whole groups of
# columns, so none where pixels are cut in two
TABLE = 64  # bytes of a product's table


def flat(primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a weight gradient without windows: (x, ..., dy) -> dw, stored as rows c of filters."""
    *sides, dy = inputs
    of, whole = Geometry(sides[0].type, dy.lanes), Geometry(dy.type, dy.lanes)
    heights = [side.type.channels for side in sides]
    widths = [Geometry(side.type, dy.lanes).columns for side in sides]
    start, width = primitive.channels or (0, dy.type.channels)
    assert primitive.channels is None or (dy.lanes == "c" and start % LANES == 0), "passes/assemble.py sees to this"
    by = Geometry(dy.type.with_shape(*dy.type.shape[:-1], width), dy.lanes)
    rows, vectors = _tile(target, of.lanes, heights, by.columns)
    row_blocks, blocks = sum(-(-height // rows) for height in heights), -(-by.columns // vectors)
    cut = of.lanes == "c" and len(sides) == 1 and of.places > 1 and row_blocks * blocks <= SUMS
    chunk = min(CHUNK, max(SHORT, NEAREST // whole.columns)) if cut else CHUNK
    wide = blocks if cut else min(_most_columns(target, len(sides)), blocks)
    high = min(SUMS // wide, row_blocks)
    if batch * of.places <= chunk:
        high, wide = 1, 1
    pixel, product = whole.columns * whole.vector, f"{_reads(of.lanes)}_{of.dtype}_{rows}x{vectors}"
    keeps = row_blocks >= READERS and _crowded(pixel, min(chunk, batch * of.places), vectors * whole.vector)
    split_rows = by_rows(row_blocks, blocks, target.threads, sum(widths) > by.columns)
    arguments = Arguments()
    arguments.add(**_sides([Address(side.buffer) for side in sides], [w * of.vector for w in widths], heights, rows))
    arguments.add(
        dw=Address(result.buffer), dy=Address(dy.buffer), sides=len(sides), all_rows=sum(heights),
        product=Product(f"{product}_beside"), keeping=Product(f"{product}_{'keeping' if keeps else 'beside'}"),
        keeps=int(keeps), tile_rows=rows, tile_columns=vectors,
        row_blocks=row_blocks, columns=by.columns, blocks=blocks, places=by.places, by_rows=int(split_rows),
        high_most=high, wide_most=wide, chunk=chunk, parts=2 if cut else 1, least=APIECE if split_rows else wide,
        y_pixel=pixel, y_first=start // LANES * whole.vector,
    )  # fmt: skip
    lines = [f"own = {arguments.own()}", f"halves = {arguments.shared()}", *_lines(of)]
    shared = 2 * sum(heights) * by.columns * by.vector if cut else 0
    kept = chunk * vectors * of.vector if keeps else 0
    scratch = spaced(TABLE, high * wide * rows * vectors * of.vector, kept)
    return drafted(f"contraction_weight_flat_{of.lanes}", arguments, lines, (scratch, shared))


def _crowded(pixel: int, count: int, run: int) -> bool:
    """Whether runs of so many bytes, of `count` pixels, drive each other out of their sets of a first cache.

    pixel: bytes from one to the next
    """
    sets = min(SETS, SETS // gcd(pixel // LINE, SETS) * run // LINE)
    return count * run // LINE > NEAREST * sets // SETS


def _most_columns(target: Target, sides: int) -> int:
    """Of a group. Two are faster where several x are read from a slow third cache, by 5 to 17 %."""
    return 2 if sides > 1 and target.slow_caches else WIDE


def _tile(target: Target, lanes: str, heights: list[int], columns: int) -> tuple[int, int]:
    """Rows and vectors of a tile, which reaches behind no pixel of any x, nor of dy."""
    least = min(heights)
    readable = -(-least // LANES) * LANES if lanes == "c" else least
    return tile_for(within(target, readable, columns), sum(heights), columns, a=_reads(lanes))


def _reads(lanes: str) -> str:
    return "spread" if lanes == "c" else "dot"


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
        f"tile_bytes = tile_rows * tile_columns * {g.vector}",
        "dy += y_first",
        f"sums = own + {TABLE}",
        "kept = sums + high_most * wide_most * tile_bytes",
        "store_i64(own + 56, kept)",
        "held = -1",
        f"count = ({g.images}) * places",
        "turns = row_blocks if by_rows != 0 else blocks",
        *shared_out("parts * turns", "least", "item", "last_item", _share(g)),
        "if parts == 2:",
        *indented(_joined(g)),
    ]


def _share(g: Geometry) -> list[str]:
    """Items from `item` to `last_item`: columns of tiles, or rows of them, of one half of the pixels or both."""
    return [
        "while item < last_item:",
        "    half = item // turns",
        "    start, stop = count * half // parts, count * (half + 1) // parts",
        "    turn = item - half * turns",
        "    last_turn = min_i64(turns, turn + last_item - item)",
        "    item += last_turn - turn",
        "    first_block, last_block, first_line, last_line = 0, blocks, turn, last_turn",
        "    if by_rows == 0:",
        "        first_block, last_block, first_line, last_line = turn, last_turn, 0, row_blocks",
        f"    to = dw if parts == 1 else halves + half * all_rows * columns * {g.vector}",
        *indented(_groups(g)),
    ]


def _joined(g: Geometry) -> list[str]:
    """The sum of both halves."""
    return [
        "barrier(team, thread)",
        f"other = halves + all_rows * columns * {g.vector}",
        "vector, stop = split(all_rows * columns, thread, threads(team))",
        "while vector < stop:",
        f"    made = load_{g.dtype}(halves + vector * {g.vector}) + load_{g.dtype}(other + vector * {g.vector})",
        f"    store_{g.dtype}(dw + vector * {g.vector}, made)",
        "    vector += 1",
    ]


def _groups(g: Geometry) -> list[str]:
    """The thread's tiles of pixels start..stop, a group after the other."""
    return [
        "visits = (stop - start + chunk - 1) // chunk",
        "most = (stop - start + visits - 1) // visits",
        "block = first_block",
        "while block < last_block:",
        "    wide = min_i64(wide_most, last_block - block)",
        "    line = first_line",
        "    while line < last_line:",
        "        high = min_i64(high_most, last_line - line)",
        "        begin = start",
        "        while begin < stop:",
        "            part = min_i64(most, stop - begin)",
        *indented(_products(g), 3),
        "            begin += part",
        *indented(_scatter(g), 2),
        "        line += high",
        "    block += wide",
    ]


def _products(g: Geometry) -> list[str]:
    """The group's tiles for some pixels."""
    row = g.size if g.lanes == "c" else g.vector
    return [
        "ask, ask_line, ask_block = begin + part, line, block",
        "if ask == stop:",
        "    ask = start",
        "    ask_line += high",
        "    if ask_line >= last_line:",
        "        ask_line = first_line",
        "        ask_block += wide",
        "asks = min_i64(most, stop - ask) if ask_block < last_block else 0",
        "for b in range(wide):",
        *indented(_column()),
        f"    y_at, y_step, multiply = dy + begin * y_pixel + column * {g.vector}, y_pixel, keeping",
        "    if held == begin * columns + column:",
        f"        y_at, y_step, multiply = kept, tile_columns * {g.vector}, product",
        "    store_i64(own + 8, y_at)",
        *indented(_each_side()),
        *indented(_next(g), 2),
        "        for r in range(from_line, to_line):",
        *indented(_row(), 3),
        f"            store_i64(own, x + begin * x_pixel + row * {row})",
        "            sum_at = sums + (b * high + r - line) * tile_bytes",
        "            if left == asks_y:",
        *indented(_asked("y"), 4),
        "            left -= 1",
        "            call_product(multiply, own, 1, part, x_pixel, y_step, sum_at, 1 if begin == start else 0)",
        "            if keeps != 0 and y_step == y_pixel:",
        "                held = begin * columns + column",
        f"                y_step, multiply = tile_columns * {g.vector}, product",
        "                store_i64(own + 8, kept)",
    ]


def _each_side() -> list[str]:
    """A loop over the group's parts of each x, lines of tiles from_line..to_line."""
    read = [f"{name} = load_i64(args + {8 * k} + side * {8 * len(SIDE)})" for k, name in enumerate(SIDE)]
    return [
        "for side in range(sides):",
        *indented(read),
        "    from_line, to_line = max_i64(line, first), min_i64(line + high, behind)",
    ]


def _next(g: Geometry) -> list[str]:
    """What later products read, of this group or the next: some of these products ask for x, the others for dy.

    A column of tiles asks for its share of the next pixels, of each a run of bytes, x_run and y_run (of dy the first x
    does). A step asks for a line, or goes on by less, so that the runs of all its pixels last as long as its products.
    """
    row = g.size if g.lanes == "c" else g.vector
    return [
        "ask_first = max_i64(ask_line, first)",
        "tall = min_i64(min_i64(ask_line + high_most, last_line), behind) - ask_first",
        f"at = (ask_first - first) * tile_rows * {row}",
        f"x_run = max_i64(0, min_i64(tall * tile_rows * {row}, x_pixel - at))",
        "x_from = x + (ask + asks * b // wide) * x_pixel + at",
        f"at = ask_block * tile_columns * {g.vector}",
        f"y_run = min_i64(min_i64(wide_most, last_block - ask_block) * tile_columns * {g.vector}, y_pixel - at)",
        "if side > 0 or (ask == begin and ask_block == block):",
        "    y_run = 0",
        "y_from = dy + (ask + asks * b // wide) * y_pixel + at",
        "left = to_line - from_line if asks > 0 and x_run + y_run > 0 else 0",
        "asks_x = max_i64(1, left * x_run // max_i64(1, x_run + y_run))",
        "asks_y = max_i64(1, left - asks_x) if y_run > 0 else left + 1",
        *_asked("x"),
        "if left == 0 or x_run == 0:",
        "    store_i64(own + 32, 0)",
    ]


def _asked(of: str) -> list[str]:
    """The table's walk through the next pixels of x or dy."""
    return [
        f"step = max_i64(1, min_i64(64, ({of}_run + asks_{of} * wide - 1) // (asks_{of} * wide)))",
        f"store_i64(own + 16, {of}_from)",
        f"store_i64(own + 24, {of}_from + {of}_run - 1)",
        "store_i64(own + 32, step)",
        f"store_i64(own + 40, {of}_pixel)",
        f"store_i64(own + 48, {of}_pixel - ({of}_run + step - 1) // step * step)",
    ]


def _column() -> list[str]:
    """Where a tile begins: the last one has whole columns, some of them once more."""
    return ["column = max_i64(0, min_i64((block + b) * tile_columns, columns - tile_columns))"]


def _row() -> list[str]:
    return ["row = max_i64(0, min_i64((r - first) * tile_rows, rows - tile_rows))"]


def _scatter(g: Geometry) -> list[str]:
    """The sums to where they belong; in lanes "n" those over the examples, and zeros behind the last filter."""
    filters = "((columns + 15) // 16 * 16)"
    store = [f"store_{g.dtype}(to + ((row + i) * columns + column + q) * {g.vector}, made)"]
    if g.lanes == "n":
        at = f"to + ((row + i) * {filters} + column + q) * {g.size}"
        store = [f"store_scalar_{g.dtype}({at}, total(made))"]
    zeros = [
        "if block + b == blocks - 1:",
        f"    for q in range(columns, {filters}):",
        f"        store_scalar_{g.dtype}(to + ((row + i) * {filters} + q) * {g.size}, 0.0)",
    ]
    return [
        "for b in range(wide):",
        *indented(_column()),
        *indented(_each_side()),
        "        for r in range(from_line, to_line):",
        *indented(_row(), 3),
        "            at = sums + (b * high + r - line) * tile_bytes",
        "            row += above",
        "            for i in range(min_i64(tile_rows, rows)):",
        "                for q in range(min_i64(tile_columns, columns)):",
        f"                    made = load_{g.dtype}(at + q * {g.vector})",
        *indented(store, 5),
        *(indented(zeros, 4) if g.lanes == "n" else []),
        f"                at += tile_columns * {g.vector}",
    ]
