"""Rows by their numbers on the CPU. Sequences have their channels in the lanes: a row is some whole vectors."""

from netlang.primitives.launch import Address, Draft, Operand, Target, drafts
from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.primitives.text import Arguments, Geometry, drafted


@drafts("cpu", Lookup)
def lookup_draft(primitive: Lookup, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """Copy rows, threads over the positions."""
    x, w = inputs
    g = Geometry(result.type, "c")
    assert result.lanes == "c", "a sequence has its channels in the lanes"
    arguments = Arguments()
    arguments.add(
        y=Address(result.buffer), x=Address(x.buffer), w=Address(w.buffer), places=g.places, columns=g.columns
    )
    lines = [
        "start, stop = split(examples(team) * places, thread, threads(team))",
        "for position in range(start, stop):",
        f"    row = load_whole_{g.dtype}(x + position * {g.vector})",
        "    for column in range(columns):",
        f"        seen = load_{g.dtype}(w + (row * columns + column) * {g.vector})",
        f"        store_{g.dtype}(y + (position * columns + column) * {g.vector}, seen)",
    ]
    return drafted("lookup", arguments, lines)


@drafts("cpu", LookupGradient)
def gradient_draft(
    primitive: LookupGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """Add up rows, threads over the table: each row is one thread's, who adds in the order of the positions."""
    x, dy = inputs
    g = Geometry(dy.type, "c")
    assert dy.lanes == "c", "a sequence has its channels in the lanes"
    arguments = Arguments()
    arguments.add(
        dw=Address(result.buffer), x=Address(x.buffer), dy=Address(dy.buffer), places=g.places, columns=g.columns,
        rows=primitive.rows,
    )  # fmt: skip
    lines = [
        "first, last = split(rows, thread, threads(team))",
        "for at in range(first * columns, last * columns):",
        f"    store_{g.dtype}(dw + at * {g.vector}, splat_{g.dtype}(0.0))",
        "for position in range(examples(team) * places):",
        f"    row = load_whole_{g.dtype}(x + position * {g.vector})",
        "    if row >= first and row < last:",
        "        for column in range(columns):",
        f"            to = dw + (row * columns + column) * {g.vector}",
        f"            seen = load_{g.dtype}(dy + (position * columns + column) * {g.vector})",
        f"            store_{g.dtype}(to, load_{g.dtype}(to) + seen)",
    ]
    return drafted("lookup_gradient", arguments, lines)
