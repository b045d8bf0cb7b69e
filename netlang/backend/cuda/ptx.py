"""Kernels compiled to PTX. No driver is needed, and nothing runs."""

from typing import Any

from netlang.backend.cuda.machine import LEAST_CAPABILITY, missing_compiler
from netlang.backend.cuda.target import simulated
from netlang.files import Problem
from netlang.primitives.launch import Address, Draft, KernelText
from netlang.record import dataclass


@dataclass(frozen=True, slots=True)
class Typed:
    """A kernel, and what its arguments are by Numba's names: "float32[]" an array of such numbers, "int64" a size."""

    kernel: KernelText
    arguments: tuple[str, ...]


def typed(draft: Draft) -> Typed:
    """The kernel of a launch with its arguments: `team`, `rate`, its buffers, its sizes, the shared scratch."""
    numbers = "float64[]" if " as f64" in draft.kernel.text else "float32[]"
    arguments = [numbers if isinstance(argument, Address) else "int64" for argument in draft.args]
    arguments += [numbers] if draft.scratch[1] else []
    return Typed(draft.kernel, ("int64[]", numbers, *arguments))


def ptx(kernel: Typed, capability: tuple[int, int] = LEAST_CAPABILITY) -> str:
    """The PTX of a kernel, for GPUs of this compute capability and above. Raises Problem where it cannot be made."""
    refuse_without_compiler()
    from netlang.backend.cuda.imported import cuda

    function = function_of(kernel.kernel)
    text, _ = cuda.compile(function, signature(kernel), device=False, cc=capability, output="ptx", abi="numba")
    return str(text)


def refuse_without_compiler() -> None:
    """Raise Problem where PTX cannot be made."""
    if simulated():
        raise Problem("PTX cannot be made where NUMBA_ENABLE_CUDASIM is set: Numba's simulator has no compiler")
    if lacking := missing_compiler():
        raise Problem(f"PTX cannot be made here: {lacking[0]}")


def function_of(kernel: KernelText) -> Any:
    """The Python function that a kernel's text defines."""
    scope: dict[str, Any] = {}
    exec(compile(kernel.text, f"<{kernel.name}>", "exec"), scope)  # the text is ours: netlang.primitives printed it
    function = scope["kernel"]
    function.__name__ = function.__qualname__ = kernel.name
    return function


def signature(kernel: Typed) -> Any:
    """Numba's signature of a kernel."""
    from numba import types

    def type_of(name: str) -> Any:
        scalar = getattr(types, name.removesuffix("[]").replace("bool", "boolean"))
        return types.Array(scalar, 1, "C") if name.endswith("[]") else scalar

    return types.void(*map(type_of, kernel.arguments))
