"""Runs one primitive's kernel and holds it to the promises of all kernels: tests compare what it returns."""

from functools import cache
from unittest.mock import patch

import numpy as np

from netlang.backend import cpu
from netlang.backend.executor import Team, ready
from netlang.border import pack, unpack
from netlang.memory import Buffer, elements
from netlang.primitives import text
from netlang.primitives.contraction import flat
from netlang.primitives.launch import Also, Operand, Target, draft
from netlang.primitives.reference import Run, reference
from netlang.simd.block import EXAMPLES, team_block

DTYPES = {"f32": np.float32, "f64": np.float64}
GUARD = 7.25  # around buffers and scratch
PAD = 64


@cache
def team(threads):
    return Team(threads)


def target(dtype):
    """Few tiles, so that few kernels are compiled; right on every machine, if not fast."""
    return Target("test", dtype, ((6, 4), (6, 1), (1, 1)) if dtype == "f32" else ((6, 2), (1, 1)), 2)


class Store:
    """A buffer with guards around it, full of NaN."""

    def __init__(self, name, type_, lanes, batch):
        self.buffer = Buffer(name, type_, lanes, "values", 0, 0)
        count = elements(type_, lanes, batch)
        self.whole = aligned(count + 2 * PAD, DTYPES[type_.dtype])
        self.whole[:] = GUARD
        self.memory = self.whole[PAD : PAD + count]
        self.memory[:] = np.nan
        self.operand = Operand(name, type_, lanes)

    def guarded(self):
        return (self.whole[:PAD] == GUARD).all() and (self.whole[-PAD:] == GUARD).all()


def aligned(count, dtype):
    raw = np.empty(count + 64, dtype)
    skip = -raw.ctypes.data % 64 // raw.itemsize
    return raw[skip : skip + count]


def lanes_of(type_, lanes):
    return lanes if type_.batched else "w"


def launched(primitive, inputs, result, n, batch, threads, run, sums=()):
    """Launch once; `inputs` keep what the kernel wrote into them. sums: (term, store, squares) each"""
    further = [Also(term, store.operand, squares) for term, store, squares in sums]
    operands = tuple(s.operand for s in inputs)
    # threads claim of each other what is never so little in a net
    with patch.object(text, "WORTH", 1), patch.object(flat, "APIECE", 1):
        made = draft(primitive, operands, result.operand, target(result.operand.type.dtype), batch, *further)
    own, shared = made.scratch
    scratch = aligned(2 * PAD + (own * threads + shared) // 4, np.float32)
    scratch[:] = np.nan
    scratch[-PAD:] = GUARD
    stores = (*inputs, result, *(store for _, store, _ in sums))
    addresses = {s.operand.buffer: s.memory.ctypes.data for s in stores}
    start = scratch.ctypes.data
    table = cpu.bind([(made, True)], addresses, start, start + own * threads)
    team(threads).run(table, n, first=run.first, step=run.step, seed=run.seed, rate=run.rate)
    assert (scratch[-PAD:] == GUARD).all(), "the kernel wrote behind its scratch"
    assert all(s.guarded() for s in stores), "the kernel wrote outside its buffers"


def assert_padding_zero(store, n):
    """What is not a real element of the buffer's used part is 0."""
    value = unpack(store.buffer, store.memory, n)
    again = np.full_like(store.memory, np.nan)
    pack(store.buffer, again, value)
    used = ~np.isnan(again)
    assert np.array_equal(store.memory[used], again[used]), "padding lanes are not zero, or values are not a number"


def kernel_value(primitive, values, types, result, *, n, lanes="c", result_lanes=None, batch=None):
    """The kernel's result in the public shape: the same bits with one and two threads, padding zero."""
    batch = batch or n + 3
    run = Run(n, step=3, seed=11, rate=0.25, first=64)
    made = []
    for threads in (1, 2):
        inputs = []
        for k, (value, type_) in enumerate(zip(values, types, strict=True)):
            inputs.append(Store(f"in{k}", type_, lanes_of(type_, lanes), batch))
            pack(inputs[-1].buffer, inputs[-1].memory, value)
        out = Store("out", result, lanes_of(result, result_lanes or lanes), batch)
        launched(primitive, inputs, out, n, batch, threads, run)
        assert_padding_zero(out, n)
        made.append(unpack(out.buffer, out.memory, n))
    assert np.array_equal(made[0], made[1]), "two threads gave other bits than one"
    return made[0]


def assert_kernel_agrees(
    primitive, types, *, n, lanes="c", result_lanes=None, seed=0, tolerance=None, values=None, batch=None
):
    """A kernel's result is the reference's, in float64, to the rounding of its type.

    The tolerance is relative to the largest element: 2e-6 is what a sum of some hundred float32 products loses.
    """
    dtype = types[0].dtype
    rng = np.random.default_rng(seed)
    if values is None:
        values = [rng.normal(size=t.arrayed(n)) for t in types]
    values = [np.asarray(v).astype(DTYPES[dtype]) for v in values]
    result = primitive.infer(*types)
    made = kernel_value(primitive, values, types, result, n=n, lanes=lanes, result_lanes=result_lanes, batch=batch)
    run = Run(n, step=3, seed=11, rate=0.25, first=64)
    wanted = reference(primitive, tuple(v.astype(np.float64) for v in values), result, run)
    tolerance = tolerance or {"f32": 2e-6, "f64": 1e-14}[dtype]
    scale = max(1.0, float(np.abs(wanted).max(initial=0)))
    assert np.abs(made - wanted).max(initial=0) <= tolerance * scale


def uncompiled(primitive, inputs, result, n):
    """Run the kernel's text as plain Python, on one thread; products are compiled all the same."""
    made = draft(primitive, tuple(s.operand for s in inputs), result.operand, target("f32"), n)
    own, shared = made.scratch
    scratch = aligned((own + shared) // 4 + PAD, np.float32)
    addresses = {s.operand.buffer: s.memory.ctypes.data for s in (*inputs, result)}
    start = scratch.ctypes.data
    table = cpu.bind([(made, True)], addresses, start, start + own)
    block = ready(team_block(1))
    block[EXAMPLES] = n
    scope = {}
    exec(made.kernel.text, scope)
    scope["kernel"](int(table[0, 1]), block.ctypes.data, 0)
