"""Whether this machine can run CUDA kernels, and in plain words what it lacks.

It asks the driver's own library, in milliseconds and without Numba.
"""

import ctypes
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from netlang.backend.cuda.target import simulated
from netlang.files import Problem
from netlang.record import dataclass

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
LEAST_DRIVER = 13000  # CUDA 13.0, as cuDriverGetVersion counts: what the compiler of the extra `cuda` is made for
LEAST_CAPABILITY = (8, 0)  # Ampere: the oldest that PTX is made for
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
_MULTIPROCESSORS, _CLOCK, _MEMORY_CLOCK, _BUS = 16, 13, 36, 37  # ..._MULTIPROCESSOR_COUNT, and so on; kHz, bits
# Multiply-adds that a multiprocessor begins in a cycle, by how products are made (NVIDIA's white papers on the A100 and
# the H100, tables of their multiprocessors; sparsity left out).
PER_CYCLE = {(8, 0): {"fma": 64, "tf32": 512, "bf16": 1024}, (9, 0): {"fma": 128, "tf32": 1024, "bf16": 2048}}
TOOLKIT = {"nvvm": "the compiler (libnvvm)", "nvJitLink": "the assembler (libnvJitLink)"}
INSTALL = "pip install 'netlang[cuda]'"


@dataclass(frozen=True, slots=True)
class Gpu:
    """The first GPU.

    capability: its compute capability; driver: the CUDA version of the driver, as 13000 for 13.0
    multiprocessors; clock, memory_clock: the highest, in kHz; bus: of the memory, in bits; 0 where nobody says
    """

    name: str
    capability: tuple[int, int]
    driver: int
    multiprocessors: int = 0
    clock: int = 0
    memory_clock: int = 0
    bus: int = 0

    def peak(self, products: str) -> float | None:
        """Operations a second of products "fma", "tf32" or "bf16", two a multiply-add; None where nobody says."""
        each = PER_CYCLE.get(self.capability, {}).get(products, 0)
        return 2.0 * each * self.multiprocessors * self.clock * 1e3 or None

    @property
    def bandwidth(self) -> float | None:
        """Bytes a second that the memory moves at two bits a cycle and line; None where nobody says."""
        return 2.0 * self.memory_clock * 1e3 * self.bus / 8 or None


def found(load: Callable[[str], Any] = ctypes.CDLL) -> Gpu | str:
    """The GPU kernels would run on, or the sentence that says why there is none.

    load: how the driver's library is opened; raises OSError where it is not there
    """
    if simulated():
        return Gpu("Numba's simulator", LEAST_CAPABILITY, LEAST_DRIVER)
    try:
        library = load(LIBRARY)
    except OSError:
        return f"there is no NVIDIA driver here ({LIBRARY} cannot be loaded): install NVIDIA's driver for the GPU"
    if status := library.cuInit(0):
        if status == NO_DEVICE:
            return "the NVIDIA driver finds no GPU on this machine"
        return f"the NVIDIA driver does not start (cuInit gives error {status})"
    return _first(library)


def _first(library: Any) -> Gpu | str:
    """The first GPU of a driver that has started, or why it will not do."""
    driver = _number(library.cuDriverGetVersion)
    if _number(library.cuDeviceGetCount) == 0:
        return "the NVIDIA driver finds no GPU on this machine"
    device = _number(library.cuDeviceGet, 0)
    asked = (_MAJOR, _MINOR, _MULTIPROCESSORS, _CLOCK, _MEMORY_CLOCK, _BUS)
    major, minor, *rest = (_number(library.cuDeviceGetAttribute, which, device) for which in asked)
    text = ctypes.create_string_buffer(256)
    library.cuDeviceGetName(text, 256, device)
    gpu = Gpu(text.value.decode(errors="replace"), (major, minor), driver, *rest)
    if gpu.capability < LEAST_CAPABILITY:
        least = "{}.{}".format(*LEAST_CAPABILITY)
        return f"{gpu.name} has compute capability {major}.{minor}, and kernels are made for {least} and above"
    if driver < LEAST_DRIVER:
        return f"the NVIDIA driver is one for CUDA {shown(driver)}, and {shown(LEAST_DRIVER)} is needed: update it"
    return gpu


def _number(ask: Callable[..., int], *what: int) -> int:
    """What the driver answers into its first argument."""
    answer = ctypes.c_int()
    ask(ctypes.byref(answer), *what)
    return answer.value


def shown(driver: int) -> str:
    """The CUDA version of a driver as people write it."""
    return f"{driver // 1000}.{driver % 1000 // 10}"


def missing(load: Callable[[str], Any] = ctypes.CDLL) -> list[str]:
    """Everything that is missing to run on a GPU, a sentence each; nothing where all is there."""
    gpu = found(load)
    return [*([gpu] if isinstance(gpu, str) else []), *missing_compiler()]


def missing_compiler() -> list[str]:
    """Everything that is missing to compile kernels, likewise; the simulator needs nothing."""
    if simulated():
        return []
    if find_spec("numba_cuda") is None:
        return [f"numba-cuda, which compiles the kernels, is not installed: {INSTALL}"]
    return [f"{what} of CUDA's toolkit is not found: {INSTALL}" for name, what in TOOLKIT.items() if not _there(name)]


def _there(library: str) -> bool:
    """Whether a library of the toolkit is found where numba-cuda looks: wheels, conda, CUDA_HOME."""
    from cuda.pathfinder import DynamicLibNotFoundError, load_nvidia_dynamic_lib

    try:
        load_nvidia_dynamic_lib(library)
    except DynamicLibNotFoundError:
        return False
    return True


def refuse_without_gpu() -> None:
    """Raise Problem where nothing can run on a GPU."""
    if lacking := missing():
        raise Problem(f"CUDA cannot be used here: {lacking[0]}")
