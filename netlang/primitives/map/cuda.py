"""Maps and updates on CUDA: a thread for an element."""

from netlang.primitives.cuda_formula import CudaFormula
from netlang.primitives.cuda_text import elementwise
from netlang.primitives.launch import Also, Draft, Operand, Target, drafts
from netlang.primitives.map.op import Map, Standardise, Update


@drafts("cuda", Map)
@drafts("cuda", Standardise)
def map_draft(
    primitive: Map, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, *further: Also
) -> Draft:
    """Write y = term(i0, i1, ...), and what else is made of the same operands."""
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    formula = CudaFormula((primitive.term, *(also.term for also in further)), operands, result.type)
    results = {"y": result, **{f"y{k}": also.to for k, also in enumerate(further, 1)}}
    return elementwise("map", results, formula, target, batch)


@drafts("cuda", Update)
def update_draft(primitive: Update, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The optimizer's step, in place: the first term is the new i0, the others the new i2, i3, ...

    Nothing happens where the step was found wrong: so it can stand in line before anybody has looked.
    """
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    formula = CudaFormula(primitive.terms, operands, result.type)
    results = {f"y{k}": inputs[k] for k in (0, *range(2, len(inputs)))}
    return elementwise("update", results, formula, target, batch, own=["if team[4] == 0:", "    return"])
