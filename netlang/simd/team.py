"""The team block: what every kernel is told about the run, and the barrier between its threads.

A block is int64[64], aligned to 64 bytes. Words that threads wait for have a cache line of their own, two apart:
some processors fetch lines in pairs. All functions take the block's address, as kernels do.
"""

import ctypes

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import register_jitable

from netlang.simd.atomics import atomic_add, atomic_load, atomic_store, publish, wait_while
from netlang.simd.emitted import constant, emits, pointer

WORDS = 64  # of 8 bytes

# word numbers: written before a run, constant in it
THREADS, EXAMPLES, FIRST, STEP, SEED, RATE, TABLE, LAUNCHES = range(8)
# written during a run
STOP, STATUS = 8, 9  # asked to leave; what a kernel reports, 0 while all is well
ARRIVED = 16
GENERATION, GENERATION_SLEEPERS, STOPPED = 32, 33, 34  # barriers passed; STOP as of the last barrier
JOB, JOB_SLEEPERS = 48, 49  # runs begun, for the workers between runs


def team_block(threads: int) -> np.ndarray:
    """A block of zeros for so many threads: int64[64] at a multiple of 64 bytes."""
    raw = np.zeros(WORDS + 8, np.int64)
    skip = -raw.ctypes.data % 64 // 8
    block = raw[skip : skip + WORDS]
    block[THREADS] = threads
    return block


def _word(team: int, index: int) -> int:
    return ctypes.c_int64.from_address(team + 8 * index).value


def threads(team: int) -> int:
    """How many threads run the kernel."""
    return _word(team, THREADS)


def examples(team: int) -> int:
    """Examples in this batch, at most those the plan was made for."""
    return _word(team, EXAMPLES)


def first(team: int) -> int:
    """The public index of the batch's first example: where its random numbers start."""
    return _word(team, FIRST)


def step(team: int) -> int:
    """Optimizer steps, this one included: 1 in the first."""
    return _word(team, STEP)


def seed(team: int) -> int:
    """The key of all random numbers of the program."""
    return _word(team, SEED)


def rate(team: int) -> float:
    """The learning rate, float64."""
    return ctypes.c_double.from_address(team + 8 * RATE).value


def stopped(team: int) -> bool:
    """Whether the run was asked to end before the last barrier: the same answer in all threads."""
    return atomic_load(team + 8 * STOPPED) != 0


def report(team: int, status: int) -> None:
    """Tell the caller of the run, e.g. that a loss is not finite. 0 means that all is well; the last report stays."""
    atomic_store(team + 8 * STATUS, status)


def reported(team: int) -> int:
    """What `report` was last told in this run."""
    return atomic_load(team + 8 * STATUS)


def split(count: int, part: int, parts: int) -> tuple[int, int]:
    """The half-open range of part `part` when `count` things are cut into `parts`, even to within one."""
    return count * part // parts, count * (part + 1) // parts


def _field(function, index):
    @emits(function, types.int64(types.int64))
    def _(builder, team):
        return builder.load(pointer(builder, builder.add(team, constant(8 * index))), align=8)


for _function, _index in ((threads, THREADS), (examples, EXAMPLES), (first, FIRST), (step, STEP), (seed, SEED)):
    _field(_function, _index)


@emits(rate, types.float64(types.int64))
def _(builder, team):
    return builder.load(pointer(builder, builder.add(team, constant(8 * RATE)), ir.DoubleType()), align=8)


@emits(stopped, types.boolean(types.int64))
def _(builder, team):
    word = builder.load_atomic(pointer(builder, builder.add(team, constant(8 * STOPPED))), "monotonic", 8)
    return builder.icmp_signed("!=", word, constant(0))


@emits(report, types.void(types.int64, types.int64))
def _(builder, team, status):
    builder.store_atomic(status, pointer(builder, builder.add(team, constant(8 * STATUS))), "seq_cst", 8)


@emits(reported, types.int64(types.int64))
def _(builder, team):
    return builder.load_atomic(pointer(builder, builder.add(team, constant(8 * STATUS))), "seq_cst", 8)


@emits(split, types.UniTuple(types.int64, 2)(types.int64, types.int64, types.int64))
def _(builder, count, part, parts):
    def bound(index):
        return builder.udiv(builder.mul(count, index), parts)

    return bound(part), bound(builder.add(part, constant(1)))


@register_jitable(forceinline=True)  # calls would bring status checks, and with them the Python runtime
def barrier(team, thread):
    """Return when all threads of the team have come here; what they wrote before is then visible to all.

    The last to come publishes `stop` as `stopped`, so that all threads leave at the same barrier.
    """
    generation = atomic_load(team + 8 * GENERATION)  # cannot move before this thread has arrived
    if atomic_add(team + 8 * ARRIVED, 1) == threads(team) - 1:
        atomic_store(team + 8 * ARRIVED, 0)
        if atomic_load(team + 8 * STOP) != 0:
            atomic_store(team + 8 * STOPPED, 1)
        publish(team + 8 * GENERATION, generation + 1)
    else:
        wait_while(team + 8 * GENERATION, generation)
