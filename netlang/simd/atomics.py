"""Atomic words, and waiting for one to change. The only file that knows processors and operating systems.

A waiter spins for 2 µs, then offers its core to others, and after 1 ms sleeps in the kernel: two spinners of a team
on one core would hold each other up for a whole time slice per barrier. Every word that is waited for is followed by
the count of its sleepers, so that waking costs nothing when nobody sleeps.
"""

import ctypes
import platform
import sys
import threading
import time

from llvmlite import ir
from numba import types

from netlang.simd.emitted import INT32, INT64, constant, emits, extern, inlined, pointer

_LINUX = sys.platform == "linux"
_X86 = platform.machine() in ("x86_64", "AMD64")
_ARM = platform.machine() in ("aarch64", "arm64")
SPIN_NANOSECONDS = 2_000  # even loads meet within 1 µs; 20 µs cost 20.8 µs a barrier on a shared core, this 3.7
SPIN_ALONE = 200_000  # of who shares no core with its team: strangers keep for milliseconds what they are offered
PARK_NANOSECONDS = 1_000_000
SLEEPERS = 8  # bytes from a word to the count of its sleepers

# Bits of the register that says how floats are computed, FTZ and DAZ of MXCSR, or FZ of FPCR. A number below the least
# normal one (1.2e-38 in float32) is read and written as zero: Intel's processors take 150 cycles for an operation on
# one, and gradients of a saturated softmax and the means of weights that get no gradient any more are such numbers
_FLUSH = 0x8040 if _X86 else 1 << 24
_FUTEX = 202 if _X86 else 98  # the system call's number; 98 in the table that all newer architectures share
_FUTEX_WAIT_PRIVATE, _FUTEX_WAKE_PRIVATE = 128, 129
_MONOTONIC = 1 if _LINUX else 6  # CLOCK_MONOTONIC
_NAP_MICROSECONDS = 200  # where there is no futex
_EVERYBODY = 2**31 - 1
_LOCK = threading.Lock()  # makes the plain Python bodies atomic


def atomic_load(address: int) -> int:
    """The int64 at an address, as the other threads last wrote it."""
    return ctypes.c_int64.from_address(address).value


def atomic_store(address: int, value: int) -> None:
    """Write an int64; whoever reads it also sees all that was written before."""
    ctypes.c_int64.from_address(address).value = value


def atomic_add(address: int, value: int) -> int:
    """Add to an int64; returns what was there before."""
    with _LOCK:
        cell = ctypes.c_int64.from_address(address)
        before = cell.value
        cell.value = before + value
        return before


def compare_and_swap(address: int, seen: int, value: int) -> bool:
    """Write an int64 if the address still holds what was `seen`; whether it did."""
    with _LOCK:
        cell = ctypes.c_int64.from_address(address)
        same = cell.value == seen
        if same:
            cell.value = value
        return same


def spin_hint() -> None:
    """Tell the core that this is a waiting loop."""


def nanoseconds() -> int:
    """A clock that only goes forward."""
    return time.monotonic_ns()


def core(thread: int) -> int:
    """The number of the core that the caller, this thread of its team, runs on; its own where nobody can tell."""
    return thread


def flush_denormals() -> int:
    """Let this thread take denormal numbers for zero; returns what `restore` takes. Does nothing to NumPy's."""
    return 0


def restore(before: int) -> None:
    """Let this thread compute with floats as before."""


def give_way() -> None:
    """Let another thread have the core."""
    time.sleep(0)


def sleep_while(word: int, value: int) -> None:
    """Sleep until woken, unless the word has another value already. May wake without reason."""
    if atomic_load(word) == value:
        time.sleep(_NAP_MICROSECONDS / 1e6)


def wake_all(word: int) -> None:
    """Wake everybody who sleeps on the word."""


@emits(atomic_load, types.int64(types.int64))
def _(builder, address):
    return builder.load_atomic(pointer(builder, address), "seq_cst", 8)


@emits(atomic_store, types.void(types.int64, types.int64))
def _(builder, address, value):
    builder.store_atomic(value, pointer(builder, address), "seq_cst", 8)


@emits(atomic_add, types.int64(types.int64, types.int64))
def _(builder, address, value):
    return builder.atomic_rmw("add", pointer(builder, address), value, "seq_cst")


@emits(compare_and_swap, types.boolean(types.int64, types.int64, types.int64))
def _(builder, address, seen, value):
    swapped = builder.cmpxchg(pointer(builder, address), seen, value, "seq_cst", "seq_cst")
    return builder.extract_value(swapped, 1)


@emits(spin_hint, types.void())
def _(builder):
    if _X86:
        builder.call(extern(builder, "llvm.x86.sse2.pause", ir.VoidType()), [])
    elif _ARM:
        builder.call(extern(builder, "llvm.aarch64.hint", ir.VoidType(), INT32), [constant(1, INT32)])  # yield


@emits(nanoseconds, types.int64())
def _(builder):
    pair = ir.ArrayType(INT64, 2)
    with builder.goto_entry_block():
        now = builder.alloca(pair)
    clock = extern(builder, "clock_gettime", INT32, INT32, pair.as_pointer())
    builder.call(clock, [constant(_MONOTONIC, INT32), now])
    seconds, fraction = (builder.extract_value(builder.load(now), i) for i in (0, 1))
    return builder.add(builder.mul(seconds, constant(10**9)), fraction)


@emits(core, types.int64(types.int64))
def _(builder, thread):
    if not _LINUX:
        return thread
    return builder.sext(builder.call(extern(builder, "sched_getcpu", INT32), []), INT64)


@emits(flush_denormals, types.int64())
def _(builder):
    if _X86:
        with builder.goto_entry_block():
            word = builder.alloca(INT32)
        builder.call(extern(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), word.type), [word])
        before = builder.zext(builder.load(word), INT64)
    elif _ARM:
        before = builder.call(extern(builder, "llvm.aarch64.get.fpcr", INT64), [])
    else:
        return constant(0)
    _compute(builder, builder.or_(before, constant(_FLUSH)))
    return before


@emits(restore, types.void(types.int64))
def _(builder, before):
    _compute(builder, before)


def _compute(builder, how):
    """Write the register."""
    if _X86:
        with builder.goto_entry_block():
            word = builder.alloca(INT32)
        builder.store(builder.trunc(how, INT32), word)
        builder.call(extern(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), word.type), [word])
    elif _ARM:
        builder.call(extern(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), INT64), [how])


@emits(give_way, types.void())
def _(builder):
    builder.call(extern(builder, "sched_yield", INT32), [])


def _futex(builder, word, operation, value):
    call = extern(builder, "syscall", INT64, INT64, variadic=True)
    arguments = [constant(_FUTEX), pointer(builder, word), constant(operation), value]
    builder.call(call, [*arguments, constant(0), constant(0), constant(0)])


@emits(sleep_while, types.void(types.int64, types.int64))
def _(builder, word, value):
    if _LINUX:
        _futex(builder, word, _FUTEX_WAIT_PRIVATE, value)  # compares the low 32 bits: all of them are little-endian
    else:
        builder.call(extern(builder, "usleep", INT32, INT32), [constant(_NAP_MICROSECONDS, INT32)])


@emits(wake_all, types.void(types.int64))
def _(builder, word):
    if _LINUX:
        _futex(builder, word, _FUTEX_WAKE_PRIVATE, constant(_EVERYBODY))


@inlined(types.void(*[types.int64] * 4))
def wait_while(word, value, spin, park):
    """Return when the word, an address, no longer holds the value. Followed by its count of sleepers.

    spin, park: nanoseconds after which to offer the core to others, and to sleep
    """
    started = nanoseconds()
    while True:
        for _ in range(32):
            if atomic_load(word) != value:
                return
            spin_hint()
        waited = nanoseconds() - started
        if waited > park:
            atomic_add(word + SLEEPERS, 1)
            sleep_while(word, value)
            atomic_add(word + SLEEPERS, -1)
        elif waited > spin:
            give_way()


@inlined(types.void(types.int64, types.int64))
def publish(word, value):
    """Store a new value and wake all who wait for it."""
    atomic_store(word, value)
    if atomic_load(word + SLEEPERS) > 0:
        wake_all(word)
