"""From a kernel's text to the address of its compiled function, through the cache folder.

What is kept is object code, one file a kernel, under a name made of everything it depends on: the text, the sources
of netlang.simd, the versions of Numba, LLVM and Python, and the processor. A warm start loads these files by
llvmlite alone: it neither imports Numba nor unpickles anything. Why not Numba's own cache is told in
docs/design/kernel-contract.md.
"""

import hashlib
import linecache
import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llvmlite import binding

import netlang.simd
from netlang.backend import crew, folder
from netlang.backend.features import processor
from netlang.backend.limits import thread_count
from netlang.files import there
from netlang.primitives.launch import KernelText

_GENERATORS = (
    Path(str(netlang.simd.__file__)).parent,
    *(Path(__file__).with_name(name) for name in ("compiler.py", "frontend.py")),
)
Kernel = tuple[KernelText, int]  # and its arity


@dataclass(slots=True)
class Counts:
    """Kernels made ready by this process: compiled anew, and loaded from the cache."""

    compiled: int = 0
    loaded: int = 0


counts = Counts()
_addresses: dict[tuple[str, int], int] = {}
_engines: list[Any] = []  # they own the machine code


def compiled(kernel: KernelText, arity: int = 3) -> int:
    """The address of a kernel's C function, void of `arity` int64. Equal texts are compiled once."""
    key = kernel.text, arity
    if key not in _addresses:
        _addresses[key] = _from_file(kernel, arity) or _from_text(kernel, arity)
    return _addresses[key]


def missing(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Those of the kernels that would have to be compiled, each once."""
    new = ((kernel, arity) for kernel, arity in dict.fromkeys(kernels) if (kernel.text, arity) not in _addresses)
    return [(kernel, arity) for kernel, arity in new if not there(_path(kernel, arity))]


def compile_missing(kernels: Iterable[Kernel], helpers: int | None = None) -> None:
    """Compile the kernels that are not kept, in several processes if they are many.

    helpers: processes besides this one; as many as are worth their start where none are asked for
    """
    jobs = {_job(kernel, arity): _path(kernel, arity) for kernel, arity in missing(kernels)}
    if helpers is None:
        helpers = crew.helpers(list(jobs), thread_count()) if jobs else 0
    for made in crew.compile_all(list(jobs), helpers):
        _addresses[made.job.text, made.job.arity] = _kept(made, jobs[made.job])


def forget() -> None:
    """Drop what this process has made ready, and its choice of a folder: the next kernel is looked up again."""
    _addresses.clear()
    folder.forget()
    counts.compiled = counts.loaded = 0


def _from_file(kernel: KernelText, arity: int) -> int:
    """The address of a kept kernel, 0 if there is none or it is damaged."""
    path = _path(kernel, arity)
    entry = folder.read(path)
    if entry is None:
        return 0
    try:
        address = _load(*entry)
    except Exception:  # whatever is wrong with a file of the cache, making it again is right
        folder.discard(path)
        return 0
    counts.loaded += 1
    return address


def _from_text(kernel: KernelText, arity: int) -> int:
    (made,) = crew.compile_all([_job(kernel, arity)], 0)
    return _kept(made, _path(kernel, arity))


def _kept(made: crew.Code, path: Path) -> int:
    """The address of a kernel just compiled, which is kept for the next process."""
    folder.write(path, made.symbol, made.code)
    folder.write_atomically(path.with_suffix(".py"), made.job.text.encode())
    counts.compiled += 1
    return _load(made.symbol, made.code)


def _job(kernel: KernelText, arity: int) -> crew.Job:
    path = _path(kernel, arity)
    return crew.Job(path.stem.replace("-", "_"), kernel.text, arity, str(path.with_suffix(".py")))


def _compile(kernel: KernelText, arity: int) -> Any:
    from netlang.backend.compiler import compile_kernel  # Numba, only where something must be compiled

    job = _job(kernel, arity)
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


def _path(kernel: KernelText, arity: int) -> Path:
    digest = hashlib.sha256(f"{arity}\n{kernel.text}".encode()).hexdigest()[:32]
    return folder.folder() / environment() / f"{kernel.name}-{digest}.o"


def environment() -> str:
    """A name for all that shapes machine code besides the text: one folder of the cache."""
    return _environment(processor())


@cache
def _environment(aim: tuple[str, str]) -> str:
    digest = hashlib.sha256()
    versions = version("numba"), version("llvmlite"), platform.python_version(), platform.machine(), platform.system()
    told = ((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))
    settings = sorted((name, value) for name, value in told if "CUDA" not in name)
    digest.update(repr((*versions, *aim, settings)).encode())
    for place in _GENERATORS:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def interpreted(kernel: KernelText) -> Callable[..., None]:
    """The kernel as a plain Python function of the same arguments: for debuggers, coverage and tests."""
    from netlang.backend.compiler import load

    path = f"<{kernel.name}>"
    linecache.cache[path] = (len(kernel.text), None, kernel.text.splitlines(keepends=True), path)
    function: Callable[..., None] = load(kernel.text, path)["kernel"]
    return function


def source(kernel: KernelText) -> str:
    """The kernel as Python text, under the name of the file that is kept of it."""
    return f"# {_path(kernel, 3).with_suffix('.py')}\n{kernel.text}"


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
