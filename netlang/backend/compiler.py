"""A kernel's text, compiled by Numba to the object code of one C function. Only this file and netlang.simd load it.

Kernels must not touch Python: they run without its lock, in threads it does not know. Whatever would make Numba call
its runtime (an exception, an allocation, a function it could not inline) is refused here, before it can crash.
"""

import contextlib
import gc
import re
from collections.abc import Callable, Iterator
from typing import Any

import numba
from llvmlite import binding
from numba import cfunc, types

from netlang.backend.features import UnknownTargetError, override, processor
from netlang.record import dataclass
from netlang.simd.frontend import KernelCompiler

FASTMATH = {"contract", "nsz"}  # not nnan, ninf: NaN must travel; not reassoc: range reductions rely on the order
_DECLARED = re.compile(r"^declare [^@]*@\"?([\w.$]+)\"?\(", re.MULTILINE)
_AIMED: dict[str, tuple[str, str]] = {}  # "processor": what the first compilation of this process was for
_FORBIDDEN = re.compile(r"^(NRT_|Py|_Py|numba_)")


class ForeignCallError(AssertionError):
    """A kernel would call what kernels may not: Numba's or Python's runtime, or a function nobody defines."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """One compiled C function: its symbol, the object file that defines it, and what a person may read."""

    symbol: str
    code: bytes
    llvm: str
    assembly: Callable[[], str]  # takes as long as a tenth of the compilation


def compile_kernel(name: str, text: str, arity: int, path: str) -> Compilation:
    """Compile the function `kernel` of a text, void of `arity` int64.

    path: what tracebacks and debuggers call the text. Raises ForeignCallError.
    """
    _aim()
    function = load(text, path)["kernel"]
    function.__qualname__ = function.__name__ = name
    options: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "fastmath": FASTMATH}
    signature = types.void(*[types.int64] * arity)
    with _uncollected(), _optimised():
        compiled = cfunc(signature, nopython=True, pipeline_class=KernelCompiler, **options)(function)
    library = compiled._library
    llvm = library.get_llvm_str()
    foreign = foreign_calls(llvm)
    if foreign:
        raise ForeignCallError(f"the kernel {name} ({path}) calls {', '.join(foreign)}")
    return Compilation(compiled.native_name, library._get_compiled_object(), llvm, library.get_asm_str)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without looks for garbage meanwhile: Numba's trees are all alive, and going through them takes an eighth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def _optimised() -> Iterator[None]:
    """As fast as can be, whatever NUMBA_OPT says: unoptimised kernels call Python's runtime."""
    was = numba.config.OPT
    numba.config.OPT = type(was)(3)
    try:
        yield
    finally:
        numba.config.OPT = was


def load(text: str, path: str) -> dict[str, Any]:
    """The names a text defines, in plain Python."""
    scope: dict[str, Any] = {"__name__": "netlang.generated", "__file__": path}
    exec(compile(text, path, "exec"), scope)  # the text is ours: what netlang.primitives printed
    return scope


def foreign_calls(llvm: str) -> list[str]:
    """The functions that LLVM text declares and a kernel may not call."""
    names = sorted(set(_DECLARED.findall(llvm)))
    return [n for n in names if not n.startswith("llvm.") and (_FORBIDDEN.match(n) or not _exists(n))]


def _exists(symbol: str) -> bool:
    return binding.address_of_symbol(symbol) is not None


def _aim() -> None:
    """Compile for the processor that NETLANG_TARGET names. Numba asks only once in a process: later is too late."""
    wanted = processor()
    aimed = _AIMED.setdefault("processor", wanted)
    if aimed != wanted:
        raise UnknownTargetError(f"Numba already compiles for {aimed[0]} in this process; set NETLANG_TARGET before.")
    if override():
        numba.config.CPU_NAME, numba.config.CPU_FEATURES = wanted
