"""Winograd's convolution on the CPU: the launches of its three primitives."""

from netlang.primitives.launch import AS_IT_IS, Address, After, Also, Draft, Operand, Target, drafts
from netlang.primitives.text import FAR, Arguments, Geometry, drafted, indented
from netlang.primitives.way_out import WayOut
from netlang.primitives.winograd.convolve import convolve
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights
from netlang.primitives.winograd.reduce import reduce
from netlang.primitives.winograd.tiles import form_of, tables, weights


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
    g, form = Geometry(w.type, "w"), form_of(primitive.window)
    arguments = Arguments()
    channels = w.type.arrayed(0)[2]
    arguments.add(u=Address(result.buffer), w=Address(w.buffer), channels=channels, columns=g.columns)
    arguments.add(taps_w=form.wide.window)
    arguments.add(far=int(form.points * channels * g.columns * g.vector >= FAR))
    tables(arguments, form, g.dtype)
    made = weights(g, form, "rows", "point")
    if form.high.span > 1:
        past = weights(g, form, "rows", "point", past=True)
        made = ["if far != 0:", *indented(past), "else:", *indented(made)]
    lines = [
        f"half = {arguments.own()}",
        f"rows = channels * columns * {g.vector}",
        f"point = channels * {g.vector}",
        "item, stop = split(channels * columns, thread, threads(team))",
        "while item < stop:",
        "    column = item // channels",
        "    c = item - column * channels",
        f"    at = w + (c * columns + column) * {g.vector}",
        f"    to = u + column * {form.points} * point + c * {g.vector}",
        *indented(made),
        "    item += 1",
    ]
    return drafted("winograd_weights", arguments, lines, (form.points * g.vector, 0))


@drafts("cpu", WinogradGradient)
def gradient_draft(
    primitive: WinogradGradient, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch of a weight gradient."""
    return reduce(primitive, inputs, result, target, batch)
