"""The team block: what every kernel is told about its run, and the words by which threads meet. Does not import Numba.

A block is int64[64 + 8 * threads], aligned to 64 bytes. Words that threads wait for have a cache line of their own, two
apart: some processors fetch lines in pairs.
"""

import numpy as np
from numpy.typing import NDArray

WORDS = 64  # of 8 bytes
LEAD, BARRIER, SHARE, CLAIM = -1, -2, -3, -4  # what `meet` is asked for; a number from 0: to follow from that job on

# word numbers: written before a run, constant in it
THREADS, EXAMPLES, FIRST, STEP, SEED, RATE, TABLE, LAUNCHES = range(8)
# written during a run
STOP, STATUS, DONE = 8, 9, 10  # asked to leave; what a kernel reports, 0 while all is well; launches finished
BESIDE = 11  # runs in a row in which threads shared a core
MEET = 12  # written once: the address of the kernel by which threads meet (team.py, `meet`)
ENDED = 13  # when the last run did, in nanoseconds
ARRIVED = 16
QUEUE = 24  # who is through with its own share of a loop takes a piece of the others' (team.py, `claim`)
GENERATION, GENERATION_SLEEPERS, STOPPED = 32, 33, 34  # barriers passed; STOP as of the last barrier
JOB, JOB_SLEEPERS = 48, 49  # runs begun, for the workers between runs
# behind all others, a line for each thread: the core it began its last run on; whether it shared that with another; the
# loops whose pieces it has seen the end of; and three words in which it asks for things and is answered
EACH = 8
CORES, SHARES, LOOPS, ASKED = WORDS, WORDS + 1, WORDS + 2, WORDS + 3


def team_block(threads: int) -> NDArray[np.int64]:
    """A block of zeros for so many threads: int64[64 + 8 * threads] at a multiple of 64 bytes."""
    words = WORDS + EACH * threads
    raw = np.zeros(words + 8, np.int64)
    skip = -raw.ctypes.data % 64 // 8
    block: NDArray[np.int64] = raw[skip : skip + words]
    block[SHARES::EACH] = 1  # until they know better
    block[THREADS] = threads
    return block
