"""The kernel of Winograd's convolution, a block of tiles at a time: transformed input and products stay in the cache.

For each block: gather (pixels -> V[part of the channels][points][tile][c]), then for each group of columns products
(V x U -> M[36][tile][f]) and scatter (M -> pixels, through the formula). A tile that crosses the border is copied
first, zeros included. Either a thread makes whole blocks; or, where tiles are few and weights many, the threads
share each block, so that each weight is read once. U is given, or weights of some channels and columns are transformed
on the way, 9 numbers read for 36 or 7 for 10.
Nothing is added across threads.
"""

from math import ceil, prod

from netlang.primitives.contraction.tiles import tile_for
from netlang.primitives.launch import AHEAD, LANES, Address, Draft, Operand, Target
from netlang.primitives.outline import framed, outlined
from netlang.primitives.text import FAR, Arguments, Geometry, indented, shared_out, spaced
from netlang.primitives.way_out import WayOut
from netlang.primitives.winograd.op import Form, Phase, Winograd
from netlang.primitives.winograd.tiles import (
    APART,
    LARGE,
    by_phase,
    gathered,
    patch,
    phases_of,
    reading,
    scattered,
    squares,
    tiled,
    weights,
)
from netlang.record import dataclass

TILES = 36  # of a block, of 36 points
MANY = 96  # those where given weights pass `LARGE` bytes: each block reads them
PARTS = 96  # about, of the tiles, where sums of them are taken
PART = 3  # columns of channels whose weights are transformed at a time: U of 48 by 64 filters is 443 KB; 4: 8 % slower
SUMMED = 16  # columns of channels of one sum in float32: 448 channels in one lose twice what they lose in two


@dataclass(frozen=True)
class _Phases:
    """Those of the weights, those of x that are read, and those of y that are made, one of them where it is whole."""

    weights: tuple[Phase, ...]
    read: tuple[Phase, ...]
    made: tuple[Phase, ...]

    @property
    def form(self) -> Form:
        """That of all points."""
        return self.weights[0].form

    @property
    def several(self) -> bool:
        """Whether there are several, of x or of y."""
        return len(self.weights) > 1


def _phases(of: Winograd) -> _Phases:
    found = phases_of(of.window, max(of.stride, of.dilation))
    return _Phases(found, found[: None if of.stride > 1 else 1], found[: None if of.dilation > 1 else 1])


def _points(of: tuple[Phase, ...]) -> int:
    return sum(phase.form.points for phase in of)


def convolve(
    primitive: Winograd, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, out: WayOut
) -> Draft:
    """The launch: (x, w or U) -> y, and sums of it."""
    x, weights = inputs
    of, to = Geometry(x.type, "c"), Geometry(result.type, "c")
    whole = of.channels % LANES == to.channels % LANES == 0 and not primitive.filters
    assert whole or not primitive.turned, "passes/winograd.py sees to this"
    rows, vectors = tile_for(target, MANY, to.columns)
    phases, sides = _phases(primitive), tiled(primitive, primitive.windows)
    tiles, passing = batch * sides["tiles_h"] * sides["tiles_w"], not primitive.filters
    points, form = _points(phases.weights), phases.form
    usual = block_of(TILES, points)
    many = points * of.channels * to.columns * to.vector > LARGE
    sharing = passing or (tiles <= usual and many)
    wanted = primitive.block or (block_of(MANY, points) if many and not sharing else usual)
    block = -(-tiles // -(-tiles // wanted)) if sharing else _block(target, tiles, wanted, rows)
    stretch = rows * min(usual // rows, -(-tiles // (rows * PARTS)))
    block = -(-block // stretch) * stretch if out.sums else block  # whole parts, whatever the threads
    parts = -(-of.columns // (PART if passing else SUMMED))
    part, pixel = -(-of.columns // parts), of.columns * of.vector
    arguments = reading(x, form, sides, (rows, vectors))
    arguments.add(
        y=Address(result.buffer), weights=Address(weights.buffer), passing=int(passing), sharing=int(sharing),
        taps=prod(primitive.window), turned=int(primitive.turned),
        columns=to.columns, parts=-(-to.columns // vectors), k=of.channels, most=part,
        places=to.places, tiles_block=block, stretch_tiles=stretch,
        far=int(batch * to.places * to.columns * to.vector >= FAR),
    )  # fmt: skip
    if len(phases.made) > 1:
        arguments.add(missing_h=1 - primitive.pad[0] % 2, missing_w=1 - primitive.pad[1] % 2)
    transformed = parts * _points(phases.read) * (block * part * of.vector + APART)
    products = form.points * (-(-block // rows) * rows * vectors * to.vector + APART)
    u = vectors * form.points * (part * LANES * to.vector + APART) * passing
    square = prod(primitive.window) * LANES * to.vector * primitive.turned
    own = spaced(8 * (rows + vectors + AHEAD), u, products, prod(patch(phases.read)) * pixel, form.points * to.vector)
    own += spaced(square, 8 * block * (len(phases.made) > 1), transformed * (not sharing))
    shared = spaced(transformed * sharing)
    shared += out.add_arguments(arguments, shared, -(-tiles // stretch))
    return framed("winograd_c", arguments, _lines(arguments, out, phases), (own, shared))


def block_of(tiles: int, points: int) -> int:
    """How many tiles of so many points take the room of these, of 36."""
    return tiles * 36 // points


def _block(target: Target, tiles: int, wanted: int, rows: int) -> int:
    """Tiles of a block, about as many as wanted: as many blocks as threads, or a multiple, all of about one size."""
    blocks = max(1, round(tiles / wanted / target.threads)) * target.threads
    return ceil(tiles / blocks / rows) * rows


def _lines(arguments: Arguments, out: WayOut, phases: _Phases) -> list[str]:
    g, form, among = out.formula.geometry, phases.form, len(phases.made) > 1
    panel = f"{_points(phases.weights)} * u_row"
    return [
        *out.prologue("shared"),
        f"v_most, v_tile, v_column = most, most * {g.vector}, {g.vector}",
        f"v_row = tiles_block * v_tile + {APART}",
        f"v_part = {_points(phases.read)} * v_row",
        f"m_row = (tiles_block + tile_rows - 1) // tile_rows * tile_rows * tile_columns * {g.vector} + {APART}",
        "table = own",
        f"m_at = table + (8 * (tile_rows + tile_columns + {AHEAD}) + 63) // 64 * 64",
        f"patch = m_at + {form.points} * m_row",
        f"half = patch + {prod(patch(phases.read))} * pixel",
        f"square = half + {form.points} * {g.vector}",
        *[f"begun = square + turned * taps * {16 * g.vector}"] * among,
        "v_at = u_at = begun + (8 * tiles_block + 63) // 64 * 64"
        if among
        else f"v_at = u_at = square + turned * taps * {16 * g.vector}",
        "tiles = examples(team) * tiles_h * tiles_w",
        "blocks = (tiles + tiles_block - 1) // tiles_block",
        f"u_row = most * 16 * {g.vector} + {APART} if passing == 1 else k * {g.vector}",
        f"panel = {form.points} * u_row if passing == 1 else {panel}" if phases.several else f"panel = {panel}",
        "if sharing == 1:",
        "    v_at = shared",
        *shared_out("0 if sharing == 1 else blocks", "1", "block", "stop", _blocks(arguments, out, phases)),
        *out.finish(arguments, "(tiles + stretch_tiles - 1) // stretch_tiles"),
    ]


def _blocks(arguments: Arguments, out: WayOut, phases: _Phases) -> list[str]:
    """The thread's blocks, or all if threads share each."""
    return [
        "if sharing == 1:",
        "    stop = blocks",
        "while block < stop:",
        *indented(_tiles(arguments, out, phases)),
        "    block += 1",
    ]


def _tiles(arguments: Arguments, out: WayOut, phases: _Phases) -> list[str]:
    """A block: the thread's share of its tiles is gathered, and its groups of columns are made."""
    return [
        "start = block * tiles_block",
        "some = min_i64(tiles_block, tiles - start)",
        "t, end = 0, some",
        "if sharing == 1:",
        "    t, end = split(some, thread, threads(team))",
        *gathered(arguments, out.formula.geometry, phases.read),
        "if sharing == 1:",
        "    barrier(team, thread)",
        *shared_out("parts if sharing == 1 else 0", "1", "part", "last", _columns(arguments, out, phases)),
        "if sharing == 1:",
        "    barrier(team, thread)",
    ]


def _columns(arguments: Arguments, out: WayOut, phases: _Phases) -> list[str]:
    """The thread's groups of columns of a block, or all if it has the block for its own."""
    made = [*_multiplied(arguments, out.formula.geometry, phases), *scattered(out, phases.made)]
    return [
        "if sharing == 0:",
        "    last = parts",
        "while part < last:",
        *indented(_in_turn(made) if len(phases.made) > 1 else made),
        "    part += 1",
    ]


def _in_turn(lines: list[str]) -> list[str]:
    """The lines for each phase, `turn`."""
    return ["turn = 0", "while turn < 4:", *indented(lines), "    turn += 1"]


def _multiplied(arguments: Arguments, g: Geometry, phases: _Phases) -> list[str]:
    """M of a group of columns: the part adds up some channels after the other, and all phases of x."""
    first = " + first * u_row" * phases.several
    lines = [
        "done = 0",
        "while done < x_columns:",
        "    some_k = min_i64(most * 16, k - done * 16)",
        f"    u = weights + part * tile_columns * panel{first} + done * 16 * {g.vector}",
        "    if passing == 1:",
        "        u = u_at",
        *indented(_weights(g, phases.weights), 2),
        *indented(_products(g, phases)),
        "    done += most",
    ]
    if phases.several:
        each = [f"{of.start}, {of.form.points}, {of.form.wide.span}" for of in phases.weights]
        lines = [*by_phase([[f"first, count, across = {which}"] for which in each]), *lines]
    if len(phases.read) > 1:
        lines = _in_turn(lines)
    given = ("part", "some", "table", "v_at", "v_tile", "v_row", "u_at", "u_row", "panel", "m_at", "m_row", "square")
    return outlined("winograd_products", lines, arguments, (*given, *["turn"] * (len(phases.made) > 1)))


def _weights(g: Geometry, of: tuple[Phase, ...]) -> list[str]:
    """U of some channels and one group of columns: G w Gt."""
    return [
        f"tap, step, row = k * columns * {g.vector}, columns * {g.vector}, k * {g.size}",
        "c, at_once = 0, 1",
        "if turned != 0:",
        f"    tap, step, at_once = 16 * {g.vector}, {g.vector}, 16",
        "while c < some_k:",
        "    for q in range(tile_columns):",
        f"        to = u + q * panel + c * {g.vector}",
        "        column = min_i64(part * tile_columns + q, columns - 1)",
        f"        at = weights + ((done * 16 + c) * columns + column) * {g.vector}",
        "        if turned != 0:",
        f"            source = weights + column * 16 * row + (done * 16 + c) * {g.size}",
        *indented(squares(g), 3),
        "            at = square",
        "        for _ in range(at_once):",
        *indented(by_phase(weights(g, of, "tap", "u_row")), 3),
        "            at += step",
        f"            to += {g.vector}",
        "    c += at_once",
    ]


def _products(g: Geometry, phases: _Phases) -> list[str]:
    """The channels' share of M: at each of the points, tiles by filters.

    Each product asks for the tiles of the next, and for its share of the next point's weights.
    """
    v, m, point, count, fresh = "e", "e", list[str](), str(phases.form.points), "fresh"
    if phases.several:  # of its weights' points each phase has some, as products of x or of y have
        wide, count = phases.form.wide.span, "count"
        point = [f"point = e + e // across * ({wide} - across)"]
        v, m = ("first + e", "point") if len(phases.read) > 1 else ("point", "e")
        fresh = "fresh if turn == 0 else 0" if len(phases.read) > 1 else fresh
    return [
        "fresh = 1 if done == 0 else 0",
        "many = (some + tile_rows - 1) // tile_rows",
        f"store_i64(table + (tile_rows + tile_columns + 1) * 8, tile_rows * {g.size})",
        f"store_i64(table + (tile_rows + tile_columns + 3) * 8, (tile_columns * {g.vector} + many - 1) // many)",
        f"for e in range({count}):",
        *indented(point),
        "    for q in range(tile_columns):",
        "        column = min_i64(q, columns - 1 - part * tile_columns)",
        "        store_i64(table + (tile_rows + q) * 8, u + e * u_row + column * panel)",
        f"    v = v_at + (done // most * {_points(phases.read)} + {v}) * v_row",
        "    further_v, further_u = v + v_row, u + (e + 1) * u_row",
        f"    if e + 1 == {count}:",
        f"        further_v, further_u = v - ({v}) * v_row, u + tile_columns * panel",
        "    for i in range(many):",
        "        row = i * tile_rows",
        "        for r in range(tile_rows):",
        "            store_i64(table + r * 8, v + min_i64(row + r, some - 1) * v_tile)",
        "        next_v = v + (row + tile_rows) * v_tile if i + 1 < many else further_v",
        "        store_i64(table + (tile_rows + tile_columns) * 8, next_v)",
        "        q = i * tile_columns // many",
        f"        c = (i * tile_columns - q * many) * some_k // many * {g.vector}",
        "        store_i64(table + (tile_rows + tile_columns + 2) * 8, further_u + q * panel + c)",
        f"        m = m_at + ({m}) * m_row + row * tile_columns * {g.vector}",
        f"        call_product(product, table, 1, some_k, {g.size}, {g.vector}, m, {fresh})",
    ]
