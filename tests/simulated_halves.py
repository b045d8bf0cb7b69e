"""Runs kernels on operands in bf16 in Numba's simulator and prints what is off; test_cuda_simulator.py starts it.

The numbers that are handed in can be held by bf16, so all that differs from float32 is what is rounded when it is
stored, by at most 2^-8 of each number.
"""

import warnings
from dataclasses import replace

import numpy as np
from numba import cuda
from simulated import BATCH, RUN, TARGETS, given, launch_all, launched, say

import netlang
from netlang.border import pack, unpack
from netlang.formula import Name, maximum, where
from netlang.interpret import interpret
from netlang.memory import Buffer, elements
from netlang.pipeline import compile_plan
from netlang.primitives.contraction import tensor_cores
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import PADS, Operand, draft
from netlang.primitives.map.op import Map
from netlang.primitives.reference import reference
from netlang.primitives.region.op import Region
from netlang.primitives.sum.op import Sum
from netlang.primitives.window.op import Window
from netlang.simd import fragments
from netlang.types import Tensor

i0, i1, i2, y = map(Name, ("i0", "i1", "i2", "y"))
N = "n"
CONV = Contraction("out", (3, 2), (2, 1), (1, 0, 1, 1), (1, 2), (5, 6))
POINT = Contraction("out", (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), (3, 4))
POOL = Window("max", (3, 3), (2, 2), (1, 1, 1, 1), (5, 6))
WHOLE, CUT, BLOCK = (((1, 1),), 8), (((2, 1),), 1), (tensor_cores.WARPS[:1], 8)
CASES = [  # what is computed, of which types; which of them, and of the result last, lie in bf16; how it is cut
    (Region(CONV, (i0, i1), y + i2), [(N, 5, 6, 32), (3, 2, 32, 18), (18,)], "a---", WHOLE),
    (CONV, [(N, 5, 6, 16), (3, 2, 16, 48)], "a-y", CUT),
    (CONV, [(N, 5, 6, 24), (3, 2, 24, 18)], "aby", WHOLE),
    (CONV, [(N, 5, 6, 21), (3, 2, 21, 5)], "aby", CUT),
    (CONV, [(N, 5, 6, 3), (3, 2, 3, 37)], "--y", WHOLE),
    (replace(CONV, role="data"), [(N, 3, 5, 21), (3, 2, 5, 21)], "aby", WHOLE),
    (replace(CONV, role="data"), [(N, 3, 5, 40), (3, 2, 16, 40)], "ab-", CUT),
    (replace(CONV, role="weight"), [(N, 5, 6, 21), (N, 3, 5, 13)], "ab-", CUT),
    (replace(CONV, role="weight"), [(N, 5, 6, 3), (N, 3, 5, 21)], "-b-", WHOLE),
    (replace(POINT, role="data"), [(N, 3, 4, 40), (1, 1, 7, 40)], "aby", WHOLE),
    (replace(POINT, role="weight"), [(N, 3, 4, 24), (N, 3, 4, 9)], "ab-", WHOLE),
    (CONV, [(N, 5, 6, 16), (3, 2, 16, 48)], "ab-", CUT),
    (replace(CONV, role="data"), [(N, 3, 5, 32), (3, 2, 16, 32)], "ab-", CUT),
    (replace(CONV, role="weight"), [(N, 5, 6, 16), (N, 3, 5, 32)], "ab-", CUT),
    (replace(CONV, role="weight"), [(N, 5, 6, 16), (N, 3, 5, 5)], "a--", WHOLE),
    (replace(CONV, role="weight"), [(N, 5, 6, 3), (N, 3, 5, 16)], "-b-", BLOCK),
    (Region(POINT, (i0, i1), where(i2 > 0, y, 0)), [(N, 3, 4, 48), (1, 1, 48, 80), (N, 3, 4, 80)], "a-cy", BLOCK),
    (replace(POINT, role="data"), [(N, 3, 4, 48), (1, 1, 5, 48)], "ab-", WHOLE),
    (replace(POINT, role="weight"), [(N, 3, 4, 48), (N, 3, 4, 16)], "ab-", WHOLE),
    (Map(maximum(i0 * i1 + i2, 0)), [(N, 3, 4, 16), (16,), (N, 3, 4, 16)], "a-cy", WHOLE),
    (Sum(i0 * i1, "batch"), [(N, 3, 4, 32), (N, 3, 4, 32)], "a--", WHOLE),
    (Map(maximum(i0 * i1 + i2, 0)), [(N, 3, 4, 21), (21,), (N, 3, 4, 21)], "a-cy", WHOLE),
    (Map(i0 + 1), [(N, 3, 4, 7)], "-y", WHOLE),
    (Sum(i0 * i1, "batch"), [(N, 3, 4, 21), (N, 3, 4, 21)], "a--", WHOLE),
    (Sum(i0, "positions"), [(N, 3, 4, 40)], "a-", WHOLE),
    (Sum(i0, "channel"), [(N, 3, 4, 21)], "a-", WHOLE),
    (POOL, [(N, 5, 6, 21)], "ay", WHOLE),
    (replace(POOL, role="data"), [(N, 5, 6, 16), (N, 3, 3, 16)], "aby", WHOLE),
    (replace(POOL, role="data", how="average"), [(N, 3, 3, 16)], "a-", WHOLE),
]  # fmt: skip


PAD = PADS["cuda"]
TARGET = replace(TARGETS["f32"], products="bf16")
NET = """input 4x4x3
conv3-7 pad=1 bn, residual[ conv1-24 bn relu, conv3-32/2 pad=1 bn ] relu, maxpool, FC-3, soft-max
train: optimizer=sgd lr=0.1"""


def held(values):
    return fragments.wide(fragments.bf16(values))


def fault(primitive, shapes, halves):
    """What is off, or None: by 4e-6 of the largest number, and by what bf16 rounds."""
    rng = np.random.default_rng(0)
    types = [Tensor("f32", shape) for shape in shapes]
    values = [held(rng.normal(size=t.arrayed(RUN.examples))) for t in types]
    types.append(primitive.infer(*types))
    buffers, memory = [], []
    for k, (type_, half) in enumerate(zip(types, halves, strict=True)):
        lanes, half = "c" if type_.batched else "w", half != "-"
        buffers.append(Buffer(f"b{k}", type_, lanes, "values", 0, 0, half, PAD))
        memory.append(np.full(elements(type_, lanes, BATCH, PAD) // (1 + half), np.nan, np.float32))
    for buffer, place, value in zip(buffers, memory, values, strict=False):
        pack(buffer, place, np.resize(value, buffer.type.arrayed(BATCH if buffer.half else RUN.examples)))
    device = {b.id: cuda.to_device(m) for b, m in zip(buffers, memory, strict=True)}
    *inputs, result = (Operand(b.id, b.type, b.lanes, b.half) for b in buffers)
    launched(draft(primitive, tuple(inputs), result, TARGET, BATCH), device, RUN)
    right = reference(primitive, tuple(v.astype(np.float64) for v in values), types[-1], RUN)
    found = unpack(buffers[-1], device[buffers[-1].id].copy_to_host(), RUN.examples)
    allowed = 4e-6 * np.abs(right).max() + (2**-8 * np.abs(right) if result.half else 0)
    off = np.abs(found - right)
    return None if (off <= allowed).all() else f"{off.max():.1e} off"


def whole_step():
    """Faults of a training step, launch by launch, against the interpreter in float64, and what lies in bf16.

    5e-2: each launch rounds by 4e-3, and there are some ten between the input and a weight's gradient.
    """
    net = netlang.from_text(NET).checked
    plan = compile_plan(net, "train", TARGET, BATCH).plan
    graph = compile_plan(net, "train", TARGETS["f64"], BATCH).optimised
    numbers = given(graph)
    values = interpret(graph, numbers, RUN)
    tensor_cores.WARPS, tensor_cores.FEWEST = WHOLE
    launch_all(plan, numbers, values, RUN, 5e-2)
    halved = [name for name, buffer in plan.buffers.items() if buffer.half]
    say(f"{sum(name.endswith(':bf16') for name in halved)} of {len(halved)} are weights")


def main():
    for primitive, shapes, halves, (tensor_cores.WARPS, tensor_cores.FEWEST) in CASES:
        if found := fault(primitive, shapes, halves):
            say(f"{primitive} of {', '.join(map(str, shapes))}: {found}")
    say(f"{len(CASES)} launches")
    whole_step()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
