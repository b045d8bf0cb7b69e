"""How the planner sees a GPU, and Numba's simulator, which runs each thread of a block as a greenlet."""

import os

from netlang.primitives.launch import Target

# Rows x columns of a product that a thread of 16 x 16 sums, best first. Not tuned: nothing has run on a GPU yet.
TILES = {"f32": ((4, 4), (4, 2), (4, 1), (1, 1)), "f64": ((2, 2), (2, 1), (1, 1))}
THREADS = 256
SIMULATED = ((2, 2), (2, 1), (1, 1))  # of a thread of 4 x 4
SIMULATED_THREADS = 16
MULTIPROCESSORS = 132  # of an H100 or H200, where no GPU is asked
SIMULATED_MULTIPROCESSORS = 4


def simulated() -> bool:
    """Whether Numba's simulator stands for the GPU in this process."""
    return os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def gpu_target(dtype: str = "f32", products: str = "fma", multiprocessors: int = MULTIPROCESSORS) -> Target:
    """A GPU as the planner sees it. products: "fma" or, on tensor cores, one of "tf32" and "bf16"."""
    return Target("gpu", dtype, TILES[dtype], THREADS, "cuda", products, multiprocessors)


def simulated_target(dtype: str = "f32") -> Target:
    """The simulator: blocks of few threads, because Python runs one after the other."""
    return Target("simulator", dtype, SIMULATED, SIMULATED_THREADS, "cuda", multiprocessors=SIMULATED_MULTIPROCESSORS)
