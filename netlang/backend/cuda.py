"""CUDA: how the planner sees a GPU, and kernels compiled to PTX. No driver is needed, and nothing runs.

`numba.cuda` is that of the package numba-cuda, from the extra `cuda`: what Numba itself carries is deprecated, and does
not find the compiler of the `nvidia` wheels. Numba loads here only.
"""

from importlib.util import find_spec
from typing import Any

from netlang.files import Problem
from netlang.primitives.launch import Address, Draft, Target

# Rows x columns of a product that a thread of 16 x 16 sums, best first. Not tuned: nothing has run on a GPU yet.
TILES = {"f32": ((4, 4), (4, 2), (4, 1), (1, 1)), "f64": ((2, 2), (2, 1), (1, 1))}
THREADS = 256
CAPABILITY = (8, 0)  # PTX for one GPU serves all that came later


def gpu_target(dtype: str = "f32") -> Target:
    """A GPU as the planner sees it."""
    return Target("gpu", dtype, TILES[dtype], THREADS, "cuda")


def ptx(draft: Draft, capability: tuple[int, int] = CAPABILITY) -> str:
    """The PTX of a kernel, for GPUs of this compute capability and above. Raises Problem where it cannot be made."""
    if find_spec("numba_cuda") is None:
        raise Problem("PTX is made by numba-cuda, which is not installed: pip install 'netlang[cuda]'")
    from numba import config

    if config.ENABLE_CUDASIM:
        raise Problem("PTX cannot be made where NUMBA_ENABLE_CUDASIM is set: Numba's simulator has no compiler")
    return _compiled(draft, capability)


def _compiled(draft: Draft, capability: tuple[int, int]) -> str:
    from numba import cuda, types

    kernel = draft.kernel
    scope: dict[str, Any] = {}
    exec(compile(kernel.text, f"<{kernel.name}>", "exec"), scope)  # the text is ours: netlang.primitives printed it
    function = scope["kernel"]
    function.__name__ = function.__qualname__ = kernel.name
    numbers = types.Array(types.float32 if "f32" in scope else types.float64, 1, "C")
    arguments = [numbers if isinstance(argument, Address) else types.int64 for argument in draft.args]
    arguments += [numbers] if draft.scratch[1] else []
    signature = types.void(types.Array(types.int64, 1, "C"), numbers, *arguments)
    text, _ = cuda.compile(function, signature, device=False, cc=capability, output="ptx", abi="numba")
    return str(text)
