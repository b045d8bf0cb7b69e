"""Kernels compiled to PTX. No driver is needed, and nothing runs."""

from importlib.util import find_spec
from typing import Any

from netlang.backend.cuda.machine import INSTALL, LEAST_CAPABILITY
from netlang.backend.cuda.target import simulated
from netlang.files import Problem
from netlang.primitives.launch import Address, Draft


def ptx(draft: Draft, capability: tuple[int, int] = LEAST_CAPABILITY) -> str:
    """The PTX of a kernel, for GPUs of this compute capability and above. Raises Problem where it cannot be made."""
    refuse_without_compiler()
    from numba import cuda

    function = function_of(draft)
    text, _ = cuda.compile(function, signature(draft), device=False, cc=capability, output="ptx", abi="numba")
    return str(text)


def refuse_without_compiler() -> None:
    """Raise Problem where PTX cannot be made."""
    if find_spec("numba_cuda") is None:
        raise Problem(f"PTX is made by numba-cuda, which is not installed: {INSTALL}")
    if simulated():
        raise Problem("PTX cannot be made where NUMBA_ENABLE_CUDASIM is set: Numba's simulator has no compiler")


def function_of(draft: Draft) -> Any:
    """The Python function that a kernel's text defines."""
    kernel = draft.kernel
    scope: dict[str, Any] = {}
    exec(compile(kernel.text, f"<{kernel.name}>", "exec"), scope)  # the text is ours: netlang.primitives printed it
    function = scope["kernel"]
    function.__name__ = function.__qualname__ = kernel.name
    return function


def signature(draft: Draft) -> Any:
    """Numba's types of a kernel's arguments: `team`, `rate`, its buffers, its sizes, the shared scratch."""
    from numba import types

    numbers = types.Array(types.float64 if " as f64" in draft.kernel.text else types.float32, 1, "C")
    arguments = [numbers if isinstance(argument, Address) else types.int64 for argument in draft.args]
    arguments += [numbers] if draft.scratch[1] else []
    return types.void(types.Array(types.int64, 1, "C"), numbers, *arguments)
