"""Maps and updates on the CPU: one loop over the vectors of the result."""

from netlang.primitives.launch import Address, Also, Draft, Operand, Target, drafts
from netlang.primitives.map.op import Map, Standardise, Update
from netlang.primitives.text import FAR, Arguments, Formula, drafted, indented, least, over_positions, shared_out

STREAMED = 64  # multiply-adds that a vector takes as long as, which comes from memory and goes there


@drafts("cpu", Map)
@drafts("cpu", Standardise)
def map_draft(
    primitive: Map, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int, *further: Also
) -> Draft:
    """Write y = term(i0, i1, ...), and what else is made of the same operands, threads over the positions."""
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    formula = Formula((primitive.term, *(also.term for also in further)), operands, result.type, result.lanes)
    results = {"y": Address(result.buffer)} | {f"y{k}": Address(also.to.buffer) for k, also in enumerate(further, 1)}
    return _draft(f"map_{result.lanes}", formula, results, target, batch)


@drafts("cpu", Update)
def update_draft(primitive: Update, inputs: tuple[Operand, ...], result: Operand, target: Target, batch: int) -> Draft:
    """The optimizer's step, in place: the first term is the new i0, the others the new i2, i3, ..."""
    operands = {f"i{k}": operand for k, operand in enumerate(inputs)}
    formula = Formula(primitive.terms, operands, result.type, "w")
    assert formula.flat, "an update looks at nothing but its own elements, and keeps padding zero"
    places = [0, *range(2, len(inputs))]
    return _draft("update", formula, {f"y{k}": Address(inputs[k].buffer) for k in places}, target)


def _draft(name: str, formula: Formula, results: dict[str, Address], target: Target, batch: int = 0) -> Draft:
    """The loop. batch: the largest, for results of their own: they may be too large to stay near"""
    geometry = formula.geometry
    arguments = Arguments()
    arguments.add(**results)
    if formula.flat:  # every vector is a position of one column
        arguments.add(places=geometry.places * geometry.columns)
    else:
        arguments.add(places=geometry.places, columns=geometry.columns)
    formula.add_arguments(arguments)
    into = tuple(f"new_{r}" for r in results)
    at = "position" if formula.flat else "(position * columns + column)"
    body = [f"at = {at} * {geometry.vector}", *formula.lines(into)]
    stores = [f"store_{geometry.dtype}({r} + at, new_{r})" for r in results]
    if batch and geometry.lanes == "c":
        size = geometry.most_images(batch) * geometry.places * geometry.columns * geometry.vector
        arguments.add(far=int(size >= FAR))
        past = (each.replace("store", "stream", 1) for each in stores)
        stores = ["if far != 0:", *indented([*past]), "else:", *indented(stores)]
    body += stores
    if not formula.flat:
        body = ["for column in range(columns):", *indented(body)]
    arguments.add(least=least(STREAMED * (1 if formula.flat else geometry.columns), target))
    positions, loop = f"({geometry.images}) * places", over_positions(body, images=formula.needs_image)
    lines = [*formula.prologue(), *shared_out(positions, "least", "start", "stop", loop)]
    return drafted(name, arguments, lines)
