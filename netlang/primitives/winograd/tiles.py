"""Texts that the kernels share: tiles cut out of images, and their transforms, 16 channels at a time."""

from collections.abc import Iterator
from fractions import Fraction

from netlang.primitives.text import Formula, Geometry, indented
from netlang.primitives.winograd.op import BT, SPAN, Form, Matrix

POINTS = SPAN * SPAN  # products of a tile
LARGE = 4 << 20  # bytes of a layer's weights at all points: more does not stay near
APART = 64  # bytes more from point to point: a transform's 36 lines would else share a set or two of the first cache


def place() -> list[str]:
    """Image, row and column of tile t of the block, in tiles."""
    return [
        "image = (start + t) // (tiles_h * tiles_w)",
        "rest = start + t - image * tiles_h * tiles_w",
        "i = rest // tiles_w",
        "j = rest - i * tiles_w",
    ]


def gathered(g: Geometry, form: Form, to: str) -> list[str]:
    """V of one tile, Bt x B, its points `v_row` apart. to: the text of where column c of it goes"""
    loads = [f"d{a}_{b} = load_{g.dtype}(at + {a} * line + {b} * pixel)" for a in range(SPAN) for b in range(SPAN)]
    stores = [f"store_{g.dtype}(to + {a * SPAN + b} * v_row, r{a}_{b})" for a in range(SPAN) for b in range(SPAN)]
    return [
        f"h = i * {form.tile} - top",
        f"w = j * {form.tile} - left",
        "line = width * pixel",
        "at = x + ((image * height + h) * width + w) * pixel",
        f"if h < 0 or w < 0 or h + {SPAN} > height or w + {SPAN} > width:",
        *indented(_copied(g)),
        "    at = patch",
        f"    line = {SPAN} * pixel",
        "for c in range(x_columns):",
        f"    to = {to}",
        *indented([*loads, *twice(BT, g.dtype), *stores]),
        f"    at += {g.vector}",
    ]


def _copied(g: Geometry) -> list[str]:
    """The 6x6 pixels of a tile at the border, with zeros outside."""
    return [
        f"for a in range({SPAN}):",
        f"    for b in range({SPAN}):",
        f"        put = patch + (a * {SPAN} + b) * pixel",
        "        real = h + a >= 0 and h + a < height and w + b >= 0 and w + b < width",
        "        for c in range(x_columns):",
        f"            seen = splat_{g.dtype}(0.0)",
        "            if real:",
        f"                seen = load_{g.dtype}(at + a * line + b * pixel + c * {g.vector})",
        f"            store_{g.dtype}(put + c * {g.vector}, seen)",
    ]


def scattered(formula: Formula, form: Form) -> list[str]:
    """At M A of the block's tiles and one group of columns, each pixel through the formula to where it belongs."""
    g = formula.geometry
    loads = [f"d{a}_{b} = load_{g.dtype}(m + {a * SPAN + b} * m_row)" for a in range(SPAN) for b in range(SPAN)]
    stores = [
        f"store_{g.dtype}(made_at + {(a * form.tile + b) * g.vector}, r{a}_{b})"
        for a in range(form.tile)
        for b in range(form.tile)
    ]
    pixel = [
        f"place = (i * {form.tile} + a) * wide + j * {form.tile} + b",
        "position = image * places + place",
        f"at = (position * columns + column) * {g.vector}",
        f"v_y = load_{g.dtype}(made_at + (a * {form.tile} + b) * {g.vector})",
        *formula.lines(("made",)),
        "if far != 0:",
        f"    stream_{g.dtype}(y + at, made)",
        "else:",
        f"    store_{g.dtype}(y + at, made)",
    ]
    return [
        "for t in range(some):",
        *indented(place()),
        "    for q in range(min_i64(tile_columns, columns - part * tile_columns)):",
        f"        m = m_at + (t * tile_columns + q) * {g.vector}",
        *indented([*loads, *twice(form.at, g.dtype), *stores], 2),
        "        column = part * tile_columns + q",
        f"        for a in range(min_i64({form.tile}, high - i * {form.tile})):",
        f"            for b in range(min_i64({form.tile}, wide - j * {form.tile})):",
        *indented(pixel, 4),
    ]


def twice(matrix: Matrix, dtype: str) -> Iterator[str]:
    """R = matrix d matrix^T: along the columns, then along the rows."""
    across = len(matrix[0])
    for b in range(across):
        for a, row in enumerate(matrix):
            yield from _combined(f"t{a}_{b}", row, [f"d{k}_{b}" for k in range(across)], dtype)
    for a in range(len(matrix)):
        for b, row in enumerate(matrix):
            yield from _combined(f"r{a}_{b}", row, [f"t{a}_{k}" for k in range(across)], dtype)


def _combined(into: str, factors: tuple[Fraction, ...], read: list[str], dtype: str) -> Iterator[str]:
    """`into` = the sum of the factors times what is read; a factor of 1 or -1 is no product."""
    terms = sorted(((f, name) for f, name in zip(factors, read, strict=True) if f), key=lambda term: abs(term[0]) != 1)
    (first, name), *rest = terms
    if first == 1:
        yield f"{into} = {name}"
    else:
        yield f"{into} = {name} * splat_{dtype}({float(first)!r})"
    for factor, name in rest:
        if abs(factor) == 1:
            yield f"{into} = {into} {'+' if factor > 0 else '-'} {name}"
        else:
            yield f"{into} = fma({name}, splat_{dtype}({float(factor)!r}), {into})"
