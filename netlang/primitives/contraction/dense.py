"""Dense layers of few examples and many weights: the weights are read once, as they lie.

Role "out": some rows of the weights at a time, from end to end, for all examples; sums stay in the second cache, and
numbers of x lie side by side (rows of x may be multiples of 4 KB apart, and would drive each other out of the first).
Role "data": dx[n,c] is the sum over f of dy[n,f] * w[c,f], for 16 channels at a time: rows of weights and of dy are
multiplied vector by vector, and the lanes added up at the end. No transposed copy is needed.

Of a single example nothing is to be kept in registers but its own numbers: whole rows of weights stream by.
"""

from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tiles import tile_for
from netlang.primitives.launch import LANES, Address, After, Draft, Operand, Product, Target
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented, spaced
from netlang.types import Tensor

FEW = 48  # examples
MANY = 1 << 18  # weights; fewer are near all the time
ROWS = 12  # of the weights at a time
STREAMS = 4  # rows of weights that a single example reads side by side
VECTORS = 64  # of dy's rows at a time: 16 examples of them are 64 KB


def suits(x: Tensor, weight: Tensor, batch: int) -> bool:
    """Whether examples are few and weights many. x: what is multiplied by them"""
    return len(x.shape) == 2 and batch <= FEW and weight.size >= MANY


def dense(
    primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, after: After
) -> Draft:
    """The launch: (x, w) -> y, (dy, transposed w) -> dx, or (dy, w) -> dx."""
    source, weight = inputs
    of, to = Geometry(source.type, "c"), Geometry(result.type, "c")
    formula = Formula((after.term,), after.operands, result.type, "c", given=("y",))
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), source=Address(source.buffer), weights=Address(weight.buffer))
    arguments.add(columns=to.columns, source_columns=of.columns)
    if primitive.role == "data" and not primitive.transposed:
        return _by_rows(arguments, formula, to.channels, target, batch)
    arguments.add(k=of.channels)
    formula.add_arguments(arguments)
    return _alone(arguments, formula) if batch == 1 else _by_columns(arguments, formula, batch)


def _by_columns(arguments: Arguments, formula: Formula, batch: int) -> Draft:
    g = formula.geometry
    sizes = batch * ROWS * g.size, batch * g.columns * g.vector
    lines = [
        *formula.prologue(),
        f"numbers = {arguments.own()}",
        f"sums = numbers + {spaced(sizes[0])}",
        f"step = columns * {g.vector}",
        "total = examples(team)",
        "first, stop = split(columns, thread, threads(team))",
        "for at in range((stop - first) * total):",
        f"    store_{g.dtype}(sums + at * {g.vector}, splat_{g.dtype}(0.0))",
        f"for row in range(0, k // {ROWS} * {ROWS}, {ROWS}):",
        *indented(_rows_added(g, ROWS)),
        f"for row in range(k // {ROWS} * {ROWS}, k):",
        *indented(_rows_added(g, 1)),
        "place = 0",
        "for column in range(first, stop):",
        "    for n in range(total):",
        "        position = image = n",
        f"        v_y = load_{g.dtype}(sums + ((column - first) * total + n) * {g.vector})",
        *indented(_stored(formula), 2),
    ]
    return drafted("contraction_dense", arguments, lines, (spaced(*sizes), 0))


def _rows_added(g: Geometry, rows: int) -> list[str]:
    """Some rows of weights times their numbers of all examples, added to the sums."""
    ranks = range(rows)
    return [
        "for n in range(total):",
        f"    from_x = source + n * source_columns * {g.vector} + row * {g.size}",
        f"    to = numbers + n * {rows * g.size}",
        *(
            f"    store_scalar_{g.dtype}(to + {r * g.size}, load_scalar_{g.dtype}(from_x + {r * g.size}))"
            for r in ranks
        ),
        "sum_at = sums",
        "for column in range(first, stop):",
        f"    at = weights + row * step + column * {g.vector}",
        *(f"    w{r} = load_{g.dtype}(at + {r} * step)" for r in ranks),
        "    from_x = numbers",
        "    for n in range(total):",
        f"        acc = load_{g.dtype}(sum_at)",
        *(f"        acc = fma(spread_{g.dtype}(from_x + {r * g.size}), w{r}, acc)" for r in ranks),
        f"        store_{g.dtype}(sum_at, acc)",
        f"        from_x += {rows * g.size}",
        f"        sum_at += {g.vector}",
    ]


def _alone(arguments: Arguments, formula: Formula) -> Draft:
    """The launch for batches of one example."""
    g = formula.geometry
    lines = [
        *formula.prologue(),
        f"sums = {arguments.own()}",
        f"step = columns * {g.vector}",
        "first, stop = split(columns, thread, threads(team))",
        f"span = (stop - first) * {g.vector}",
        "for q in range(stop - first):",
        f"    store_{g.dtype}(sums + q * {g.vector}, splat_{g.dtype}(0.0))",
        f"weights += first * {g.vector}",
        f"for part in range(k // {STREAMS}):",
        *indented(_rows_alone(g, STREAMS)),
        f"for part in range(k - k // {STREAMS} * {STREAMS}):",
        *indented(_rows_alone(g, 1)),
        "position = image = place = 0",
        "for column in range(first, stop):",
        f"    v_y = load_{g.dtype}(sums + (column - first) * {g.vector})",
        *indented(_stored(formula)),
    ]
    return drafted("contraction_dense_one", arguments, lines, (g.columns * g.vector, 0))


def _rows_alone(g: Geometry, rows: int) -> list[str]:
    """Some rows of weights times their numbers of the example, added to the sums."""
    return [
        *(f"x{r} = spread_{g.dtype}(source + {r * g.size})" for r in range(rows)),
        f"for q in range(span // {g.vector}):",
        f"    at = weights + q * {g.vector}",
        f"    acc = load_{g.dtype}(sums + q * {g.vector})",
        *(f"    acc = fma(x{r}, load_{g.dtype}(at + {r} * step), acc)" for r in range(rows)),
        f"    store_{g.dtype}(sums + q * {g.vector}, acc)",
        f"source += {rows * g.size}",
        f"weights += {rows} * step",
    ]


def _stored(formula: Formula) -> list[str]:
    g = formula.geometry
    at = f"at = (position * columns + column) * {g.vector}"
    return [at, *formula.lines(("made",)), f"store_{g.dtype}(y + at, made)"]


def _by_rows(arguments: Arguments, formula: Formula, channels: int, target: Target, batch: int) -> Draft:
    g = formula.geometry
    rows, vectors = tile_for(target, LANES, batch, a="dot")
    parts, tiles = -(-LANES // rows), -(-batch // vectors)
    arguments.add(
        product=Product(f"dot_{g.dtype}_{rows}x{vectors}"), tile_rows=rows, tile_columns=vectors,
        parts=parts, rows=channels,
    )  # fmt: skip
    formula.add_arguments(arguments)
    sizes = (8 * (rows + vectors), batch * g.vector, parts * tiles * rows * vectors * g.vector)
    lines = [f"table = {arguments.own()}", *_dotted(formula, sizes)]
    return drafted("contraction_dense_data", arguments, lines, (spaced(*sizes), 0))


def _dotted(formula: Formula, sizes: tuple[int, ...]) -> list[str]:
    g = formula.geometry
    return [
        *formula.prologue(),
        "made_at = table + (8 * (tile_rows + tile_columns) + 63) // 64 * 64",
        f"sums = made_at + {sizes[1] // g.vector} * {g.vector}",
        f"tile_bytes = tile_rows * tile_columns * {g.vector}",
        f"step = source_columns * {g.vector}",
        "total_examples = examples(team)",
        "tiles = (total_examples + tile_columns - 1) // tile_columns",
        "column, stop = split(columns, thread, threads(team))",
        "while column < stop:",
        *indented(_dots(g)),
        "    for n in range(total_examples):",
        "        t = n // tile_columns",
        "        for lane in range(min_i64(16, rows - column * 16)):",
        "            p = lane // tile_rows",
        "            slot = (lane - p * tile_rows) * tile_columns + n - t * tile_columns",
        f"            dot = total(load_{g.dtype}(sums + (p * tiles + t) * tile_bytes + slot * {g.vector}))",
        f"            store_scalar_{g.dtype}(made_at + n * {g.vector} + lane * {g.size}, dot)",
        "        for lane in range(rows - column * 16, 16):",
        f"            store_scalar_{g.dtype}(made_at + n * {g.vector} + lane * {g.size}, 0.0)",
        "    for n in range(total_examples):",
        "        position = image = n",
        "        place = 0",
        f"        v_y = load_{g.dtype}(made_at + n * {g.vector})",
        *indented(_stored(formula), 2),
        "    column += 1",
    ]


def _dots(g: Geometry) -> list[str]:
    """The products of 16 rows of weights and all rows of dy, still in lanes."""
    return [
        "done = 0",
        "while done < source_columns:",
        f"    part = min_i64({VECTORS}, source_columns - done)",
        "    fresh = 1 if done == 0 else 0",
        "    for p in range(parts):",
        "        for r in range(tile_rows):",
        "            row = min_i64(column * 16 + min_i64(p * tile_rows + r, 15), rows - 1)",
        f"            store_i64(table + r * 8, weights + row * step + done * {g.vector})",
        "        for t in range(tiles):",
        "            for q in range(tile_columns):",
        "                n = min_i64(t * tile_columns + q, total_examples - 1)",
        f"                store_i64(table + (tile_rows + q) * 8, source + n * step + done * {g.vector})",
        "            sum_at = sums + (p * tiles + t) * tile_bytes",
        f"            call_product(product, table, 1, part, {g.vector}, {g.vector}, sum_at, fresh)",
        "    done += part",
    ]
