"""What NVIDIA's assembler makes of a kernel: registers, memory, and how much of a GPU its blocks can fill.

The assembler is nvJitLink, from the wheels of the extra `cuda`: no driver is needed, and nothing runs.
"""

import re

from netlang.backend.cuda.ptx import ptx, typed
from netlang.primitives.launch import Draft
from netlang.record import dataclass

ARCHITECTURES = {"sm_80": (8, 0), "sm_90": (9, 0)}
WARP = 32  # threads

# Of a multiprocessor (CUDA C++ Programming Guide 13, "Technical Specifications per Compute Capability").
WARPS, BLOCKS, REGISTERS = 64, 32, 65536
SHARED = {"sm_80": 164 * 1024, "sm_90": 228 * 1024}  # bytes
RESERVED = {"sm_80": 1024, "sm_90": 0}  # bytes that each block takes besides: for sm_90 the assembler has counted them
REGISTER_UNIT = 256  # registers are given to a warp in such pieces
TWO_BLOCKS, TOO_MANY = 128, 168  # registers of a thread: of two blocks of 256; of one that will not do with 128
PARTS = 4  # of a multiprocessor: each has a quarter of the registers


@dataclass(frozen=True, slots=True)
class Use:
    """What one kernel takes. registers: of a thread; shared: bytes of a block; spilled, stack: bytes of a thread

    blocks: of this many threads that a multiprocessor holds at once; occupancy: the part of its warps that they are
    """

    architecture: str
    threads: int
    registers: int
    shared: int
    spilled: int
    stack: int

    @property
    def blocks(self) -> int:
        """At once on a multiprocessor: what registers, shared memory, warps and the limit of blocks allow."""
        warps = -(-self.threads // WARP)
        of_warp = -(-self.registers * WARP // REGISTER_UNIT) * REGISTER_UNIT
        by_registers = REGISTERS // PARTS // of_warp * PARTS // warps
        by_memory = SHARED[self.architecture] // max(1, self.shared + RESERVED[self.architecture])
        return min(BLOCKS, WARPS // warps, by_registers, by_memory)

    @property
    def occupancy(self) -> float:
        """From 0 to 1."""
        return self.blocks * -(-self.threads // WARP) / WARPS

    def __str__(self) -> str:
        spilled = f"{self.spilled} bytes spilled, " if self.spilled or self.stack else ""
        return (
            f"{self.architecture}: {self.registers} registers, {spilled}{self.shared:,} bytes shared, "
            f"{self.blocks} blocks at once, occupancy {self.occupancy:.0%}"
        )


def use(draft: Draft, architecture: str) -> Use:
    """What a kernel takes on a GPU of this architecture. Raises Problem where PTX cannot be made."""
    return assembled(ptx(typed(draft), ARCHITECTURES[architecture]), architecture, draft.grid[1])


def machine_code(text: str, architecture: str) -> tuple[bytes, str]:
    """What a kernel's PTX becomes, and what the assembler says of it.

    Where it takes some registers more than two blocks of 256 threads have, and can do without them, it does.
    """
    code, said = _linked(text, architecture)
    if TWO_BLOCKS < _registers(said) <= TOO_MANY:
        less = _linked(text, architecture, TWO_BLOCKS)
        if not any(_spilled(less[1])):
            return less
    return code, said


def _linked(text: str, architecture: str, registers: int | None = None) -> tuple[bytes, str]:
    """With at most so many registers of a thread."""
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch=architecture, verbose=True, max_register_count=registers)
    linker = Linker(ObjectCode.from_ptx(text.encode()), options=options)
    code = linker.link("cubin").code
    return bytes(code), str(linker.get_info_log())


def assembled(text: str, architecture: str, threads: int) -> Use:
    """What a kernel's PTX takes of a GPU."""
    said = machine_code(text, architecture)[1]
    stack, stored, loaded = _spilled(said)
    registers = _registers(said)
    shared = re.search(r"(\d+) bytes smem", said)
    return Use(architecture, threads, registers, int(shared[1]) if shared else 0, stored + loaded, stack)


def _registers(said: str) -> int:
    """Of a thread."""
    return _numbers(r"[Uu]sed (\d+) registers", said)[0]


def _spilled(said: str) -> tuple[int, ...]:
    """Bytes of the stack, and of those that registers are stored to and loaded from."""
    return _numbers(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)


def _numbers(pattern: str, said: str) -> tuple[int, ...]:
    found = re.search(pattern, said)
    assert found, f"the assembler says {said!r}"
    return tuple(map(int, found.groups()))
