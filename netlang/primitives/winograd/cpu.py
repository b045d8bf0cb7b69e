"""Winograd's convolution on the CPU: the launches of its three primitives."""

from math import prod

from netlang.primitives.launch import AS_IT_IS, LANES, Address, After, Also, Draft, Operand, Target, drafts
from netlang.primitives.text import FAR, Arguments, Geometry, drafted, indented
from netlang.primitives.way_out import WayOut
from netlang.primitives.winograd.convolve import convolve
from netlang.primitives.winograd.op import Phase, Winograd, WinogradGradient, WinogradWeights, points
from netlang.primitives.winograd.reduce import reduce
from netlang.primitives.winograd.tiles import phases_of, squares, tables, weights


@drafts("cpu", Winograd)
def winograd_draft(
    primitive: Winograd,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
    *sums: Also,
) -> Draft:
    """The launch of a convolution whose result `y` passes through the formula `after` on its way out.

    sums: over the batch, of what has passed through
    """
    assert result.lanes == inputs[0].lanes == "c", "passes/winograd.py sees to this"
    return convolve(primitive, inputs, result, target, batch, WayOut(sums, after, result.type, "c"))


@drafts("cpu", WinogradWeights)
def weights_draft(
    primitive: WinogradWeights, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """G w Gt, threads over the panels' channels."""
    (w,) = inputs
    g, of = Geometry(w.type, "w"), phases_of(primitive.window, primitive.stride)
    form, many = of[0].form, points(primitive.window, primitive.stride)
    columns, *_, channels, _ = result.type.arrayed(0)
    whole = channels % LANES == w.type.arrayed(0)[2] % LANES == 0
    assert whole or not primitive.turned, "passes/winograd.py sees to this"
    arguments = Arguments()
    arguments.add(u=Address(result.buffer), w=Address(w.buffer), channels=channels, columns=columns)
    arguments.add(taps_w=form.wide.window, taps=prod(primitive.window), turned=int(primitive.turned))
    arguments.add(far=int(many * channels * columns * g.vector >= FAR))
    tables(arguments, form, g.dtype)
    square = prod(primitive.window) * LANES * g.vector * primitive.turned
    return drafted(
        "winograd_weights", arguments, _transformed(arguments, g, of, many), (form.points * g.vector + square, 0)
    )


def _transformed(arguments: Arguments, g: Geometry, of: tuple[Phase, ...], many: int) -> list[str]:
    """16 channels by 16 filters at a time, whose points become 16 rows of a panel. many: points of all phases"""
    made, form = _by_phase(of, weights(g, of, "tap", "point")), of[0].form
    if form.high.span > 1:
        past = _by_phase(of, weights(g, of, "tap", "point", past=True))
        made = ["if far != 0:", *indented(past), "else:", *indented(made)]
    return [
        f"half = {arguments.own()}",
        f"square = half + {form.points * g.vector}",
        f"point = channels * {g.vector}",
        "blocks = (channels + 15) // 16",
        "item, stop = split(blocks * columns, thread, threads(team))",
        "while item < stop:",
        "    column = item // blocks",
        "    first = (item - column * blocks) * 16",
        f"    to = u + column * {many} * point + first * {g.vector}",
        "    if turned != 0:",
        f"        row, tap, step = channels * {g.size}, 16 * {g.vector}, {g.vector}",
        f"        source = w + column * 16 * row + first * {g.size}",
        *indented(squares(g), 2),
        "        at = square",
        "    else:",
        f"        tap, step = channels * columns * {g.vector}, columns * {g.vector}",
        f"        at = w + (first * columns + column) * {g.vector}",
        "    for _ in range(min_i64(16, channels - first)):",
        *indented(made, 2),
        "        at += step",
        f"        to += {g.vector}",
        "    item += 1",
    ]


def _by_phase(of: tuple[Phase, ...], made: list[list[str]]) -> list[str]:
    """Each phase's points behind those of the one before."""
    if len(of) == 1:
        return made[0]
    ahead = [f"to += {phase.form.points} * point" for phase in of[:-1]]
    lines = [line for lines, step in zip(made, [*ahead, ""], strict=True) for line in (*lines, step) if line]
    return [*lines, f"to -= {of[-1].start} * point"]


@drafts("cpu", WinogradGradient)
def gradient_draft(
    primitive: WinogradGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch of a weight gradient."""
    return reduce(primitive, inputs, result, target, batch)
