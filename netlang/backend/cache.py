"""From a kernel's text to the address of its compiled function, through the cache folder.

What is kept is object code, one file a kernel, under a name made of everything it depends on: the text, the sources
of netlang.simd, the versions of Numba, LLVM and Python, and the processor. A warm start loads these files by
llvmlite alone: it neither imports Numba nor unpickles anything. Why not Numba's own cache is told in
docs/design/kernel-contract.md.
"""

import linecache
import os
import platform
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llvmlite import binding

import netlang.simd
from netlang.backend import crew, folder
from netlang.backend.features import processor
from netlang.backend.shelf import Shelf, counts
from netlang.primitives.launch import KernelText

_GENERATORS = Path(str(netlang.simd.__file__)).parent, Path(__file__).with_name("compiler.py")
Kernel = tuple[KernelText, int]  # and its arity
_engines: list[Any] = []  # they own the machine code


def compiled(kernel: KernelText, arity: int = 3) -> int:
    """The address of a kernel's C function, void of `arity` int64. Equal texts are compiled once."""
    return _SHELF.ready((kernel, arity))


def missing(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Those of the kernels that would have to be compiled, each once."""
    return _SHELF.missing(kernels)


def compile_missing(batches: Iterable[Iterable[Kernel]], helpers: int | None = None) -> None:
    """Compile the kernels that are not kept, in several processes if they are many. As `Shelf` has it."""
    _SHELF.compile_missing(batches, helpers)


def forget() -> None:
    """Drop what this process has made ready, and its choice of a folder: the next kernel is looked up again."""
    _SHELF.forget()
    folder.forget()
    counts.compiled = counts.loaded = 0


def _job(key: Kernel) -> crew.Kernel:
    path = _path(key)
    return crew.Kernel(path.stem.replace("-", "_"), key[0].text, key[1], str(path.with_suffix(".py")))


def _compile(kernel: KernelText, arity: int) -> Any:
    from netlang.backend.compiler import compile_kernel  # Numba, only where something must be compiled

    job = _job((kernel, arity))
    return compile_kernel(job.name, job.text, job.arity, job.path)


def _load(symbol: str, code: bytes) -> int:
    """Put object code into memory; an engine of its own each, so that no symbols can meet.

    Raises RuntimeError if the object does not define the symbol.
    """
    _native()
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = int(engine.get_function_address(symbol))
    if not address:
        raise RuntimeError(f"no symbol {symbol}")
    _engines.append(engine)
    return address


@cache
def _native() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()


def _path(key: Kernel) -> Path:
    kernel, arity = key
    return folder.entry(environment(), kernel.name, f"{arity}\n{kernel.text}")


def environment() -> str:
    """A name for all that shapes machine code besides the text: one folder of the cache."""
    return _environment(processor())


@cache
def _environment(aim: tuple[str, str]) -> str:
    versions = version("numba"), version("llvmlite"), platform.python_version(), platform.machine(), platform.system()
    told = ((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))
    settings = sorted((name, value) for name, value in told if "CUDA" not in name)
    return folder.environment((*versions, *aim, settings), _GENERATORS)


_SHELF = Shelf(_job, _path, _load, lambda: folder.empty(environment()))


def interpreted(kernel: KernelText) -> Callable[..., None]:
    """The kernel as a plain Python function of the same arguments: for debuggers, coverage and tests."""
    from netlang.backend.compiler import load

    path = f"<{kernel.name}>"
    linecache.cache[path] = (len(kernel.text), None, kernel.text.splitlines(keepends=True), path)
    function: Callable[..., None] = load(kernel.text, path)["kernel"]
    return function


def source(kernel: KernelText) -> str:
    """The kernel as Python text, under the name of the file that is kept of it."""
    return f"# {_path((kernel, 3)).with_suffix('.py')}\n{kernel.text}"


def llvm(kernel: KernelText, arity: int = 3) -> str:
    """The optimised LLVM text. Compiles the kernel, even where it is kept."""
    text: str = _compile(kernel, arity).llvm
    return text


def assembly(kernel: KernelText, arity: int = 3) -> str:
    """The machine code as text. Compiles the kernel, even where it is kept."""
    text: str = _compile(kernel, arity).assembly()
    return text


def foreign_calls(kernel: KernelText, arity: int = 3) -> list[str]:
    """What the kernel would call that kernels may not (Numba's or Python's runtime): empty for a right one."""
    from netlang.backend.compiler import ForeignCallError
    from netlang.backend.compiler import foreign_calls as read_calls

    try:
        return read_calls(llvm(kernel, arity))
    except ForeignCallError as error:
        return str(error).rpartition(" calls ")[2].split(", ")
