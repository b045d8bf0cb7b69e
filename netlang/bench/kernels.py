"""The kernels by themselves: products beside the peak of one core, what only moves bytes beside the bandwidth."""

import ctypes
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from netlang.backend.arena import arena
from netlang.backend.cpu import host_target, product
from netlang.bench import profile
from netlang.bench.compare import inputs
from netlang.bench.limits import TRIES, Limits, enough, peak, together
from netlang.net import from_text
from netlang.plan import Launch, Plan
from netlang.record import dataclass
from netlang.simd.products import ARITY, LANES, PRODUCTS

DEPTH, SEGMENTS = 32, 512  # steps of a product over the same 32 rows, which stay in L1: 14 x 32 vectors are 28 KB
BATCH = 8
LEAST = 8 << 20  # bytes that a launch moves from which it is one of main memory
ROUNDS = 5
ARITHMETIC = ("contraction", "winograd", "grouped", "unshared", "scan")
# A step of each kind of kernel that computes little, on images of 26 MB and more
MOVING = """input 112x112x64
conv1-64, bn, relu
residual[lrn, dropout 0.5]
maxpool3 stride=2 pad=1
conv1-64, bn, sigmoid
avgpool2 stride=2
flatten, FC-10, softmax
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A tile of the library on one core. gflops: 10^9 operations per second; share: of the core's peak."""

    name: str
    gflops: float
    share: float


@dataclass(frozen=True, slots=True)
class Moving:
    """A launch. mb: 10^6 bytes it reads and writes; gbs: 10^9 bytes per second; share: of the bandwidth."""

    name: str
    node: str
    ms: float
    mb: float
    gbs: float
    share: float


@dataclass(frozen=True, slots=True)
class Kernels:
    """What one run measured. core: 10^9 operations per second of one core."""

    core: float
    threads: int
    limits: Limits
    products: tuple[Product, ...]
    moving: tuple[Moving, ...]

    def as_json(self) -> dict[str, Any]:
        """As `netlang bench --kernels --json` gives it."""
        return {
            "core_gflops": round(self.core, 1),
            "threads": self.threads,
            "bandwidth_gbs": round(self.limits.gbs, 1),
            "products": [asdict(each) for each in self.products],
            "moving": [asdict(each) for each in self.moving],
        }


def measure(threads: int, limits: Limits) -> Kernels:
    """Every product tile of this machine, and every kernel of a training step that moves more than it computes."""
    core = peak(1) / 1e9
    names = [f"{a}_f32_{rows}x{vectors}" for a in ("spread", "dot") for rows, vectors in host_target().tiles]
    found = tuple(_product(name, core) for name in names if name in PRODUCTS)
    return Kernels(core, threads, limits, found, tuple(_moving(threads, limits)))


def _product(name: str, core: float) -> Product:
    """A tile, as often as takes a sample; the fastest of five counts."""
    tile = PRODUCTS[name]
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * ARITY)(product(name))
    vector = 4 * LANES
    depth = DEPTH * vector  # bytes of what stands for a row, and for a vector
    counts = {"a": tile.rows * depth, "b": tile.vectors * depth, "out": tile.rows * tile.vectors * vector}
    memory = arena(counts)  # whole lines, as in a plan: a vector that lies in two takes twice as long
    for buffer in counts:
        memory.view(buffer)[:] = 1.0
    a, b, out = (memory.addresses[buffer] for buffer in counts)
    row = [*(a + i * depth for i in range(tile.rows)), *(b + v * depth for v in range(tile.vectors))]
    table = np.array([row] * SEGMENTS, np.int64)
    step = 4 if tile.a == "spread" else vector

    def seconds(rounds: int) -> float:
        def work() -> None:
            for _ in range(rounds):
                run(table.ctypes.data, SEGMENTS, DEPTH, step, vector, out, 1)

        return together([work])

    rounds = enough(seconds)
    operations = 2.0 * LANES * tile.rows * tile.vectors * DEPTH * SEGMENTS * rounds
    gflops = operations / min(seconds(rounds) for _ in range(TRIES)) / 1e9
    return Product(name, round(gflops, 1), round(gflops / core, 3))


def _moving(threads: int, limits: Limits) -> Iterator[Moving]:
    """For each kernel of the step that is none of the products, the launch that moves most."""
    program = from_text(MOVING).compile(batch=BATCH, training=True, threads=threads)
    try:
        x, target = inputs(program.net, BATCH)
        program.step(x, target)
        loaded = program.loaded("train")
        largest: dict[str, tuple[int, Launch, float]] = {}
        for launch, seconds in profile.least(loaded, BATCH, ROUNDS):
            name, size = launch.draft.kernel.name, _moved(loaded.plan, launch)
            if size >= max(LEAST, largest.get(name, (0,))[0] + 1) and not name.startswith(ARITHMETIC):
                largest[name] = size, launch, seconds
    finally:
        program.close()
    for name, (size, launch, seconds) in sorted(largest.items()):
        gbs = size / seconds / 1e9
        share = round(gbs / limits.gbs, 3)
        yield Moving(name, launch.node, round(seconds * 1e3, 3), round(size / 1e6, 1), round(gbs, 1), share)


def _moved(plan: Plan, launch: Launch) -> int:
    return sum(plan.buffers[buffer].size for buffer in (*launch.reads, *launch.writes))


def table(found: Kernels) -> str:
    """For people."""
    lines = [f"products on one core, beside {found.core:.0f} GFLOP/s"]
    lines += [f"  {p.name:<24}{p.gflops:>8.0f} GFLOP/s{p.share:>7.0%}" for p in found.products]
    lines.append(f"kernels that move bytes, {found.threads} threads, beside {found.limits.gbs:.1f} GB/s")
    lines += [f"  {m.name:<24}{m.gbs:>8.1f} GB/s   {m.share:>7.0%}{m.ms:>9.3f} ms  {m.node}" for m in found.moving]
    return "\n".join(lines)
