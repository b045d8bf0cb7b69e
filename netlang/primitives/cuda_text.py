"""Pieces of CUDA kernel texts that all primitives share: arguments, loops over a result, formulas pasted into them.

    def kernel(team, rate, y, x0, ..., places, pitch, ...):

team: int64[5], {examples, first example, step, seed, whether weights may change}; rate: the learning rate, and what
a step is judged by (`backend/cuda/control.py`); then an array of numbers for each buffer, laid out as on the CPU in
lanes "c" and "w" (`text.py`) but for its rows, which are padded to whole eights; then the sizes, int64; then an array
for the shared scratch, if there is any. As on the CPU only what shapes the inner loop is a constant of the text: a net
of many sizes has few kernels. Any number of blocks gives the same bits.

Texts go by the local names `at`, the element of the result; `position` (image * places + place); `c`, the channel, or
the padding behind the last one; `pitch`, the elements of a position; and `image`.
"""

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap

from netlang.formula import Name
from netlang.primitives.cuda_formula import EIGHT, FOUR, CudaFormula, each, local
from netlang.primitives.launch import Address, Draft, KernelText, Operand, Target
from netlang.primitives.text import Geometry, indented
from netlang.types import Tensor

MOST_BLOCKS = 4096  # of a launch whose threads take one element after another: some 30 for each multiprocessor
INSTRUCTIONS = (  # functions of netlang.simd.gpu
    *("all_but_one_copied", "all_copied", "arrive", "arrived", "copied", "copy_16", "exchanged", "fresh_1", "fresh_4"),
    *("load_1", "load_2", "load_2_bf16", "load_4", "load_4_bf16", "load_8", "load_8_bf16", "matrices", "mma_bf16"),
    *(
        "mma_tf32",
        "pair",
        "store_1_bf16",
        "store_2",
        "store_2_bf16",
        "store_4",
        "store_4_bf16",
        "store_8",
        "store_8_bf16",
        "tf32",
        "turned_matrices",
    ),
)
_WORD, _CALLED = re.compile(r"\w+"), re.compile(r"(\w+)\(")
_WIDTH = 100  # columns of a kernel's head
_BITS = {"f32": 32, "f64": 64}


def drafted(
    name: str,
    results: Mapping[str, Operand],
    inputs: Mapping[str, Operand],
    sizes: Mapping[str, int],
    lines: Sequence[str],
    grid: tuple[int, int],
    scratch: tuple[int, int] = (0, 0),
    dtype: str | None = None,
) -> Draft:
    """The launch of a kernel with these lines.

    sizes: those that the lines name become arguments; dtype: of its numbers, that of its results if not said
    """
    buffers = {**results, **inputs}
    body = "\n".join(indented(list(lines)))
    words = set(_WORD.findall(body))
    named = {size: value for size, value in sizes.items() if size in words}
    dtype = dtype or next(iter(results.values())).type.dtype
    signature = _signature(["team", "rate", *buffers], [*named, *(["scratch"] if scratch[1] else [])])
    kernel = f"{_head(dtype, body)}\n\n\n{signature}\n{body}\n"
    addresses = (Address(b.buffer) for b in buffers.values())
    return Draft(KernelText(f"{name}_cuda", kernel), (*addresses, *named.values()), scratch, grid)


def _head(dtype: str, body: str) -> str:
    """The imports of a kernel."""
    called = set(_CALLED.findall(body))
    short = [
        f"{long} as {name}"
        for long, name in (("int32", "i32"), ("uint32", "u32"))
        if name in called or f", {name})" in body
    ]
    types = [f"float{_BITS[dtype]} as {dtype}", "int64 as i64", *short]
    found = [name for name in INSTRUCTIONS if name in called]
    lines = ["import math", "", "from numba import cuda", f"from numpy import {', '.join([*types, 'uint64 as u64'])}"]
    return "\n".join([*lines, *([f"from netlang.simd.gpu import {', '.join(found)}"] if found else [])])


def _signature(arrays: list[str], others: list[str]) -> str:
    """The head of a kernel, in lines that can be read."""
    whole = f"def kernel({', '.join([*arrays, *others])}):"
    if len(whole) <= _WIDTH:
        return whole
    wrapped = [line for names in (arrays, others) for line in wrap(", ".join(names) + ",", _WIDTH - 4)]
    return "\n".join(["def kernel(", *indented(wrapped), "):"])


def blocks(items: int, most: int = MOST_BLOCKS) -> int:
    """Blocks of a launch that has so many items for them."""
    return max(1, min(items, most))


def pitch(type_: Tensor) -> int:
    """Elements from a position of a buffer to the next."""
    return -(-type_.channels // EIGHT) * EIGHT


def positions(geometry: Geometry) -> str:
    """How many positions this batch has."""
    return "places" if geometry.lanes == "w" else "team[0] * places"


def elementwise(
    name: str,
    results: Mapping[str, Operand],
    formula: CudaFormula,
    target: Target,
    batch: int,
    *,
    inputs: Mapping[str, Operand] | None = None,
    sizes: Mapping[str, int] | None = None,
    body: Sequence[str] = (),
    own: Sequence[str] = (),
    fours: Sequence[str] = (),
    image: bool = False,
) -> Draft:
    """A launch whose threads take four neighbours of the result at once, eight if some lie in bf16; with `body` one.

    results: those that get the formula's terms, in order; inputs: what `body` or `fours` reads
    body: lines that make what the formula is given, `v_y` of one element; fours: `found` of four; own: lines
        before the loop
    image: whether they read `image` and `place`
    """
    g = formula.geometry
    halved = any(o.half for o in (*results.values(), *formula.operands.values()))
    count = 1 if body else EIGHT if halved and not fours else FOUR
    held, made = _one(results, formula, body) if body else _several(results, formula, fours, count)
    step = f" * {count}" if count > 1 else ""
    lines = [
        *formula.prologue(),
        *own,
        *held,
        f"at = cuda.grid(1){step}",
        f"while at < {positions(g)} * pitch:",
        *indented([*_where("c" if body else "first", bool(body or fours) or not formula.flat, image), *made]),
        f"    at += cuda.gridsize(1){step}",
    ]
    elements = g.most_images(batch) * g.places * pitch(formula.result)
    grid = blocks(-(-elements // (target.threads * count))), target.threads
    read, named = {**(inputs or {}), **formula.operands}, {**formula.sizes, **(sizes or {})}
    return drafted(name, results, read, named, lines, grid)


def _where(channel: str, placed: bool, image: bool) -> list[str]:
    """What of an element's place the lines of a loop read."""
    lines = ["position = at // pitch", f"{channel} = at - position * pitch"] if placed else []
    return lines + (["image = position // places", "place = position - image * places"] if image else [])


Made = tuple[list[str], list[str]]  # a thread's own arrays, and the lines of its loop


def _one(results: Mapping[str, Operand], formula: CudaFormula, body: Sequence[str]) -> Made:
    """An element at a time."""
    into = ("v_y",) if formula.plain else tuple(f"new_{r}" for r in results)
    stores = [f"{r}[at] = {value}" for r, value in zip(results, into, strict=True)]
    return [], [*body, *([] if formula.plain else formula.lines(into)), *stores]


def _several(results: Mapping[str, Operand], formula: CudaFormula, fours: Sequence[str], count: int) -> Made:
    """So many neighbours at a time."""
    dtype = formula.geometry.dtype
    held = local(["found"] * bool(fours), dtype)
    if formula.plain:
        return held, [*fours, *(f"{o.store(count)}({r}, at, found)" for r, o in results.items())]
    into = tuple(f"new_{r}" for r in results)
    held += [*formula.own(count), *local((f"out_{r}" for r in results), dtype, count)]
    given = ["v_y = found[e]"] * bool(fours)
    loop = each(*given, *formula.each(into), *(f"out_{r}[e] = new_{r}" for r in results), count=count)
    loop += [f"{o.store(count)}({r}, at, out_{r})" for r, o in results.items()]
    return held, [*fours, *formula.fours(count), *loop]


def moved(result: Tensor) -> CudaFormula:
    """The formula of a result that is stored as `v_y` is."""
    return CudaFormula((Name("y"),), {}, result, given=("y",))
