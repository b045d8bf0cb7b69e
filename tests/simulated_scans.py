"""Runs recurrences on tensor cores in Numba's simulator and prints what is off; test_cuda_simulator.py starts it.

Both factors of every product are rounded, in the kernel as here, so that only the order of sums differs.
"""

import warnings
from dataclasses import replace

import numpy as np
import recurrences
from numba import cuda
from simulated import TARGETS, launched, say

from netlang.border import pack, unpack
from netlang.formula import Name, tanh
from netlang.memory import Buffer, elements
from netlang.primitives.launch import PADS, Operand, draft
from netlang.primitives.reference import Run
from netlang.primitives.scan import cuda_split, reference
from netlang.primitives.scan.gradient import Backward
from netlang.primitives.scan.op import Given, Line, Product, Scan, Shared, State
from netlang.simd import fragments
from netlang.types import Tensor

HELD = {"tf32": fragments.tf32, "bf16": lambda v: fragments.wide(fragments.bf16(v))}
STEPS, PAD = 3, PADS["cuda"]


def inner(width):
    """A product of what is given, and a state that is written before a product reads what it was."""
    lines = (
        Line("q", width, Name("x") + Name("b")),
        Line("v", width, products=(Product("q", 1), Product("s'", 2), Product("x", 3))),
        Line("h", width, tanh(Name("v") + Name("s'"))),
    )
    states = (State("s'", "q", width), State("h'", "h", width))
    return Scan((Given("x", 0, 0, width),), (Shared("b", 4, width),), states, lines, ("h", "q"))


class Value:
    """A value of a graph that nobody keeps."""

    def __init__(self, type_):
        self.type = type_


def back(scan):
    """The recurrence of another's gradient, on operands of its own."""
    made = []

    def emit(primitive, *values):
        types = [value.type for value in values]
        made.append((primitive, types))
        return Value(primitive.infer(*types))

    inputs = tuple(Value(Tensor("f32", shape)) for shape in recurrences.shapes(scan, STEPS))
    missing = tuple(name for name in Backward(scan).wanted if name not in scan.starts)
    whole = replace(scan, saved=missing)
    y = Value(whole.infer(*(value.type for value in inputs)))
    Backward(whole).gradients(emit, inputs, y, y)
    return next((primitive, of) for primitive, of in made if isinstance(primitive, Scan))


def forward(scan):
    return scan, [Tensor("f32", shape) for shape in recurrences.shapes(scan, STEPS)]


CASES = [  # a recurrence and its types; products; threads, multiprocessors, examples; whether registers hold matrices
    (forward(recurrences.lstm()), "tf32", 64, 4, 3, True),
    (forward(recurrences.lstm(width=37)), "bf16", 32, 2, 3, False),
    (forward(recurrences.elman(lengths=3)), "bf16", 32, 2, 20, True),
    (forward(recurrences.two_phases()), "tf32", 32, 1, 3, False),
    (forward(inner(5)), "bf16", 64, 2, 3, True),
    (back(recurrences.lstm()), "bf16", 32, 4, 3, True),
    (back(recurrences.elman(reverse=True)), "tf32", 64, 2, 35, True),
]  # fmt: skip


def wanted(scan, values, run, kind):
    """The reference in float64 of rounded factors."""
    exact = reference._value

    def rounded(line, before, inputs):
        if line.term is not None:
            return exact(line, before, inputs)
        held = {p.value: HELD[kind](before[p.value]).astype(np.float64) for p in line.products}
        return exact(line, held, [HELD[kind](x).astype(np.float64) for x in inputs])

    reference._value = rounded
    try:
        wide = tuple(v.astype(np.float64) for v in values)
        types = [Tensor("f32", ("n", *v.shape[1:]) if v.ndim == 3 else v.shape) for v in values]
        return reference.compute(scan, wide, scan.infer(*types), run)
    finally:
        reference._value = exact


def fault(scan, types, target, n, held):
    """What is off, or None.

    1e-5: of three steps; one number in some thousand lies where float32 and float64 round it to two sides, a half of
    what tf32 or bf16 can tell apart.
    """
    rng, run = np.random.default_rng(0), Run(n)
    values = [np.float32(rng.normal(0, 0.3, t.arrayed(n))) for t in types]
    if scan.lengths is not None:
        values[scan.lengths] = np.float32(rng.integers(0, STEPS + 1, (n, 1)))
    split = cuda_split.split_of(scan, "f32", target, n)
    assert (cuda_split.held(scan, split), split.kind) == (held, target.products)
    types = [*types, scan.infer(*types)]
    buffers = [Buffer(f"b{k}", t, "c" if t.batched else "w", "values", 0, 0, pad=PAD) for k, t in enumerate(types)]
    memory = [np.full(elements(b.type, b.lanes, n, PAD), np.nan, np.float32) for b in buffers]
    for buffer, place, value in zip(buffers, memory, values, strict=False):
        pack(buffer, place, value)
    device = {b.id: cuda.to_device(m) for b, m in zip(buffers, memory, strict=True)}
    *inputs, result = (Operand(b.id, b.type, b.lanes) for b in buffers)
    launched(draft(scan, tuple(inputs), result, target, n), device, run)
    there = device[buffers[-1].id].copy_to_host()
    found, right = unpack(buffers[-1], there, n), wanted(scan, values, run, target.products)
    exact = np.full_like(there, np.nan)
    pack(buffers[-1], exact, found)
    if not np.array_equal(there, exact):
        return "padding is not zero"
    off = np.abs(found - right).max()
    return None if off <= 1e-5 else f"{off:.1e} off"


def main():
    for (scan, types), kind, threads, multiprocessors, n, held in CASES:
        target = replace(TARGETS["f32"], products=kind, threads=threads, multiprocessors=multiprocessors)
        if found := fault(scan, types, target, n, held):
            say(f"{kind} {scan}: {found}")
    say(f"{len(CASES)} recurrences")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
