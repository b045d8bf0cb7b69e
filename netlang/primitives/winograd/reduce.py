"""The weight gradient by Winograd: sums over tiles of V[points][c] by Z[points][f], then back to windows.

A block of tiles is transformed by all threads together; behind a barrier each thread adds products of its own
(point, channels, filters) to the sums, which lie as the product writes them. Where one block is all and the sums are
large, they are not kept: a thread takes all points of some channels and filters, and makes windows of them while they
are in its second cache. Nothing is added across threads.
"""

from math import prod

from netlang.primitives.contraction.tiles import tile_for
from netlang.primitives.launch import AHEAD, Address, Draft, Operand, Target
from netlang.primitives.outline import framed
from netlang.primitives.text import Arguments, Geometry, indented, shared_out, spaced
from netlang.primitives.winograd.op import Form, Phase, WinogradGradient
from netlang.primitives.winograd.tiles import (
    APART,
    LARGE,
    gathered,
    narrowed,
    of_first,
    patch,
    phases_of,
    place,
    reading,
    tiled,
    widened,
)
from netlang.simd.toom_cook import transform_name

MOST = 400, 200  # tiles of a block, where all sums stay near and where not: each block reads and writes them
LEAST = 48  # those where third caches are slow: 24 are slower
FEW = 64  # tiles: sums of so few are not worth keeping; 128 tiles of 256 channels lose a tenth
HIGH = 6  # rows of tiles of channels at a time: the sums of 36 channels by 64 filters are 332 KB


def reduce(
    primitive: WinogradGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch: (x, dy) -> dw, stored as rows (u, v, c) of filters."""
    x, dy = inputs
    of, by = Geometry(x.type, "c"), Geometry(dy.type, "c")
    rows, vectors = tile_for(target, of.channels, by.columns)
    _, high, wide, _ = dy.type.arrayed(0)
    read, sides = phases_of(primitive.window, primitive.stride), tiled(primitive, (high, wide))
    form, points = read[0].form, sum(phase.form.points for phase in read)
    tiles = batch * sides["tiles_h"] * sides["tiles_w"]
    weights = points * of.channels * by.columns * of.vector
    once = not primitive.block and at_once(tiles, weights)
    most = primitive.block or most_tiles(target, (points * of.columns + form.points * by.columns) * of.vector, weights)
    block = tiles | 1 if once else -(-tiles // -(-tiles // most))  # odd: panels begin in different sets of a cache
    row_blocks, column_blocks = -(-of.channels // rows), -(-by.columns // vectors)
    tile = rows * vectors * of.vector
    arguments = reading(x, form, sides, (rows, vectors))
    arguments.add(
        dw=Address(result.buffer), dy=Address(dy.buffer),
        row_blocks=row_blocks, column_blocks=column_blocks, tile_bytes=tile,
        channels=of.channels, columns=by.columns, y_pixel=by.columns * by.vector, tiles_block=block,
    )  # fmt: skip
    groups = -(-row_blocks // HIGH) if once else row_blocks
    point = (-(-row_blocks // groups) if once else row_blocks * column_blocks) * tile + APART
    arguments.add(once=int(once), groups=groups, point=point)
    copied = prod(patch(read)) * of.columns * of.vector
    own = (8 * (rows + vectors + AHEAD), form.points * of.vector, copied, points * point * once)
    transformed = (points, of.columns), (form.points, by.columns)
    shared = sum(many * (block * columns * of.vector + APART) for many, columns in transformed)
    shared += points * point * (not once)
    return framed("winograd_weight_c", arguments, _lines(arguments, of, read), (spaced(*own), shared))


def most_tiles(target: Target, tile: int, sums: int) -> int:
    """Of a block. tile: bytes that one becomes, sums: of all; where caches are slow, a block stays in the second one"""
    if sums > LARGE:
        return MOST[1]
    return max(LEAST, target.near // 2 // tile) if target.slow_caches else MOST[0]


def at_once(tiles: int, sums: int) -> bool:
    """Whether tiles are few, and their sums, in bytes, not worth keeping."""
    return tiles <= FEW and sums > LARGE


def _lines(arguments: Arguments, g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    form, points = read[0].form, sum(phase.form.points for phase in read)
    return [
        "table, v_at = own, shared",
        f"half = table + (8 * (tile_rows + tile_columns + {AHEAD}) + 63) // 64 * 64",
        f"patch = half + {form.points} * {g.vector}",
        f"v_row, z_row = tiles_block * pixel + {APART}, tiles_block * y_pixel + {APART}",
        f"z_at = v_at + {points} * v_row",
        f"sums = patch + {prod(patch(read))} * pixel if once == 1 else z_at + {form.points} * z_row",
        f"column_step = tiles_block * {g.vector}",
        f"v_most, v_part, v_tile, v_column = x_columns, 0, {g.vector}, column_step",
        "tiles = examples(team) * tiles_h * tiles_w",
        "some = start = 0",
        "while start < tiles:",
        "    some = min_i64(tiles_block, tiles - start)",
        *indented(shared_out("some", "1", "t", "end", _transformed(arguments, g, read))),
        "    barrier(team, thread)",
        "    if once == 0:",
        *indented(_added(g, read), 2),
        "        barrier(team, thread)",
        "    start += tiles_block",
        *shared_out("groups * column_blocks", "1", "item", "stop", _made(g, read)),
    ]


def _made(g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """The windows of a thread's items: of some channels and filters, whose sums are there, or are made now."""
    return [
        "while item < stop:",
        "    part = item // groups",
        "    row, row_stop = split(row_blocks, item - part * groups, groups)",
        "    sum_at = sums + part * row_blocks * tile_bytes",
        "    if once == 1:",
        *indented(_group(g, read), 2),
        "        sum_at = sums - row * tile_bytes",
        "    for c in range(row * tile_rows, min_i64(row_stop * tile_rows, channels)):",
        "        for q in range(min_i64(tile_columns, columns - part * tile_columns)):",
        "            line = c // tile_rows",
        f"            at = sum_at + line * tile_bytes + ((c - line * tile_rows) * tile_columns + q) * {g.vector}",
        "            column = part * tile_columns + q",
        *indented(_windows(g, read), 3),
        "    item += 1",
    ]


def _transformed(arguments: Arguments, g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """V and Z of a thread's tiles."""
    return [
        *gathered(arguments, g, read),
        "while t < end:",
        *indented(place()),
        *indented(_spread(g, read[0].form)),
        "    t += 1",
    ]


def _spread(g: Geometry, form: Form) -> list[str]:
    """Z of one tile: A dy At, of the pixels that there are."""
    pixel = [f"d = load_{g.dtype}(at + a * down + b * right)"]
    made = widened(g, form, "to_pixels", "rows", "across", pixel, "z_row")
    if form.high.span > 1:
        whole = f"    transform_{transform_name('a', form.high, form.wide)}_{g.dtype}(at, down, right, to, z_row)"
        made = ["if rows == side_h and across == side_w:", whole, "else:", *indented(made)]
    return [
        "down, right = y_line * y_pixel, y_step * y_pixel",
        "at = dy + image * high * wide * y_pixel + i * side_h * down + j * side_w * right",
        "rows, across = min_i64(side_h, high - i * side_h), min_i64(side_w, wide - j * side_w)",
        f"to = z_at + t * {g.vector}",
        "for c in range(columns):",
        *indented(made),
        f"    at += {g.vector}",
        "    to += column_step",
    ]


def _added(g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """What the block's tiles add to a thread's share of all sums: of each point, some channels by some filters.

    Channels after channels: Z of the filters stays near.
    """
    items = f"{sum(phase.form.points for phase in read)} * row_blocks * column_blocks"
    return [
        "fresh = 1 if start == 0 else 0",
        "turns = row_blocks",
        *shared_out(items, "row_blocks", "item", "stop", _items(g, read)),
    ]


def _items(g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    of_z, z = _of_z(read)
    return [
        "while item < stop:",
        "    e = item // (row_blocks * column_blocks)",
        *indented(of_z),
        "    rest = item - e * row_blocks * column_blocks",
        "    part = rest // row_blocks",
        "    turn = line = rest - part * row_blocks",
        f"    after, further = part + 1, {z}",
        "    if after == column_blocks:",
        f"        after, further = 0, {z} + 1",
        *indented(_filters(z)),
        *indented(_channels(g)),
        *indented(_asked(g)),
        "    sum_at = sums + e * point + rest * tile_bytes",
        f"    call_product(product, table, 1, some, {g.vector}, {g.vector}, sum_at, fresh)",
        "    item += 1",
    ]


def _of_z(read: tuple[Phase, ...]) -> tuple[list[str], str]:
    """Which points of Z those of number `e` of V meet: lines that find it, and its name."""
    return (of_first(read, "e"), "whole") if len(read) > 1 else ([], "e")


def _group(g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """All sums of some channels and filters."""
    of_z, z = _of_z(read)
    return [
        "after, turns = part, row_stop - row",
        f"for e in range({sum(phase.form.points for phase in read)}):",
        *indented(of_z),
        *indented(_filters(z)),
        f"    sum_at, further = sums + e * point, {z} + 1",
        "    for line in range(row, row_stop):",
        "        turn = line - row",
        *indented([*_channels(g), *_asked(g)], 2),
        f"        call_product(product, table, 1, some, {g.vector}, {g.vector}, sum_at, 1)",
        "        sum_at += tile_bytes",
    ]


def _asked(g: Geometry) -> list[str]:
    """A product asks for V of the next channels, and for its share of Z of the filters that come after."""
    return [
        "words = table + (tile_rows + tile_columns) * 8",
        "c = min_i64((line + 2) * tile_rows, channels) - 1",
        "store_i64(words, v_at + e * v_row + c // 16 * column_step)",
        f"store_i64(words + 8, {g.vector})",
        "q = turn * tile_columns // turns",
        "column = min_i64(after * tile_columns + q, columns - 1)",
        f"t = (turn * tile_columns - q * turns) * some // turns * {g.vector}",
        "store_i64(words + 16, z_at + further * z_row + column * column_step + t)",
        f"store_i64(words + 24, (tile_columns * {g.vector} + turns - 1) // turns)",
    ]


def _filters(z: str) -> list[str]:
    """The table's part of Z, at point z; behind the last column that again."""
    return [
        "for q in range(tile_columns):",
        "    column = min_i64(part * tile_columns + q, columns - 1)",
        f"    store_i64(table + (tile_rows + q) * 8, z_at + {z} * z_row + column * column_step)",
    ]


def _channels(g: Geometry) -> list[str]:
    """The table's part of V."""
    return [
        "for r in range(tile_rows):",
        "    c = min_i64(line * tile_rows + r, channels - 1)",
        f"    from_v = v_at + e * v_row + c // 16 * column_step + (c - c // 16 * 16) * {g.size}",
        "    store_i64(table + r * 8, from_v)",
    ]


def _windows(g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """Gt S G: the sums of channel `c` and 16 filters at `at` as a window."""
    form, to = read[0].form, f"to = dw + c * y_pixel + column * {g.vector}"
    if form.high.span == 1:
        store = [f"store_{g.dtype}(to + b * channels * y_pixel, z)"]
        return [to, *narrowed(g, form, "to_window", "taps_w", "at", "point", store)]
    if len(read) == 1:
        return [to, f"{_turned_back(g, form)}(at, {form.wide.span} * point, point, to, channels * y_pixel)"]
    lines, line = [to], 2 * form.wide.window - 1
    for phase in read:
        high, wide = phase.form.high, phase.form.wide
        where = f"at + {phase.start} * point, {wide.span} * point, point, half, {g.vector}"
        lines.append(f"{_turned_back(g, phase.form)}({where})")
        for k in range(high.window * wide.window):
            a, b = divmod(k, wide.window)
            tap = (2 * a + phase.down) * line + 2 * b + phase.right
            lines.append(f"store_{g.dtype}(to + {tap} * channels * y_pixel, load_{g.dtype}(half + {k * g.vector}))")
    return lines


def _turned_back(g: Geometry, form: Form) -> str:
    return f"transform_{transform_name('gt', form.high, form.wide)}_{g.dtype}"
