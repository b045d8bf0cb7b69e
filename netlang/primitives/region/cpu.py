"""Regions on the CPU: the anchor's kernel with the formula pasted where it writes."""

from netlang.formula import Name
from netlang.primitives.launch import After, Also, Draft, Operand, Target, draft, drafts
from netlang.primitives.region.op import Region


@drafts("cpu", Region)
def region_draft(
    primitive: Region, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, *sums: Also
) -> Draft:
    """The launch of a region whose anchor reads inputs as they are, and whose result passes through a formula.

    sums: what a product sums on its way out
    """
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    read = []
    for term in primitive.before:
        assert isinstance(term, Name), f"the kernels of anchors read their inputs as they are, not {term}"
        read.append(operands[term.name])
    return draft(primitive.anchor, tuple(read), result, target, batch, After(primitive.after, operands), *sums)
