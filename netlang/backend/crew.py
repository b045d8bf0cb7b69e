"""Kernels compiled in several processes at once. Numba holds Python's lock while it works, so threads gain nothing.

A helper is another Python that reads jobs from its standard input and writes object code to its standard output: it
touches no file, runs nothing of the caller's script, and ends with the pipe. What a helper does not answer, because it
died or could not be started, is compiled here.
"""

import contextlib
import gc
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from netlang.backend.limits import thread_count
from netlang.record import dataclass

SHARE = 600  # lines of kernels for which a process is worth its start: a second of work beside 0.7
_SERVE = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from netlang.backend import crew; crew.serve()"
)


class Job(Protocol):
    """A kernel to compile, which helpers can be told."""

    @property
    def text(self) -> str:
        """The kernel's module."""
        ...

    @property
    def lines(self) -> int:
        """A measure of the work."""
        ...

    def compiled(self) -> "Code":
        """Do it."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel to compile for this processor: the arguments of `compiler.compile_kernel`."""

    name: str
    text: str
    arity: int
    path: str

    @property
    def lines(self) -> int:
        """A measure of the work."""
        return self.text.count("\n")

    def compiled(self) -> "Code":
        """Its object code. Raises ForeignCallError."""
        from netlang.backend.compiler import compile_kernel

        made = compile_kernel(self.name, self.text, self.arity, self.path)
        return Code(self, made.symbol, made.code)


@dataclass(frozen=True, slots=True)
class Code:
    """What became of a job."""

    job: Job
    symbol: str
    code: bytes


def spare(processors: int) -> int:
    """How many processes there may be besides this one."""
    if "python" not in Path(sys.executable or "").name:  # Python inside of another program: that would start again
        return 0
    return processors - 1


def helpers(jobs: Sequence[Job], processors: int) -> int:
    """How many processes besides this one are worth their start."""
    return max(0, min(spare(processors), sum(job.lines for job in jobs) // SHARE - 1))


class Jobs:
    """What is to be compiled, as it becomes known: the long ones first."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._all = False

    def add(self, jobs: Iterable[Job]) -> None:
        """More jobs."""
        with self._changed:
            self._waiting = deque(sorted([*self._waiting, *jobs], key=lambda job: -job.lines))
            self._changed.notify_all()

    def close(self) -> None:
        """No more will be added but what a helper puts back."""
        with self._changed:
            self._all = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Nothing is to be done any more."""
        with self._changed:
            self._waiting.clear()
        self.close()

    def take(self) -> Job | None:
        """One of them, or None if all are taken; waits until there is one or all are known."""
        with self._changed:
            while not self._waiting and not self._all:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None


class Crew:
    """Processes that compile: helpers as soon as jobs are known, and once all of them are this one.

    count: of the helpers; as many as are worth their start where none are asked for
    at_once: there will be much to do: one of them starts before any job is known
    """

    def __init__(self, count: int | None = None, *, at_once: bool = False) -> None:
        self._count, self._known = count, list[Job]()
        self._jobs, self._done = Jobs(), SimpleQueue[Code]()
        self._team: list[Helper] = []
        if at_once and count is None:
            self._start(min(1, spare(thread_count())))

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *error: object) -> None:
        self._jobs.clear()
        for helper in self._team:
            helper.end()

    def add(self, jobs: Iterable[Job]) -> None:
        """Begin with these."""
        more = list(jobs)
        self._known += more
        self._jobs.add(more)
        if more:
            self._start(helpers(self._known, thread_count()) if self._count is None else self._count)

    def _start(self, count: int) -> None:
        with contextlib.suppress(RuntimeError):  # the system starts no more threads
            for _ in range(count - len(self._team)):
                helper = Helper(self._jobs, self._done)
                helper.start()
                self._team.append(helper)

    def finish(self) -> Iterator[Code]:
        """Every job's code as it gets ready. Raises what compiling one raises."""
        self._jobs.close()
        yield from self._own()
        for helper in self._team:
            helper.join()
        yield from self._own()  # what a helper that died has put back

    def _own(self) -> Iterator[Code]:
        """What this process takes of the work, and what helpers have done meanwhile."""
        while job := self._jobs.take():
            yield job.compiled()
            yield from self._drained()
        yield from self._drained()

    def _drained(self) -> Iterator[Code]:
        while not self._done.empty():
            yield self._done.get()


class Helper(threading.Thread):
    """A process that takes jobs off the list, and the thread that talks to it."""

    def __init__(self, jobs: Jobs, done: "SimpleQueue[Code]") -> None:
        super().__init__(name="netlang-compiler", daemon=True)
        self._jobs, self._done = jobs, done
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Hand over one job after another, until none is left or the process fails."""
        with contextlib.suppress(OSError):
            command = [sys.executable, "-c", _SERVE]
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere) as self._process:
                self._tell(sys.path)
                while self._handed():
                    pass

    def _handed(self) -> bool:
        """Whether a job was done. One that was not goes back to the list."""
        job = self._jobs.take()
        if job is None:
            return False
        answer = None
        with contextlib.suppress(Exception):  # bytes that are no pickle raise whatever they like
            self._tell(job)
            assert self._process is not None
            assert self._process.stdout is not None
            answer = pickle.load(self._process.stdout)
        if answer is None:
            self._jobs.add([job])
            return False
        self._done.put(answer)
        return True

    def _tell(self, message: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(pickle.dumps(message))
        self._process.stdin.flush()

    def end(self) -> None:
        """Stop the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()


def serve() -> None:
    """A helper's side: answer each job with its code, or with None where it cannot be compiled."""
    gc.disable()  # a kernel leaves 3 MB; looking for what is garbage takes a twentieth of its compilation
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the caller, who then lets us go
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # whatever prints here must not meet the answers
    with contextlib.suppress(EOFError):
        while True:
            job = pickle.load(sys.stdin.buffer)
            try:
                answer = job.compiled()
            except Exception:  # the caller compiles it again, and sees what is wrong
                answer = None
            answers.write(pickle.dumps(answer))
            answers.flush()
