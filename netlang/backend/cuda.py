"""CUDA: how the planner sees a GPU, and kernels compiled to PTX. No driver is needed, and nothing runs.

`numba.cuda` is that of the package numba-cuda, from the extra `cuda`: what Numba itself carries is deprecated, and does
not find the compiler of the `nvidia` wheels. Numba loads here only.
"""

from importlib.util import find_spec

from netlang.files import Problem
from netlang.primitives.launch import KernelText, Target

# Rows x columns of a product that a thread of 16 x 16 sums, best first. Not tuned: nothing has run on a GPU yet.
TILES = {"f32": ((4, 4), (4, 2), (4, 1), (1, 1)), "f64": ((2, 2), (2, 1), (1, 1))}
THREADS = 256
CAPABILITY = (8, 0)  # PTX for one GPU serves all that came later


def gpu_target(dtype: str = "f32") -> Target:
    """A GPU as the planner sees it."""
    return Target("gpu", dtype, TILES[dtype], THREADS, "cuda")


def ptx(kernel: KernelText, capability: tuple[int, int] = CAPABILITY) -> str:
    """The PTX of a kernel, for GPUs of this compute capability and above. Raises Problem without a compiler."""
    if find_spec("numba_cuda") is None:
        raise Problem("PTX is made by numba-cuda, which is not installed: pip install 'netlang[cuda]'")
    from numba import config

    if config.ENABLE_CUDASIM:
        raise Problem("PTX cannot be made where NUMBA_ENABLE_CUDASIM is set: Numba's simulator has no compiler")
    return _compiled(kernel, capability)


def _compiled(kernel: KernelText, capability: tuple[int, int]) -> str:
    from numba import cuda, types

    scope: dict[str, object] = {}
    exec(compile(kernel.text, f"<{kernel.name}>", "exec"), scope)  # the text is ours: netlang.primitives printed it
    function = scope["kernel"]
    function.__name__ = function.__qualname__ = kernel.name  # type: ignore[attr-defined]
    numbers = types.Array(types.float32 if "f32" in scope else types.float64, 1, "C")
    team = types.Array(types.int64, 1, "C")
    others = function.__code__.co_argcount - 1  # type: ignore[attr-defined]
    signature = types.void(team, *[numbers] * others)
    text, _ = cuda.compile(function, signature, device=False, cc=capability, output="ptx", abi="numba")
    return str(text)
