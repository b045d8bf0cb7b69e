"""Bands on the CPU. In lanes "c" neighbours are loads that begin between two vectors, in lanes "n" other columns."""

from netlang.primitives.band.op import Band
from netlang.primitives.launch import LANES, Address, Draft, Operand, Target, drafts
from netlang.primitives.text import Arguments, Geometry, drafted, indented, over_positions


@drafts("cpu", Band)
def band_draft(primitive: Band, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The launch of a band, positions over the threads."""
    g = Geometry(result.type, result.lanes)
    arguments = Arguments()
    arguments.add(y=Address(result.buffer), x=Address(inputs[0].buffer), places=g.places, columns=g.columns)
    arguments.add(before=primitive.before, after=primitive.after)
    share = [f"start, stop = split(({g.images}) * places, thread, threads(team))"]
    name = f"band_{result.lanes}"
    if result.lanes == "n":
        return drafted(name, arguments, [*share, *over_positions(_columns(g), images=False)])
    front, behind = (-(-count // LANES) for count in (primitive.before, primitive.after))
    arguments.add(front=front, vectors=front + g.columns + behind, channels=g.channels)
    lines = [
        f"row = {arguments.own()}",
        "for k in range(vectors):",
        f"    store_{g.dtype}(row + k * {g.vector}, splat_{g.dtype}(0.0))",
        *share,
        *over_positions(_lanes(g), images=False),
    ]
    return drafted(name, arguments, lines, ((front + g.columns + behind) * g.vector, 0))


def _lanes(g: Geometry) -> list[str]:
    """The channels of a position, copied between zeros, so that no load sees another position's."""
    return [
        f"at = position * columns * {g.vector}",
        f"middle = row + front * {g.vector}",
        "for column in range(columns):",
        f"    store_{g.dtype}(middle + column * {g.vector}, load_{g.dtype}(x + at + column * {g.vector}))",
        "for column in range(columns):",
        f"    acc = splat_{g.dtype}(0.0)",
        "    for d in range(before + after + 1):",
        f"        acc = acc + load_{g.dtype}(middle + column * {g.vector} + (d - before) * {g.size})",
        f"    store_{g.dtype}(y + at + column * {g.vector}, head_{g.dtype}(acc, channels - column * 16))",
    ]


def _columns(g: Geometry) -> list[str]:
    """The same of 16 examples at once."""
    return [
        f"at = position * columns * {g.vector}",
        "for column in range(columns):",
        *indented(
            [
                f"acc = splat_{g.dtype}(0.0)",
                "for d in range(max_i64(0, column - before), min_i64(columns, column + after + 1)):",
                f"    acc = acc + load_{g.dtype}(x + at + d * {g.vector})",
                f"store_{g.dtype}(y + at + column * {g.vector}, acc)",
            ]
        ),
    ]
