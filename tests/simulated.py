"""Runs CUDA kernels in Numba's simulator and prints what is wrong: `simulated.py cases|blocks|tensor|programs|NET`.

A program of its own, because NUMBA_ENABLE_CUDASIM=1 switches the whole process; test_cuda_simulator.py starts it.
"""

import os
import re
import sys
import warnings
from dataclasses import replace
from functools import partial
from math import prod

import cases
import numpy as np
from test_generated_runs import EXAMPLES, feeds, programs

import netlang
from netlang.backend.cuda import simulator
from netlang.backend.cuda.imported import cuda
from netlang.backend.cuda.launches import ready, stream
from netlang.backend.cuda.ptx import typed
from netlang.backend.cuda.target import gpu_target, simulated, simulated_target
from netlang.border import pack, unpack
from netlang.formula import Name, maximum
from netlang.graph import Input, State
from netlang.interpret import DTYPES, interpret, stepped
from netlang.layer import Kept, Weight
from netlang.memory import Buffer, elements
from netlang.pipeline import compile_plan
from netlang.plan import NORM
from netlang.primitives.contraction import tensor_cores
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import PADS, Address, Operand, draft, has_draft
from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.primitives.map.op import Update
from netlang.primitives.map.reference import updated
from netlang.primitives.reference import Run, reference
from netlang.primitives.region.op import Region
from netlang.primitives.scan.op import Scan
from netlang.primitives.window.op import Window
from netlang.simd import fragments
from netlang.types import Tensor

TARGETS = {d: simulated_target(d) if simulated() else gpu_target(d) for d in ("f32", "f64")}
RUN = Run(2, step=3, seed=-11, rate=0.25, first=64)
BATCH = 3
NETS = {
    "mlp": "input 5\nFC-7 sigmoid, dropout 0.4, FC-6 tanh, FC-3, soft-max\ntrain: optimizer=momentum lr=0.1",
    "lenet": (
        "input 10x10x1\nconv3-3 pad=1 bn, maxpool\nconv3-5/2 valid, avgpool\nFC-6, soft-max\n"
        "train: optimizer=adam lr=0.01"
    ),
    "lstm": "input 4 tokens vocab=7\nembed-5, lstm-4, last, FC-3, soft-max\ntrain: optimizer=sgd lr=0.1",
}


def say(line):
    sys.stdout.write(f"{line}\n")


def launched(made, buffers, run, blocks=2, scratch=None):
    """Launch a kernel, with fewer blocks than it is made for, as each takes several items; then what follows it."""
    dtype = next(iter(buffers.values())).dtype
    team = cuda.to_device(np.array([run.examples, run.first, run.step, run.seed, 1]))
    arguments = [team, cuda.to_device(np.array([run.rate], dtype))]
    arguments += [buffers[a.buffer] if isinstance(a, Address) else a for a in made.args]
    if made.scratch[1] and scratch is None:
        scratch = cuda.to_device(np.full(made.scratch[1] // dtype.itemsize, np.nan, dtype))
    arguments += [scratch] if made.scratch[1] else []
    grid = made.grid if made.together else (min(made.grid[0], blocks), made.grid[1])
    ready(typed(made), grid, arguments, stream(), together=made.together)()
    if made.then:
        launched(made.then, buffers, run, blocks, scratch)
    stream().synchronize()


def stored(name, type_, value=None):
    """A buffer full of NaN, with a value in it if there is one."""
    lanes = "c" if type_.batched else "w"
    buffer = Buffer(name, type_, lanes, "values", 0, 0, pad=PADS["cuda"])
    memory = np.full(elements(type_, lanes, BATCH, PADS["cuda"]), np.nan, np.float32)
    if value is not None:
        pack(buffer, memory, value)
    return buffer, memory


def values_of(primitive, types):
    """Numbers for the inputs: of both signs, unless the formula has no value for negative ones."""
    rng = np.random.default_rng(0)
    spread = 0.3 if isinstance(primitive, Scan) else 1.0  # with large weights a recurrence is chaotic
    values = [rng.normal(0, spread, t.arrayed(RUN.examples)) for t in types]
    if isinstance(primitive, Lookup | LookupGradient):
        rows = primitive.rows if isinstance(primitive, LookupGradient) else types[1].arrayed(0)[0]
        values[0] = rng.integers(0, rows, types[0].arrayed(RUN.examples))
    if isinstance(primitive, Window):
        values[0] = np.round(values[0])  # so that several pixels of a window are its largest
        if (primitive.how, primitive.role) == ("max", "data"):
            values[0].flat[::11] = np.nan  # which is larger than any number
    if isinstance(primitive, Scan) and primitive.lengths is not None:
        values[primitive.lengths] = rng.integers(0, types[0].shape[1] + 1, (RUN.examples, 1))
    values = [np.asarray(v, np.float32) for v in values]
    with np.errstate(all="ignore"):
        right = all(np.isfinite(v).all() for v in wanted(primitive, types, values))
    return values if right else [np.abs(v) + np.float32(0.25) for v in values]


def wanted(primitive, types, values):
    """What the reference makes in float64: of an update, the weight and the states."""
    wide = tuple(v.astype(np.float64) for v in values)
    if isinstance(primitive, Update):
        return updated(primitive, wide, RUN)
    return (reference(primitive, wide, primitive.infer(*types), RUN),)


def results_of(primitive, types, values, blocks=2, target=TARGETS["f32"]):
    """The buffers that a launch writes, and their memory behind it."""
    inputs = [stored(f"in{k}", t, v) for k, (t, v) in enumerate(zip(types, values, strict=True))]
    result = stored("out", primitive.infer(*types))
    device = {b.id: cuda.to_device(m) for b, m in (*inputs, result)}
    launched(drafted(primitive, types, target), device, RUN, blocks)
    results = [inputs[k] for k in (0, *range(2, len(inputs)))] if isinstance(primitive, Update) else [result]
    return [(buffer, device[buffer.id].copy_to_host()) for buffer, _ in results]


def drafted(primitive, types, target=TARGETS["f32"]):
    """The launch of a primitive of operands in0, in1, ..."""
    named = {**{f"in{k}": t for k, t in enumerate(types)}, "out": primitive.infer(*types)}
    *inputs, result = (Operand(name, t, "c" if t.batched else "w") for name, t in named.items())
    return draft(primitive, tuple(inputs), result, target, BATCH)


def fault(primitive, types, target=TARGETS["f32"], rounded=None):
    """What is wrong with a primitive's kernel, or None.

    4e-6 of the largest element: a thread adds some hundred numbers, each of which rounds to 6e-8.
    rounded: what becomes of the two factors of a product before anything else
    """
    values = values_of(primitive, types)
    values[:2] = [rounded(v) for v in values[:2]] if rounded else values[:2]
    made = results_of(primitive, types, values, target=target)
    for (buffer, memory), right in zip(made, wanted(primitive, types, values), strict=True):
        value = unpack(buffer, memory, RUN.examples)
        exact = np.full_like(memory, np.nan)
        pack(buffer, exact, value)
        if not np.array_equal(memory, exact, equal_nan=True):
            return "padding is not zero, or the examples that are not there were written"
        off = np.abs(value - right).max(initial=0) / max(1.0, np.abs(right).max(initial=0))
        if not off <= 4e-6:
            return f"{buffer.id} is {off:.1e} off"
    return None


def on_tensor_cores():
    """Faults of products on tensor cores. Numbers that tf32 or bf16 can hold make the same sums as float32."""
    held = {"tf32": fragments.tf32, "bf16": lambda v: fragments.wide(fragments.bf16(v))}
    whole = (tensor_cores.WARPS, tensor_cores.FEWEST)
    count = 0
    for k, (primitive, types) in enumerate(PRODUCTS):
        for kind in held:
            count += 1
            # One warp a block, as each thread is one of Python; one case with the blocks of a GPU. Every third is cut.
            tensor_cores.WARPS = whole[0][2:] if k == 0 else ((1, 1),)
            tensor_cores.FEWEST = 1 if k % 3 == 1 else whole[1]
            target = replace(TARGETS["f32"], products=kind)
            assert bool(drafted(primitive, types, target).then) == (k % 3 == 1)
            if found := fault(primitive, types, target, held[kind]):
                say(f"{kind} {primitive} of {', '.join(map(str, types))}: {found}")
    say(f"{count} products")


def any_number_of_blocks():
    """Faults of kernels that give other bits with other numbers of blocks."""
    simulator.BLOCKS = 3
    for case in cases.PRIMITIVES[:20]:
        values = values_of(case.what, case.types("f32"))
        made = [results_of(case.what, case.types("f32"), values, blocks)[0][1] for blocks in (1, 3)]
        if not np.array_equal(*made, equal_nan=True):
            say(f"{case} gives other bits with three blocks than with one")
    say("20 kernels")


def structure(made):
    """What tells kernels apart, their numbers aside."""
    return re.sub(r"\d+", "#", made.kernel.text)


def table():
    """Primitives and types: the whole table of primitives, then the smallest of each structure that layers need."""
    seen = set()
    whole = [(c.what, c.types("f32")) for c in cases.PRIMITIVES]
    layers = [(primitive, types) for primitive, types, _ in cases.launches()]
    for primitive, types in whole + sorted(layers, key=lambda one: prod(t.size for t in one[1])):
        never = isinstance(primitive, Region) and not all(isinstance(t, Name) for t in primitive.before)
        if never or not has_draft(primitive, "cuda"):
            continue  # `passes/fuse.py` forms no region whose anchor does not read its inputs as they are
        text = structure(drafted(primitive, types))
        if text not in seen or (primitive, types) in whole:
            seen.add(text)
            yield primitive, types


def all_cases():
    """Faults of the table, and how many kernels it has."""
    count = 0
    for primitive, types in table():
        count += 1
        found = fault(primitive, types)
        if found:
            say(f"{primitive} of {', '.join(map(str, types))}: {found}")
    say(f"{count} kernels")


def _products():
    """Contractions of all roles: odd channels, strides, dilation, padding, dense ones, and with a formula behind."""
    conv = Contraction("out", (3, 2), (2, 1), (1, 0, 1, 1), (1, 2), (5, 6))
    point = Contraction("out", (1, 1), (2, 2), (0, 0, 0, 0), (1, 1), (5, 6))
    n = cases.N
    shapes = [
        (conv, (n, 5, 6, 3), (3, 2, 3, 18)),
        (replace(conv, role="weight"), (n, 5, 6, 5), (n, 3, 5, 18)),
        (replace(conv, role="data"), (n, 3, 5, 18), (3, 2, 5, 18)),
        (Contraction(), (n, 18), (18, 7)),
        (Contraction("data"), (n, 35), (7, 35)),
        (Contraction("weight"), (n, 18), (n, 37)),
        (Contraction("weight", size=(1, 4)), (n, 4, 18), (n, 4, 7)),
        (conv, (n, 5, 6, 20), (3, 2, 20, 6)),
        (replace(conv, role="data"), (n, 3, 5, 20), (3, 2, 5, 20)),
        (point, (n, 5, 6, 8), (1, 1, 8, 5)),
        (replace(point, role="weight"), (n, 5, 6, 8), (n, 3, 3, 5)),
        (replace(point, role="data", stride=(1, 1), pad=(1, 0, 0, 1)), (n, 6, 7, 8), (1, 1, 5, 8)),
        (replace(conv, role="weight"), (n, 5, 6, 4), (n, 3, 5, 7)),
    ]
    found = [(p, tuple(Tensor("f32", s) for s in of)) for p, *of in shapes]
    i0, i1, i2, y = map(Name, ("i0", "i1", "i2", "y"))
    for k in (0, 3):
        primitive, types = found[k]
        bias = Tensor("f32", (types[1].channels,))
        found.append((Region(primitive, (i0, i1), maximum(y + i2, 0) + 1), (*types, bias)))
    return found


PRODUCTS = _products()


class Device:
    """The memory of a plan, full of NaN, and its buffers as arrays."""

    def __init__(self, plan):
        self.plan, self.dtype = plan, np.dtype(DTYPES[plan.target.dtype])
        self.arenas = {
            name: cuda.to_device(np.full(size // self.dtype.itemsize, np.nan, self.dtype))
            for name, size in plan.arenas.items()
        }

    def buffer(self, name):
        at, item = self.plan.buffers[name], self.dtype.itemsize
        return self.arenas[at.arena][at.offset // item : (at.offset + at.size) // item]

    def write(self, name, value):
        memory = self.buffer(name).copy_to_host()
        pack(self.plan.buffers[name], memory, value)
        self.buffer(name).copy_to_device(memory)

    def read(self, name, n):
        return unpack(self.plan.buffers[name], self.buffer(name).copy_to_host(), n)


def launch_all(plan, feeds, values, run, tolerance):
    """Launch a plan, and say which launch gives other values than the interpreter."""
    device = Device(plan)
    for node, value in feeds.items():
        device.write(node, value)
    launches = [launch for segment in plan.segments.values() for launch in segment]
    for launch in launches:
        launched(launch.draft, {b: device.buffer(b) for b in (*launch.reads, *launch.writes)}, run)
        for node in launch.writes:
            if node in values and node != NORM:
                compare(node, device.read(node, run.examples), values[node], tolerance)
    return device, len(launches)


def given(graph):
    """Numbers for everything a training graph is fed with."""
    rng = np.random.default_rng(1)
    found = {}
    for node in graph:
        shape = node.type.arrayed(RUN.examples)
        if isinstance(node.made_by, Input) and (node.made_by.kind == "labels" or node.type.classes):
            found[node.id] = rng.integers(0, 3, shape).astype(float)
        elif isinstance(node.made_by, Input | Weight):
            found[node.id] = rng.normal(size=shape) * 0.5
        elif isinstance(node.made_by, State | Kept):
            found[node.id] = np.full(shape, getattr(node.made_by, "start", 0.0))
    return {name: np.float32(value) for name, value in found.items()}


def whole_step(name):
    """Faults of a net's training step, launch by launch, against the interpreter in float64.

    1e-5: what each launch adds, and what it was handed by those before; so small a net forgets little of either.
    """
    net = netlang.from_text(NETS[name]).checked
    plan = compile_plan(net, "train", TARGETS["f32"], BATCH).plan
    graph = compile_plan(net, "train", TARGETS["f64"], BATCH).optimised
    numbers = given(graph)
    values = interpret(graph, numbers, RUN)
    device, launches = launch_all(plan, numbers, values, RUN, 1e-5)
    for node, value in stepped(graph, values, RUN).items():
        compare(f"new {node}", device.read(node, RUN.examples), value, 1e-5)
    say(f"{launches} launches")


def compare(name, value, right, tolerance):
    """Say what is off, relative to the largest number, or to 1e-3 where sums of numbers near 1 cancel."""
    away = np.where(np.isnan(value) & np.isnan(right), 0, value - right)  # some programs divide 0 by 0
    off = np.abs(away).max(initial=0) / max(np.nanmax(np.abs(right), initial=0), 1e-3)
    if not off <= tolerance:
        say(f"{name} is {off:.1e} off")


def generated_programs():
    """Faults of the gradients of generated programs, in float64: only the order of sums differs."""
    count = int(os.environ.get("NETLANG_SIMULATED", "3"))
    run = Run(EXAMPLES)
    for seed, net in programs(count):
        stages = compile_plan(net, "gradients", TARGETS["f64"], EXAMPLES)
        made = feeds(stages.primitives, seed)
        inputs = [node for node in stages.optimised if not node.inputs and node.id in made]
        shaped = {node.id: np.reshape(made[node.id], node.type.arrayed(EXAMPLES)) for node in inputs}
        values = interpret(stages.optimised, shaped, run)
        say(f"seed {seed}")
        launch_all(stages.plan, shaped, values, run, 1e-9)
    say(f"{count} programs")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # NumPy tells of what CUDA does in silence: 1/0 in a padding lane
    others = {
        "cases": all_cases,
        "blocks": any_number_of_blocks,
        "programs": generated_programs,
        "tensor": on_tensor_cores,
    }
    others.get(sys.argv[1], partial(whole_step, sys.argv[1]))()
