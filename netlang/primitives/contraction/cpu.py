"""Contractions on the CPU: `for tile: gather addresses -> product -> scatter`, one product for every shape.

The two roles that make a value are in `cover.py`, those of few examples and many weights in `dense.py`; the one that
makes a weight gradient is in `flat.py` for single taps, in `packed.py` for several of many pixels, and else in
`reduce.py`.
"""

from netlang.primitives.contraction import dense
from netlang.primitives.contraction.cover import cover
from netlang.primitives.contraction.flat import flat
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.packed import packed, suits
from netlang.primitives.contraction.reduce import reduce
from netlang.primitives.launch import AS_IT_IS, After, Also, Draft, Operand, Target, drafts
from netlang.primitives.way_out import WayOut


@drafts("cpu", Contraction)
def contraction_draft(
    primitive: Contraction,
    inputs: tuple[Operand, ...],
    result: Operand,
    target: Target,
    batch: int,
    after: After = AS_IT_IS,
    *sums: Also,
) -> Draft:
    """The launch of a contraction whose result `y` passes through the formula `after` on its way out.

    sums: over the batch, of what has passed through
    """
    if primitive.role == "weight":
        assert after == AS_IT_IS, "a weight gradient is written as it is"
        if primitive.flat:
            return flat(primitive, inputs, result, target, batch)
        x, dy = inputs
        if suits(primitive, x, dy, batch):
            return packed(primitive, inputs, result, target, batch)
        return reduce(primitive, inputs, result, target, batch)
    source, weight = (o.type for o in inputs)
    as_written = not sums and not primitive.rows and not primitive.filters
    if result.lanes == "c" and as_written and dense.suits(source, weight, batch):
        return dense.dense(primitive, inputs, result, target, batch, after)
    assert primitive.role == "out" or primitive.transposed == (result.lanes == "c"), "passes/layout.py sees to this"
    return cover(primitive, inputs, result, target, batch, WayOut(sums, after, result.type, result.lanes))
