"""CUDA kernels as machine code: compiled and assembled for one kind of GPU, kept in the cache folder, launched.

They are launched as numba-cuda launches its own kernels, by `cuda.core`; only that those would be compiled again in
every process.
"""

import platform
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import netlang.simd
from netlang.backend import crew, folder
from netlang.backend.cuda.ptx import Typed, ptx
from netlang.backend.shelf import Shelf
from netlang.record import dataclass

_GENERATORS = (
    Path(str(netlang.simd.__file__)).parent,
    *(Path(__file__).with_name(name) for name in ("ptx.py", "assembled.py")),
)
_COMPILERS = ("numba", "numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink")
_ENTRY = re.compile(r"^\s*\.visible \.entry (\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Compilation:
    """A kernel to compile for GPUs of exactly this compute capability."""

    kernel: Typed
    capability: tuple[int, int]

    @property
    def text(self) -> str:
        """What is compiled."""
        return self.kernel.kernel.text

    @property
    def lines(self) -> int:
        """A measure of the work."""
        return self.text.count("\n")

    def compiled(self) -> crew.Code:
        """Its machine code."""
        from netlang.backend.cuda.assembled import machine_code

        text = ptx(self.kernel, self.capability)
        (symbol,) = _ENTRY.findall(text)
        return crew.Code(self, symbol, machine_code(text, "sm_{}{}".format(*self.capability))[0])


@dataclass(frozen=True, slots=True)
class Loaded:
    """A kernel, and the library it is of, which has to stay."""

    kernel: Any
    library: Any


def loaded(kernel: Typed) -> Loaded:
    """A kernel as `launch` takes it. Equal ones are compiled once."""
    return _SHELF.ready(Compilation(kernel, _capability()))


def missing(kernels: Iterable[Typed]) -> list[Compilation]:
    """Those that would have to be compiled, each once."""
    return _SHELF.missing(Compilation(kernel, _capability()) for kernel in kernels)


def compile_missing(batches: Iterable[Iterable[Typed]]) -> None:
    """Compile those that are not kept, in several processes if they are many."""
    _SHELF.compile_missing((Compilation(kernel, _capability()) for kernel in kernels) for kernels in batches)


def flat(arguments: Iterable[Any]) -> list[int]:
    """The words that Numba's kernels take: a number is one, an array of one axis seven."""
    words = []
    for argument in arguments:
        if isinstance(argument, int):
            words.append(argument)
            continue
        (count,), size = argument.shape, argument.dtype.itemsize
        address = argument.__cuda_array_interface__["data"][0]
        words += [0, 0, count, size, address, count, size]  # two addresses that stay Numba's own; shape, stride
    return words


def launch(kernel: Loaded, grid: tuple[int, int], stream: Any, words: Sequence[int], *, together: bool = False) -> None:
    """Put a kernel on a stream. grid: blocks, and threads of a block; words: as `flat` gives them

    together: a cooperative launch, which the driver refuses where not all blocks can be there at once
    """
    from cuda.core import LaunchConfig
    from cuda.core import launch as launched

    launched(stream, LaunchConfig(grid=grid[0], block=grid[1], is_cooperative=together), kernel.kernel, *words)


def _capability() -> tuple[int, int]:
    from netlang.backend.cuda.imported import cuda

    major, minor = cuda.get_current_device().compute_capability[:2]
    return int(major), int(minor)


def _path(job: Compilation) -> Path:
    return folder.entry(_environment(job.capability), job.kernel.kernel.name, f"{job.kernel.arguments}\n{job.text}")


@cache
def _environment(capability: tuple[int, int]) -> str:
    told = "cuda", capability, platform.python_version(), [version(name) for name in _COMPILERS]
    return folder.environment(told, _GENERATORS)


def _load(symbol: str, code: bytes) -> Loaded:
    """What the driver makes of machine code. Raises what it says of damaged code."""
    from cuda.core import ObjectCode

    library = ObjectCode.from_cubin(code)
    return Loaded(library.get_kernel(symbol), library)


def _job(compilation: Compilation) -> Compilation:
    return compilation


_SHELF = Shelf(_job, _path, _load, lambda: False)
