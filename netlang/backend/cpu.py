"""Launches of a plan, made ready for this processor: which tiles it takes, and the table that the executor reads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netlang.backend import cache, features
from netlang.backend.executor import MEET
from netlang.backend.limits import second_cache, thread_count
from netlang.primitives.launch import Address, Argument, Draft, KernelText, Product, Target

# Rows x vectors of 16 elements: rows * vectors accumulators, the vectors of one operand and one of the other must fit
# the registers. AVX-512 has 32 of 16 float32, AVX2 16 of 8 (so a vector takes two), NEON 32 of 4 (four).
TILES = {
    ("avx512", "f32"): ((6, 4), (12, 2), (8, 3), (14, 1), (6, 2), (6, 1), (1, 4), (1, 1)),
    ("avx512", "f64"): ((6, 2), (14, 1), (6, 1), (1, 1)),
    ("avx2", "f32"): ((6, 1), (2, 2), (4, 1), (1, 1)),
    ("avx2", "f64"): ((1, 1),),
    ("neon", "f32"): ((6, 1), (2, 2), (4, 1), (1, 1)),
    ("neon", "f64"): ((1, 1),),
    ("baseline", "f32"): ((1, 1),),
    ("baseline", "f64"): ((1, 1),),
}


def host_target(dtype: str = "f32", threads: int | None = None) -> Target:
    """The machine we run on, or the one that NETLANG_TARGET names, as the planner sees it.

    threads: as many as the process may use where none are asked for
    Raises ThreadsError, UnknownTargetError.
    """
    family = _family()
    return Target(family, dtype, TILES[family, dtype], thread_count(threads), near=second_cache())


def _family() -> str:
    if not features.X86:
        return "neon" if features.has("neon") else "baseline"
    if features.has("avx512f") and features.has("avx512vl"):
        return "avx512"
    return "avx2" if features.has("avx2") and features.has("fma") else "baseline"


def bind(
    drafts: Sequence[tuple[Draft, bool]], addresses: Mapping[str, int], scratch: int, shared: int
) -> NDArray[np.int64]:
    """Compile the kernels of (draft, barrier after) pairs and fill in where everything lies.

    addresses: of the buffers, by id
    scratch:   address of thread 0's part of the threads' scratch; thread t's begins t * stride behind it, the same
               in all launches: without a barrier between them one thread is in the next while another is in this
    shared:    address of the team's scratch

    Returns the table of the executor, int64[k, 3]: kernel address, address of its argument block, whether a barrier
    follows. The blocks lie in the same allocation, and live as long as the table.
    """
    cache.compile_missing([kernels(draft for draft, _ in drafts)])
    stride = max((draft.scratch[0] for draft, _ in drafts), default=0)
    blocks = [
        [*(_value(argument, addresses) for argument in draft.args), shared, scratch, stride] for draft, _ in drafts
    ]
    starts = np.cumsum([0, *(_lines(len(block)) for block in blocks)])
    raw = np.zeros(starts[-1] + 3 * len(drafts) + 8, np.int64)
    memory = raw[-raw.ctypes.data % 64 // 8 :]
    rows = memory[starts[-1] :][: 3 * len(drafts)].reshape(-1, 3)
    for i, ((draft, barrier), block) in enumerate(zip(drafts, blocks, strict=True)):
        memory[starts[i] : starts[i] + len(block)] = block
        rows[i] = cache.compiled(draft.kernel), memory.ctypes.data + 8 * starts[i], barrier
    return rows


def kernels(drafts: Iterable[Draft]) -> Iterator[cache.Kernel]:
    """The kernels of launches, and what they call, with their numbers of arguments."""
    yield MEET, 3
    for draft in drafts:
        yield draft.kernel, 3
        yield from ((a, 3) for a in draft.args if isinstance(a, KernelText))
        yield from (_product(a.name) for a in draft.args if isinstance(a, Product))


def _lines(words: int) -> int:
    """Words, up to whole cache lines: each block begins at one."""
    return -(-words // 8) * 8


def _value(argument: Argument, addresses: Mapping[str, int]) -> int:
    if isinstance(argument, Address):
        return addresses[argument.buffer]
    if isinstance(argument, KernelText):
        return cache.compiled(argument)
    return product(argument.name) if isinstance(argument, Product) else argument


def product(name: str) -> int:
    """The address of a function of the product library."""
    return cache.compiled(*_product(name))


def _product(name: str) -> cache.Kernel:
    from netlang.simd import products  # Numba, through the vector type

    return KernelText(name, products.product_text(name)), products.ARITY


def scratch_sizes(drafts: Sequence[Draft], threads: int) -> tuple[int, int]:
    """Bytes for all threads together, and bytes shared, that serve every one of the launches in turn."""
    per_thread = max((draft.scratch[0] for draft in drafts), default=0)
    return per_thread * threads, max((draft.scratch[1] for draft in drafts), default=0)
