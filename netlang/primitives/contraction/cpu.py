"""Contractions on the CPU: `for tile: gather addresses -> product -> scatter`, one product for every shape.

The two roles that make a value are in `cover.py`, the one that makes a weight gradient in `reduce.py`.
"""

from collections.abc import Mapping

from netlang.formula import Name, Term
from netlang.primitives.contraction.cover import cover
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.reduce import reduce
from netlang.primitives.launch import Draft, Operand, Target, drafts


@drafts("cpu", Contraction)
def contraction_draft(
    primitive: Contraction, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int
) -> Draft:
    """The launch of a contraction. Role "data" in lanes "c" takes transposed weights."""
    return fused(primitive, inputs, result, target, batch, Name("y"), {})


def fused(
    primitive: Contraction,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: Term,
    operands: Mapping[str, Operand],
) -> Draft:
    """The launch of a contraction whose result `y` passes through the formula `after` on its way out."""
    if primitive.role == "weight":
        assert after == Name("y"), "a weight gradient is written as it is"
        return reduce(primitive, inputs, result, target, batch)
    assert primitive.role == "out" or primitive.transposed == (result.lanes == "c"), "passes/layout.py sees to this"
    return cover(primitive, inputs, result, target, batch, after, operands)
