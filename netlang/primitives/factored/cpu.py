"""A weight's step on the CPU, with its gradient in registers.

Each vector of the gradient is the sum over the examples of a number of x and a vector of dy, and goes through the
optimizer's formula as it stands. Rows of the weight are stepped some at a time, so that dy is read as rarely. Numbers
that are multiplied lie side by side in scratch: rows of x and dy as they lie are often multiples of 4 KB apart, and
would drive each other out of the first cache.
"""

from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.launch import Address, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Formula, Geometry, drafted, indented, spaced

PARTS = 32  # of the rows: the squares of the gradient are added up in the same order for any number of threads
ROWS = 8  # of the weight at a time


@drafts("cpu", FactoredUpdate)
def factored_draft(
    primitive: FactoredUpdate, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The step in place. result: a scalar, the squared length of the gradient."""
    weight, x, dy, *states = inputs
    stepped = {0: weight, **dict(enumerate(states, 2))}
    operands = {f"i{k}": operand for k, operand in stepped.items()}
    formula = Formula(primitive.terms, operands, weight.type, "w", given=("i1",))
    assert formula.flat, "an update looks at nothing but its own elements, and keeps padding zero"
    g, results = formula.geometry, {f"y{k}": Address(operand.buffer) for k, operand in stepped.items()}
    arguments = Arguments()
    arguments.add(**results)
    arguments.add(squares=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer))
    arguments.add(rows=g.places, columns=g.columns, x_columns=Geometry(x.type, "c").columns)
    formula.add_arguments(arguments)
    lines = [
        f"sums = {arguments.shared()}",
        f"slopes = sums + {PARTS * g.vector}",
        f"numbers = {arguments.own()}",
        *_stepped(formula, tuple(results)),
    ]
    sizes = spaced(batch * ROWS * g.size), (PARTS + batch * g.columns) * g.vector
    return drafted("update_factored", arguments, lines, sizes)


def _stepped(formula: Formula, results: tuple[str, ...]) -> list[str]:
    g = formula.geometry
    return [
        *formula.prologue(),
        "total_examples = examples(team)",
        "first, last = split(columns, thread, threads(team))",
        "for n in range(total_examples):",
        "    for column in range(first, last):",
        f"        slope = load_{g.dtype}(dy + (n * columns + column) * {g.vector})",
        f"        store_{g.dtype}(slopes + (column * total_examples + n) * {g.vector}, slope)",
        "barrier(team, thread)",
        f"parts = min_i64({PARTS}, rows)",
        "part, last = split(parts, thread, threads(team))",
        "while part < last:",
        "    row, stop = split(rows, part, parts)",
        f"    length = splat_{g.dtype}(0.0)",
        f"    while row + {ROWS} <= stop:",
        *indented(_rows(formula, results, ROWS), 2),
        "    while row < stop:",
        *indented(_rows(formula, results, 1), 2),
        f"    store_{g.dtype}(sums + part * {g.vector}, length)",
        "    part += 1",
        "barrier(team, thread)",
        "first, last = split(1, thread, threads(team))",
        "while first < last:",
        f"    length = splat_{g.dtype}(0.0)",
        "    for part in range(parts):",
        f"        length = length + load_{g.dtype}(sums + part * {g.vector})",
        f"    store_{g.dtype}(squares, head_{g.dtype}(splat_{g.dtype}(total(length)), 1))",
        "    first += 1",
    ]


def _rows(formula: Formula, results: tuple[str, ...], rows: int) -> list[str]:
    """Lines that step some rows, and go on behind them."""
    g = formula.geometry
    made = []
    for r in range(rows):
        made += [f"at = ((row + {r}) * columns + column) * {g.vector}", f"v_i1 = acc{r}"]
        made += ["length = fma(v_i1, v_i1, length)", *formula.lines(tuple(f"new_{name}" for name in results))]
        made += [f"store_{g.dtype}({name} + at, new_{name})" for name in results]
    return [
        "for n in range(total_examples):",
        f"    from_x = x + n * x_columns * {g.vector} + row * {g.size}",
        f"    to = numbers + n * {rows * g.size}",
        *(
            f"    store_scalar_{g.dtype}(to + {r * g.size}, load_scalar_{g.dtype}(from_x + {r * g.size}))"
            for r in range(rows)
        ),
        "slope_at = slopes",
        "for column in range(columns):",
        *(f"    acc{r} = splat_{g.dtype}(0.0)" for r in range(rows)),
        "    from_x = numbers",
        "    for n in range(total_examples):",
        f"        slope = load_{g.dtype}(slope_at)",
        *(f"        acc{r} = fma(spread_{g.dtype}(from_x + {r * g.size}), slope, acc{r})" for r in range(rows)),
        f"        from_x += {rows * g.size}",
        f"        slope_at += {g.vector}",
        *indented(made),
        f"row += {rows}",
    ]
