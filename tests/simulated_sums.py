"""Runs sums that are taken on the way in Numba's simulator and prints what is off; test_cuda_simulator.py starts it."""

import warnings
from dataclasses import replace

import numpy as np
from numba import cuda
from simulated import BATCH, RUN, TARGETS, launched, say, stored

from netlang.border import unpack
from netlang.formula import Name, evaluate, maximum
from netlang.primitives import cuda_joined
from netlang.primitives.contraction import tensor_cores
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.launch import Also, Operand, draft
from netlang.primitives.reference import reference
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.simd import fragments
from netlang.types import Tensor

i0, i1, i2, i3, y = map(Name, ("i0", "i1", "i2", "i3", "y"))
HELD = {"tf32": fragments.tf32, "bf16": lambda v: fragments.wide(fragments.bf16(v)), "fma": lambda v: v}
N = "n"
CONV = Contraction("out", (3, 2), (2, 1), (1, 0, 1, 1), (1, 2), (9, 8))
BACK = replace(CONV, role="data")
WHOLE, CUT = (((1, 1),), 8, 8), (((2, 1),), 1, 1)  # warps of a block; slabs, and fours of a thread, of a part at least
CASES = [  # what makes the numbers, of which types; what is summed beside, and whether squares; how it is cut
    (Region(CONV, (i0, i1), y + i2), [(N, 9, 8, 3), (3, 2, 3, 35), (35,)], [(y, False), (y, True)], "tf32", WHOLE),
    (Region(CONV, (i0, i1), y + i2), [(N, 9, 8, 3), (3, 2, 3, 5), (5,)], [(y, False), (y, True)], "bf16", CUT),
    (Region(BACK, (i0, i1), maximum(y, 0)), [(N, 5, 7, 5), (3, 2, 18, 5), (N, 9, 8, 18), (18,)],
     [(y, False), (y * (i2 - i3), False)], "bf16", WHOLE),
    (Region(Contraction(), (i0, i1), y), [(N, 18), (18, 7)], [(y * y, False)], "fma", WHOLE),
    (Sum(i0, "batch"), [(N, 9, 8, 18), (N, 9, 8, 18)], [(i0, True), (i0 * i1, False)], "fma", CUT),
    (Sum(i0 * i0, "batch"), [(N, 5)], [(i0 + 1, False)], "fma", WHOLE),
    (Sum(i0 + 1, "all"), [(N, 4, 5, 5)], [], "fma", CUT),
    (Grouped("weight", (3, 2), (2, 1), (1, 0, 1, 1), (1, 2), (9, 8)), [(N, 9, 8, 18), (N, 5, 7, 18)], [], "fma", CUT),
]  # fmt: skip


def wanted(primitive, types, values, sums):
    """What the launch makes, in float64: squares about the mean of all."""
    wide = [v.astype(np.float64) for v in values]
    env = {f"i{k}": v for k, v in enumerate(wide)}
    results = []
    if not isinstance(primitive, Sum):
        result = primitive.infer(*types)
        results.append(reference(primitive, tuple(wide), result, RUN))
        env["y"] = results[0]
    else:
        sums = [(primitive.term, False), *sums]
    for term, squares in sums:
        found = np.broadcast_to(evaluate(term, env), (env.get("y", wide[0])).shape)
        found = found.reshape(-1, found.shape[-1])
        summed = (((found - found.mean(0)) ** 2) if squares else found).sum(0)
        results.append(summed if primitive.infer(*types).shape else summed.sum())
    return results


def fault(primitive, shapes, sums, target):
    """What is off, relative to the largest of each, or None: 1e-5, as squares of some hundred rounded numbers are."""
    rng = np.random.default_rng(0)
    types = [Tensor("f32", shape) for shape in shapes]
    held = HELD[target.products]
    values = [np.float32(rng.normal(size=t.arrayed(RUN.examples))) for t in types]
    values[:2] = [held(v) for v in values[:2]]
    if len(values) == 3:
        values[2] += 30  # far from zero, as Σx² - (Σx)²/n would not stand
    first = primitive.infer(*types)
    outs = [first, *(Tensor("f32", (first.channels,)) for _ in sums)]
    buffers = [stored(f"in{k}", t, v) for k, (t, v) in enumerate(zip(types, values, strict=True))]
    results = [stored(f"out{k}", t) for k, t in enumerate(outs)]
    operands = [Operand(b.id, b.type, b.lanes) for b, _ in (*buffers, *results)]
    inputs, made = tuple(operands[: len(types)]), operands[len(types) :]
    more = [Also(term, to, squares) for (term, squares), to in zip(sums, made[1:], strict=True)]
    device = {b.id: cuda.to_device(m) for b, m in (*buffers, *results)}
    launched(draft(primitive, inputs, made[0], target, BATCH, *more), device, RUN)
    for (buffer, _), right in zip(results, wanted(primitive, types, values, sums), strict=True):
        memory = device[buffer.id].copy_to_host()
        off = np.abs(unpack(buffer, memory, RUN.examples) - right).max() / np.abs(right).max()
        padding = memory[first.channels : -(-first.channels // 8) * 8]
        if not off <= 1e-5 or padding.any():
            return f"{buffer.id} is {off:.1e} off, its padding {padding}"
    return None


def main():
    for primitive, shapes, sums, products, how in CASES:
        tensor_cores.WARPS, tensor_cores.FEWEST, cuda_joined.FEWEST = how
        target = replace(TARGETS["f32"], products=products)
        if found := fault(primitive, shapes, sums, target):
            say(f"{primitive}: {found}")
    say(f"{len(CASES)} launches")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
