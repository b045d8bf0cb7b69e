"""Texts that the kernels share: tiles cut out of images, and their transforms, 16 channels at a time.

Lines of any length have 10 points, and what depends on the length is data: one kernel does for all of them, across an
image or down it. In two dimensions all factors stand in the code (`simd/transform.py`), but for those that make Z of
pixels that may be missing (`widened`).
"""

from collections.abc import Mapping, Sequence
from functools import partial

from netlang.primitives.launch import Address, Operand, Product
from netlang.primitives.outline import outlined
from netlang.primitives.text import Arguments, Geometry, indented
from netlang.primitives.way_out import WayOut
from netlang.primitives.winograd.op import Form, Phase, Winograd, WinogradGradient, phases
from netlang.simd.toom_cook import transform_name

LARGE = 4 << 20  # bytes of a layer's weights at all points: more does not stay near
APART = 64  # bytes more from point to point: a transform's 36 lines would else share a set or two of the first cache


def axes(window: tuple[int, int]) -> tuple[int, int]:
    """Which axes of an image its tiles lie along; lines down the image share their kernels with those across it."""
    return (1, 0) if window[1] == 1 else (0, 1)


def phases_of(window: tuple[int, int], stride: int) -> tuple[Phase, ...]:
    """Along these axes. The first one's form is that of the whole, at all points."""
    first, second = axes(window)
    return phases((window[first], window[second]), stride)


def tiled(primitive: Winograd | WinogradGradient, windows: tuple[int, int]) -> dict[str, int]:
    """Arguments that say where tiles lie, along their axes. windows: height and width of y

    x_line, x_step: from a pixel of x to the next along the first and the second axis, in pixels; y_line, y_step: of y

    Where zeros stand between the pixels of x, a tile of these makes twice as many of y down and across; the first one
    begins a pixel above y where `pad` is even.
    """
    first, second = axes(primitive.window)
    between = isinstance(primitive, Winograd) and primitive.dilation == 2
    form, size = phases_of(primitive.window, 2 if between else primitive.stride)[0].form, primitive.size
    high, wide = windows[first], windows[second]
    top, left = primitive.pad[first], primitive.pad[second]
    x, y = (size[1], 1), (windows[1], 1)
    missing = (1 - top % 2, 1 - left % 2) if between else (0, 0)
    tile = tuple(side * (1 + between) for side in (form.high.tile, form.wide.tile))
    tiles = (-(-(high + missing[0]) // tile[0]), -(-(wide + missing[1]) // tile[1]))
    if between:
        top, left = top // 2, left // 2
    return {
        "height": size[first], "width": size[second], "top": top, "left": left,
        "high": high, "wide": wide, "tiles_h": tiles[0], "tiles_w": tiles[1],
        "x_line": x[first], "x_step": x[second], "y_line": y[first], "y_step": y[second],
        "side_h": form.high.tile, "side_w": form.wide.tile, "taps_w": form.wide.window,
    }  # fmt: skip


def tables(arguments: Arguments, form: Form, dtype: str) -> None:
    """A as `to_pixels`, G as `to_window`, both a row of points for each pixel."""
    axis, span = form.wide, form.wide.span
    for name, matrix in (("to_pixels", axis.at), ("to_window", tuple(zip(*axis.g, strict=True)))):
        rows = [float(factor) for row in matrix for factor in row]
        arguments.table(name, rows + [0.0] * (span * span - len(rows)), dtype)  # what follows has one place in all


def place() -> list[str]:
    """Image, row and column of tile t of the block, in tiles."""
    return [
        "image = (start + t) // (tiles_h * tiles_w)",
        "rest = start + t - image * tiles_h * tiles_w",
        "i = rest // tiles_w",
        "j = rest - i * tiles_w",
    ]


def reading(x: Operand, form: Form, sides: Mapping[str, int], tile: tuple[int, int]) -> Arguments:
    """The arguments that come first in convolutions and weight gradients, so that they share what reads them.

    sides: of `tiled`; tile: rows and vectors of the product
    """
    g = Geometry(x.type, "c")
    arguments = Arguments()
    arguments.add(
        x=Address(x.buffer), x_columns=g.columns, pixel=g.columns * g.vector, **sides,
        product=Product(f"spread_{g.dtype}_{tile[0]}x{tile[1]}_ahead"), tile_rows=tile[0], tile_columns=tile[1],
    )  # fmt: skip
    tables(arguments, form, g.dtype)
    return arguments


def patch(read: tuple[Phase, ...]) -> tuple[int, int]:
    """Rows and columns of the pixels that a tile reads, of all phases."""
    form, stride = read[0].form, 2 if len(read) > 1 else 1
    return stride * (form.high.span - 1) + 1, stride * (form.wide.span - 1) + 1


def gathered(arguments: Arguments, g: Geometry, read: tuple[Phase, ...]) -> list[str]:
    """V of tiles `t` to `end` of the block that begins at tile `start`, Bt x B, their points `v_row` apart.

    read: the phases of x that are read, each for points of its own

    Channels go in parts of `v_most` columns, `v_part` bytes apart; columns of a part are `v_column` apart, tiles
    `v_tile`. `patch` is room for a tile at the border.
    """
    (high, wide), stride = patch(read), 2 if len(read) > 1 else 1
    times = f"{stride} * " if stride > 1 else ""
    lines = [
        "while t < end:",
        *indented(place()),
        f"    h = {times}i * side_h - top",
        f"    w = {times}j * side_w - left",
        "    down, right = x_line * pixel, x_step * pixel",
        "    at = x + image * height * width * pixel + h * down + w * right",
        f"    if h < 0 or w < 0 or h + {high} > height or w + {wide} > width:",
        *indented(_copied(g, high, wide), 2),
        "        at = patch",
        f"        down, right = {wide} * pixel, pixel",
        "    for c in range(x_columns):",
        "        to = v_at + c // v_most * v_part + t * v_tile + (c - c // v_most * v_most) * v_column",
        *(f"        {call}" for phase in read for call in [_transformed(g, phase, stride)]),
        f"        at += {g.vector}",
        "    t += 1",
    ]
    given = ("start", "t", "end", "patch", "v_at", "v_most", "v_part", "v_tile", "v_column", "v_row")
    return outlined("winograd_gather", lines, arguments, given)


def _transformed(g: Geometry, phase: Phase, stride: int) -> str:
    """V of a phase of the tile at `at`."""
    name = f"{transform_name('bt', phase.form.high, phase.form.wide)}_{g.dtype}"
    if stride == 1:
        return f"transform_{name}(at, down, right, to, v_row)"
    at = f"at + {phase.down} * down + {phase.right} * right"
    return f"transform_{name}({at}, {stride} * down, {stride} * right, to + {phase.start} * v_row, v_row)"


def _copied(g: Geometry, high: int, wide: int) -> list[str]:
    """So many pixels of a tile at the border, with zeros outside."""
    return [
        f"for a in range({high}):",
        f"    for b in range({wide}):",
        f"        put = patch + (a * {wide} + b) * pixel",
        "        real = h + a >= 0 and h + a < height and w + b >= 0 and w + b < width",
        "        for c in range(x_columns):",
        f"            seen = splat_{g.dtype}(0.0)",
        "            if real:",
        f"                seen = load_{g.dtype}(at + a * down + b * right + c * {g.vector})",
        f"            store_{g.dtype}(put + c * {g.vector}, seen)",
    ]


def weights(g: Geometry, of: tuple[Phase, ...], tap: str, row: str, *, past: bool = False) -> list[list[str]]:
    """U of a channel and 16 filters, G w Gt, from taps at `at` to points at `to`, by phase. tap, row: bytes between

    past: whether it goes past the caches, which only forms of two dimensions do
    """
    form, stride = of[0].form, 2 if len(of) > 1 else 1
    if form.high.span == 1:
        return [widened(g, form, "to_window", "1", "taps_w", [f"d = load_{g.dtype}(at + b * {tap})"], row)]
    line, made = stride * form.wide.window - stride + 1, list[list[str]]()
    for phase in of:
        name = f"transform_{'past_' * past}{transform_name('g', phase.form.high, phase.form.wide)}_{g.dtype}"
        at = f"at + {phase.down * line + phase.right} * {tap}" if phase.start else "at"
        far = f"{stride} * {tap}" if stride > 1 else tap
        made.append([f"{name}({at}, {stride * line} * {tap}, {far}, to, {row})"])
    return made


def by_phase(lines: Sequence[list[str]]) -> list[str]:
    """Those of phase `turn`, where there are several."""
    if len(lines) == 1:
        return lines[0]
    cases = [(f"{'el' * (k > 0)}if turn == {k}:", each) for k, each in enumerate(lines)]
    return [line for case, each in cases for line in (case, *indented(each))]


def of_first(of: tuple[Phase, ...], e: str) -> list[str]:
    """Lines that set `whole`, which of the first phase's points is number `e` of all."""
    wide = of[0].form.wide.span
    return [
        f"rest, across = {e}, {wide}",
        *(
            line
            for phase in of[1:]
            for line in (f"if {e} >= {phase.start}:", f"    rest, across = {e} - {phase.start}, {phase.form.wide.span}")
        ),
        f"whole = rest + rest // across * ({wide} - across)",
    ]


def squares(g: Geometry) -> list[str]:
    """16 channels by 16 filters of weights from `source`, turned over: each tap's at `square`, 16 rows after another.

    Their rows are `row` bytes long, and make `columns` columns of what becomes of them.
    """
    at = "source + (taps - 1 - one) * columns * 16 * row"
    return [
        "for one in range(taps):",
        f"    transpose_{g.dtype}(square + one * {16 * g.vector}, {g.vector}, {at}, row)",
    ]


def scattered(out: WayOut, made: tuple[Phase, ...]) -> list[str]:
    """At M A of the block's tiles and one group of columns, each pixel through the formula to where it belongs.

    made: the phases of y that are made, one at a time
    """
    g, form = out.formula.geometry, made[0].form
    past = ["if far != 0:", f"    stream_{g.dtype}(y + at, made)", "else:", f"    store_{g.dtype}(y + at, made)"]
    squares = by_phase([[_square(g, phase.form)] for phase in made])
    several = len(made) > 1
    stored = [
        "for q in range(min_i64(tile_columns, columns - part * tile_columns)):",
        f"    m = m_at + (t * tile_columns + q) * {g.vector}",
        "    column = part * tile_columns + q",
        *indented([*squares * (form.high.span > 1), *out.stored(partial(_pixels, g, form, several), past)]),
    ]
    begun = "load_i64(begun + t * 8) if turn > 0 else 0" if several and out.sums else "0"
    kept = ["store_i64(begun + (stretch * stretch_tiles - start) * 8, already)"] * (several and bool(out.sums))
    return [
        "already = 0",
        "for t in range(some):",
        *indented(place()),
        "    stretch = (start + t) // stretch_tiles",
        "    if stretch * stretch_tiles == start + t:",
        f"        already = {begun}",
        *indented(_between(made) if several else _within()),
        *indented(["if more > 0:", *indented(stored)] if several else stored),
        "    already += more",
        *indented(kept),
    ]


def _square(g: Geometry, form: Form) -> str:
    """At M A of 16 filters, to `half`."""
    name = f"transform_{transform_name('at', form.high, form.wide)}_{g.dtype}"
    return f"{name}(m, {form.wide.span} * m_row, m_row, half, {g.vector})"


def _within() -> list[str]:
    """How many pixels of a tile there are."""
    return [
        "rows, across = min_i64(side_h, high - i * side_h), min_i64(side_w, wide - j * side_w)",
        "more = rows * across",
    ]


def _between(made: tuple[Phase, ...]) -> list[str]:
    """Which pixels a tile has of phase `turn`, every other one from `first_h` and `first_w` on.

    A window over the first row of x has its even rows a pixel below its odd ones.
    """
    down = " or ".join(f"turn == {k}" for k, phase in enumerate(made) if phase.down)
    right = " or ".join(f"turn == {k}" for k, phase in enumerate(made) if phase.right)
    return [
        "first_h, first_w = 2 * i * side_h - missing_h, 2 * j * side_w - missing_w",
        f"first_h += 0 if {down} else 1",
        f"first_w += 0 if {right} else 1",
        "skip_h, skip_w = 1 if first_h < 0 else 0, 1 if first_w < 0 else 0",
        "rows, across = min_i64(side_h, (high - first_h + 1) // 2), min_i64(side_w, (wide - first_w + 1) // 2)",
        "more = max_i64(rows - skip_h, 0) * max_i64(across - skip_w, 0)",
    ]


def _pixels(g: Geometry, form: Form, several: bool, body: list[str]) -> list[str]:
    """A loop over the pixels of a tile, `v_y` each, `at` bytes into the result. Two-dimensional ones lie in `half`.

    several: whether there are several phases, of which this is one
    """
    row, column = ("first_h + 2 * a", "first_w + 2 * b") if several else ("i * side_h + a", "j * side_w + b")
    pixel = [
        f"place = ({row}) * y_line + ({column}) * y_step",
        "position = image * places + place",
        f"at = (position * columns + column) * {g.vector}",
        *body,
    ]
    if form.high.span == 1:
        return narrowed(g, form, "to_pixels", "across", "m", "m_row", ["v_y = z", *pixel])
    return [
        f"for a in range({'skip_h, ' * several}rows):",
        f"    for b in range({'skip_w, ' * several}across):",
        f"        v_y = load_{g.dtype}(half + (a * side_w + b) * {g.vector})",
        *indented(pixel, 2),
    ]


def narrowed(g: Geometry, form: Form, table: str, some: str, points: str, apart: str, pixel: list[str]) -> list[str]:
    """T d, of a line's points to some pixels: `z` of pixel b (and a = 0), each followed by `pixel`.

    T: what `table` says; points, apart: texts of where the points lie, in bytes
    """
    span = form.wide.span
    return [
        "a = 0",
        *(f"d{k} = load_{g.dtype}({points} + {k} * {apart})" for k in range(span)),
        f"for b in range({some}):",
        f"    row_at = {table} + b * {8 * span}",
        f"    z = d0 * spread_{g.dtype}(row_at)",
        *(f"    z = fma(d{k}, spread_{g.dtype}(row_at + {8 * k}), z)" for k in range(1, span)),
        *indented(pixel),
    ]


def widened(g: Geometry, form: Form, table: str, rows: str, across: str, pixel: list[str], apart: str) -> list[str]:
    """Tt d T, of `rows` times `across` pixels to the form's points at `to`, so many bytes apart.

    pixel: lines that make `d` of row a and column b. Uses `half`
    """
    high, wide = form.high.span, form.wide.span
    if high == 1:
        stores = [f"store_{g.dtype}(to + {k} * {apart}, z{k})" for k in range(wide)]
        return ["a = 0", *_terms(g, table, "b", across, wide, pixel), *stores]
    kept = [f"store_{g.dtype}(half + ({k * wide} + b) * {g.vector}, z{k})" for k in range(high)]
    stores = [f"store_{g.dtype}(to + (a * {wide} + {k}) * {apart}, z{k})" for k in range(wide)]
    again = [f"d = load_{g.dtype}(half + (a * {wide} + b) * {g.vector})"]
    return [
        f"for b in range({across}):",
        *indented([*_terms(g, table, "a", rows, high, pixel), *kept]),
        f"for a in range({high}):",
        *indented([*_terms(g, table, "b", across, wide, again), *stores]),
    ]


def _terms(g: Geometry, table: str, of: str, some: str, span: int, pixel: list[str]) -> list[str]:
    """z0, z1...: the sums over some rows `of` the table of them times `d`."""
    return [
        *(f"z{k} = splat_{g.dtype}(0.0)" for k in range(span)),
        f"for {of} in range({some}):",
        *indented(pixel),
        f"    row_at = {table} + {of} * {8 * span}",
        *(f"    z{k} = fma(d, spread_{g.dtype}(row_at + {8 * k}), z{k})" for k in range(span)),
    ]
