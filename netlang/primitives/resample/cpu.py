"""Resampling on the CPU: for each pixel made, those it is made of, by weights that are fractions of whole numbers."""

from netlang.primitives.launch import Address, Draft, Operand, Target, drafts
from netlang.primitives.resample.op import Resample
from netlang.primitives.text import Arguments, Geometry, drafted, indented


@drafts("cpu", Resample)
def resample_draft(
    primitive: Resample, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch: threads over the pixels of the result."""
    (x,) = inputs
    g = Geometry(result.type, result.lanes)
    arguments = Arguments()
    (high, wide), (to_high, to_wide) = primitive.size, primitive.to
    arguments.add(
        y=Address(result.buffer), x=Address(x.buffer), places=g.places, columns=g.columns,
        high=high, wide=wide, to_high=to_high, to_wide=to_wide,
    )  # fmt: skip
    out = primitive.role == "out"
    source, made = ("high", "wide"), ("to_high", "to_wide")
    if not out:
        source, made = made, source
    lines = [
        f"position, stop = split(({g.images}) * places, thread, threads(team))",
        "while position < stop:",
        "    image = position // places",
        "    place = position - image * places",
        f"    i = place // {made[1]}",
        f"    j = place - i * {made[1]}",
        *indented(reach("i", "high", out, primitive.how)),
        *indented(reach("j", "wide", out, primitive.how)),
        "    for column in range(columns):",
        f"        acc = splat_{g.dtype}(0.0)",
        "        for h in range(first_high, last_high):",
        *indented(weight("i", "h", "high", out, primitive.how), 3),
        "            for w in range(first_wide, last_wide):",
        *indented(weight("j", "w", "wide", out, primitive.how), 4),
        f"                at = ((image * {source[0]} + h) * {source[1]} + w) * columns + column",
        f"                share = splat_{g.dtype}(float(part_high * part_wide) / float(all_high * all_wide))",
        f"                acc = fma(load_{g.dtype}(x + at * {g.vector}), share, acc)",
        f"        store_{g.dtype}(y + (position * columns + column) * {g.vector}, acc)",
        "    position += 1",
    ]
    return drafted(f"resample_{primitive.how}_{primitive.role}_{result.lanes}", arguments, lines)


def reach(made: str, axis: str, out: bool, how: str) -> list[str]:
    """From which to before which row (or column) of the source a made one reads; a few more do no harm."""
    if out and how == "nearest":
        return [f"first_{axis} = {made} * {axis} // to_{axis}", f"last_{axis} = first_{axis} + 1"]
    if out:
        return [
            f"seen = max_i64(((2 * {made} + 1) * {axis} - to_{axis}) // (2 * to_{axis}), 0)",
            f"first_{axis} = min_i64(seen, {axis} - 1)",
            f"last_{axis} = min_i64(first_{axis} + 2, {axis})",
        ]
    return [  # the pixels at the edge take all that lies beyond
        f"first_{axis} = max_i64(({made} - 1) * to_{axis} // {axis} - 1, 0)",
        f"last_{axis} = min_i64(({made} + 2) * to_{axis} // {axis} + 2, to_{axis})",
    ]


def weight(made: str, read: str, axis: str, out: bool, how: str) -> list[str]:
    """`part_` over `all_`: how much of source pixel `read` is in `made`."""
    of, to = (read, made) if out else (made, read)  # numbers of a pixel of x, and of y
    if how == "nearest":
        return [f"all_{axis} = 1", f"part_{axis} = 1 if {to} * {axis} // to_{axis} == {of} else 0"]
    return [
        f"all_{axis} = 2 * to_{axis}",
        f"seen = min_i64(max_i64((2 * {to} + 1) * {axis} - to_{axis}, 0), all_{axis} * ({axis} - 1))",
        f"away = seen - {of} * all_{axis}",
        f"part_{axis} = max_i64(all_{axis} - max_i64(away, -away), 0)",
    ]
