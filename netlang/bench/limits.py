"""What the machine can do: multiply-adds per second from registers, bytes per second from main memory."""

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from netlang.backend.cache import compiled
from netlang.backend.cuda.machine import Gpu
from netlang.backend.features import has
from netlang.primitives.launch import LANES, KernelText
from netlang.record import dataclass

TRIES = 5  # the fastest counts: whatever else runs can only slow a try down
SAMPLE = 0.02  # seconds a try of one thread takes at least
TOGETHER = 0.1  # and one of several: Linux may begin two new threads on one core, for some 15 ms
PASSES = 20  # of a try over all arrays, for as long
TRIAD_BYTES = 64 << 20  # of each of three arrays: together six times an L3 of 32 MB
_C_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True)
class Limits:
    """float32 multiply-adds and additions count two and one; bandwidth as STREAM counts it (McCalpin 1995).

    gflops: 10^9 operations per second of all threads; gbs: 10^9 bytes per second
    """

    gflops: float
    gbs: float

    def floor(self, flops: float, moved: float) -> float:
        """Seconds that so many operations and bytes need at least, one after the other."""
        return flops / (self.gflops * 1e9) + moved / (self.gbs * 1e9)


def of_gpu(gpu: Gpu, products: str) -> Limits | None:
    """What a GPU can do by its datasheet; None where that is not known. products: as `Gpu.peak` has it"""
    peak, bandwidth = gpu.peak(products), gpu.bandwidth
    return Limits(peak / 1e9, bandwidth / 1e9) if peak and bandwidth else None


def chains() -> int:
    """Independent sums that keep the multiply-add units busy (2 units, latency 4 to 5) and fit the registers.

    A vector of 16 is one register of 32 with AVX-512, two of 16 with AVX2, four of 16 with SSE, four of 32 with NEON.
    """
    return 12 if has("avx512f") else 5 if has("avx2") else 3


def fma_text(count: int) -> KernelText:
    """A kernel whose loop is `count` multiply-adds of registers and nothing else: args = (rounds, out)."""
    lines = ["from netlang.simd import *", "def kernel(args, team, thread):"]
    lines += ["    rounds = load_i64(args)", "    out = load_i64(args + 8)", "    x = load_f32(out)"]
    lines += [f"    y{i} = load_f32(out + {64 * i})" for i in range(count)]
    lines += ["    for _ in range(rounds):", *(f"        y{i} = fma(y{i}, x, x)" for i in range(count))]
    lines += [f"    store_f32(out + {64 * i}, y{i})" for i in range(count)]
    return KernelText("limit_fma", "\n".join(lines) + "\n")


TRIAD = KernelText(
    "limit_triad",
    """from netlang.simd import *
def kernel(args, team, thread):
    x = load_i64(args)
    y = load_i64(args + 8)
    z = load_i64(args + 16)
    size = load_i64(args + 24)
    factor = splat_f32(3.0)
    for at in range(0, size, 64):
        store_f32(z + at, fma(load_f32(y + at), factor, load_f32(x + at)))
""",
)


def measure(threads: int) -> Limits:
    """Both limits with so many threads: the best of five tries."""
    return Limits(peak(threads) / 1e9, bandwidth(threads) / 1e9)


def peak(threads: int) -> float:
    """float32 operations per second from registers."""
    count = chains()
    run = _C_KERNEL(compiled(fma_text(count)))
    out = [np.full(LANES * count, 0.5, np.float32) for _ in range(threads)]  # 0.5 y + 0.5 stays near 1: no denormals

    def seconds(rounds: int) -> float:
        args = [np.array([rounds, o.ctypes.data], np.int64) for o in out]
        return together([partial(run, a.ctypes.data, 0, 0) for a in args])

    rounds = enough(seconds, TOGETHER)
    return 2.0 * LANES * count * rounds * threads / min(seconds(rounds) for _ in range(TRIES))


def bandwidth(threads: int, size: int = TRIAD_BYTES) -> float:
    """Bytes per second of z = 3 y + x over arrays far larger than the caches: two read, one written."""
    run = _C_KERNEL(compiled(TRIAD))
    arrays = [np.zeros(size // 4, np.float32) for _ in range(3)]
    for array in arrays:
        array.fill(1.0)  # a page is there once it was written
    part = size // threads // 64 * 64
    args = [np.array([*(a.ctypes.data + part * t for a in arrays), part], np.int64) for t in range(threads)]

    def passes(at: int) -> None:
        for _ in range(PASSES):
            run(at, 0, 0)

    work = [partial(passes, a.ctypes.data) for a in args]
    return 3.0 * part * threads * PASSES / min(together(work) for _ in range(TRIES))


def enough(seconds: Callable[[int], float], least: float = SAMPLE) -> int:
    """Rounds that take at least so long, three times: one may be interrupted."""
    rounds = 1000
    while (took := min(seconds(rounds) for _ in range(3))) < least:
        rounds = int(rounds * max(2.0, min(100.0, 1.2 * least / max(took, 1e-6))))
    return rounds


def together(work: Sequence[Callable[[], object]]) -> float:
    """Seconds from the common start of all threads to the end of the last; ctypes lets the lock go."""
    gate = threading.Barrier(len(work) + 1)

    def go(job: Callable[[], object]) -> None:
        gate.wait()
        job()

    team = [threading.Thread(target=go, args=(job,)) for job in work]
    for thread in team:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in team:
        thread.join()
    return time.perf_counter() - began
