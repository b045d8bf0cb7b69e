"""Threads that run the launches of a plan together, each in one loop without Python.

The loops are one kernel like all others (`meet` in netlang/simd/team.py), compiled through the cache and called by
ctypes, which lets go of the interpreter's lock; kernels call it too, where threads meet. Thread 0 is the caller's own;
for long work it is one more thread, so that the caller's can wait where Ctrl-C reaches it.
"""

import ctypes
import os
import struct
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netlang.backend import cache
from netlang.backend.cores import Held, give_back, move_apart
from netlang.backend.exclusive import Exclusive
from netlang.backend.limits import OutOfThreadsError, thread_count
from netlang.primitives.launch import KernelText
from netlang.simd import block as fields

MEET = KernelText(
    "meet",
    "from netlang.simd.team import meet\n\n\ndef kernel(what, team, thread):\n    meet(what, team, thread)\n",
)
_KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_TOLD, _AT = struct.Struct("4qd5q"), 8 * fields.EXAMPLES  # the words EXAMPLES to DONE; one by one they take 2 µs
BESIDE = 2  # runs in a row in which threads shared a core, after which they are moved apart
OFTEN, SELDOM = 0.001, 1.0  # seconds between two such tries; longer each time that they follow each other
HEARD = 0.5  # seconds of one wait: a signal that comes just before it begins is heard at its end
_NO_MORE = (
    "the system gives {} of {} threads; try fewer (--threads, or NETLANG_THREADS), or raise its limit (ulimit -u)"
)
_LEFT_OVER = "the threads of this program are gone: it was closed"


def tell(
    table: NDArray[np.int64], examples: int, first: int = 0, step: int = 0, seed: int = 0, rate: float = 0.0
) -> bytes:
    """What a run of a table tells its kernels, as `Team.run` has it; the table must live as long."""
    assert table.dtype == np.int64, "a table is int64[k, 3]"
    return _TOLD.pack(examples, first, step, seed, rate, address(table), len(table), 0, 0, 0)


def address(array: NDArray[Any]) -> int:
    """Where an array begins that lies in one piece, in a third of the 0.8 µs that NumPy takes to tell."""
    assert array.flags.c_contiguous, "row behind row"
    if not array.size or not array.flags.writeable:
        return int(array.ctypes.data)
    memory: Any = array
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def ready(block: NDArray[np.int64]) -> NDArray[np.int64]:
    """A team block (`netlang.simd.block`), and in it what kernels meet by."""
    block[fields.MEET] = cache.compiled(MEET)
    return block


class Outcome(NamedTuple):
    """How a run ended.

    launches: how many were finished, all of the table unless the run was stopped
    status: what a kernel reported last, 0 if none did
    """

    launches: int
    status: int


class Team:
    """Threads that wait, asleep, for tables of launches.

    Used by one caller at a time; a second one meanwhile gets BusyError. After a fork the child has a team of its own.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = thread_count(threads)
        self._reset()
        _TEAMS.add(self)

    def _reset(self) -> None:
        self._block = fields.team_block(self.threads)
        self._words = self._block.data  # which gives and takes words in half the time
        self._bytes = self._words.cast("B")[_AT : _AT + _TOLD.size]
        self._team = self._block.ctypes.data
        self._lead: Callable[[], None] | None = None
        self._exclusive = Exclusive()
        self._workers: list[threading.Thread] = []
        self._closing: weakref.finalize[..., Team] | None = None
        self._closed = False
        self._held: Held = {}
        self._tried, self._wait = 0.0, OFTEN

    def run(
        self,
        table: NDArray[np.int64],
        examples: int = 0,
        *,
        first: int = 0,
        step: int = 0,
        seed: int = 0,
        rate: float = 0.0,
        long: bool = False,
        each: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Run all launches of a table.

        table:    int64[k, 3]: kernel address, address of its argument block, whether a barrier follows
        examples: in this batch; first: public index of the first one
        step, seed, rate: what kernels read from the team block
        long:     the run may take more than a moment: wait for it where Ctrl-C is heard. It then ends at the next
                  barrier, and KeyboardInterrupt is raised when all threads have left.
        each:     called with a launch's number after it, one launch at a time: for checks

        Raises BusyError if the team is running already, OutOfThreadsError if its threads cannot be started.
        """
        told = tell(table, examples, first, step, seed, rate)
        run = partial(self._step_through, told, long, each) if each else partial(self._outcome, told, long)
        return self._exclusive.run(run)

    def again(self, told: bytes) -> None:
        """A run of no more than a moment, for callers that see themselves that they are one at a time.

        told: by `tell`
        """
        self._tell(told)
        self._run(long=False)

    def _tell(self, told: bytes) -> None:
        """Tell the kernels the numbers of a run."""
        if self._closed:
            raise RuntimeError(_LEFT_OVER)
        self._bytes[:] = told
        self._words[fields.STOPPED] = 0

    def _run(self, long: bool) -> None:
        """A run of the table that the block tells."""
        lead = self._lead or self._begin()
        if self._held:  # an interrupt came before they were given back
            give_back(self._held)
        if long:
            self._lead_elsewhere(lead)
        elif self._words[fields.BESIDE] >= BESIDE and self._tries():
            self._lead_apart(lead)
        else:
            lead()

    def _outcome(self, told: bytes, long: bool) -> Outcome:
        self._tell(told)
        self._run(long)
        return Outcome(self._words[fields.DONE], self._words[fields.STATUS])

    def _step_through(self, told: bytes, long: bool, each: Callable[[int], None]) -> Outcome:
        self._tell(told)
        table, launches = self._words[fields.TABLE], self._words[fields.LAUNCHES]
        done = 0
        while done < launches:
            self._words[fields.TABLE], self._words[fields.LAUNCHES] = table + 24 * done, 1
            self._run(long)
            if not self._words[fields.DONE]:
                break
            each(done)
            done += 1
        return Outcome(done, self._words[fields.STATUS])

    def _lead_apart(self, lead: Callable[[], None]) -> None:
        """Run with threads that shared a core moved to others. Not for long runs: Linux spreads those itself."""
        numbers = threading.get_native_id(), *(worker.native_id or 0 for worker in self._workers)
        cores = self._block[fields.CORES :: fields.EACH].tolist()
        try:
            move_apart(dict(zip(numbers, cores, strict=False)), self._held)  # an interrupt may have left threads unborn
            lead()
        finally:
            give_back(self._held)

    def _tries(self) -> bool:
        """Whether it is time to move threads apart: where it is no use for long it is tried once a second."""
        since = time.monotonic() - self._tried
        if since < self._wait:
            return False
        self._wait = OFTEN if since > 10 * self._wait else min(2 * self._wait, SELDOM)
        self._tried += since
        return True

    def _lead_elsewhere(self, lead: Callable[[], None]) -> None:
        """Run as thread 0 in a thread of its own; an interrupt asks the team to stop, and is raised when it has.

        Where the system starts no more threads, it is run in this one, and no interrupt is heard.
        """
        claim, finished = threading.Lock(), threading.Event()

        def first() -> None:
            if claim.acquire(blocking=False):
                lead()
                finished.set()

        interrupt: BaseException | None = None
        while not finished.is_set():  # not join(): interrupted, it takes the thread for ended (CPython, gh-90985)
            try:
                if interrupt:
                    self.stop()
                threading.Thread(target=first, name="netlang-0", daemon=True).start()  # only one of them gets the claim
                while not finished.wait(HEARD):
                    pass
            except RuntimeError:  # of Thread.start
                first()
            except BaseException as error:
                interrupt = error
        if interrupt:
            raise interrupt

    def stop(self) -> None:
        """Ask the run under way to end at its next barrier. From any thread; without a run it does nothing."""
        self._words[fields.STOP] = 1

    def _begin(self) -> Callable[[], None]:
        """Start the other threads. Returns what leads them through a run."""
        meet = _KERNEL(int(ready(self._block)[fields.MEET]))
        self._lead = partial(meet, fields.LEAD, self._team, 0)
        job = self._words[fields.JOB]
        self._workers = []
        try:
            for i in range(1, self.threads):
                worker = threading.Thread(target=meet, args=(job, self._team, i), name=f"netlang-{i}", daemon=True)
                worker.start()
                self._workers.append(worker)
        except RuntimeError:
            begun, self._lead = self._lead, None
            _send_home(self._block, begun, self._workers)
            raise OutOfThreadsError(_NO_MORE.format(1 + len(self._workers), self.threads)) from None
        if self._workers:
            self._closing = weakref.finalize(self, _send_home, self._block, self._lead, self._workers)
        return self._lead

    def close(self) -> None:
        """End the threads. Also done when the team is garbage, and at the end of the process."""
        self._exclusive.run(self._end, wait=True)

    def _end(self) -> None:
        self._closed = True
        if self._closing:
            self._closing()
            self._workers = []

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _forked(self) -> None:
        """In the child of a fork: the threads stayed with the parent."""
        closed = self._closed
        if self._closing:
            self._closing.detach()
        self._reset()
        self._closed = closed


def _send_home(block: NDArray[np.int64], lead: Callable[[], None], workers: list[threading.Thread]) -> None:
    block[fields.LAUNCHES] = -1
    lead()
    for worker in workers:
        worker.join()


_TEAMS: "weakref.WeakSet[Team]" = weakref.WeakSet()


def _forked() -> None:
    for team in list(_TEAMS):
        team._forked()


os.register_at_fork(after_in_child=_forked)
