"""Kernels compiled in several processes at once. Numba holds Python's lock while it works, so threads gain nothing.

A helper is another Python that reads jobs from its standard input and writes object code to its standard output: it
touches no file, runs nothing of the caller's script, and ends with the pipe. What a helper does not answer, because it
died or could not be started, is compiled here.
"""

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

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


def helpers(jobs: Sequence[Job], processors: int) -> int:
    """How many processes besides this one are worth their start."""
    if "python" not in Path(sys.executable or "").name:  # Python inside of another program: that would start again
        return 0
    return max(0, min(processors, sum(job.lines for job in jobs) // SHARE) - 1)


def compile_all(jobs: Sequence[Job], helpers: int) -> Iterator[Code]:
    """Every job's code as it gets ready, the long ones first. Raises what compiling one raises."""
    waiting = deque(sorted(jobs, key=lambda job: -job.lines))
    done: SimpleQueue[Code] = SimpleQueue()
    team = [Helper(waiting, done) for _ in range(helpers)]
    for helper in team:
        helper.start()
    try:
        yield from _own(waiting, done)
        for helper in team:
            helper.join()
        yield from _own(waiting, done)  # what a helper that died has put back
    finally:
        waiting.clear()
        for helper in team:
            helper.end()


def _own(waiting: deque[Job], done: "SimpleQueue[Code]") -> Iterator[Code]:
    """What this process takes of the work, and what helpers have done meanwhile."""
    with contextlib.suppress(IndexError):
        while True:
            yield waiting.popleft().compiled()
            yield from _drained(done)
    yield from _drained(done)


def _drained(done: "SimpleQueue[Code]") -> Iterator[Code]:
    while not done.empty():
        yield done.get()


class Helper(threading.Thread):
    """A process that takes jobs off the list, and the thread that talks to it."""

    def __init__(self, waiting: deque[Job], done: "SimpleQueue[Code]") -> None:
        super().__init__(name="netlang-compiler", daemon=True)
        self._waiting, self._done = waiting, done
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
        try:
            job = self._waiting.popleft()
        except IndexError:
            return False
        answer = None
        with contextlib.suppress(Exception):  # bytes that are no pickle raise whatever they like
            self._tell(job)
            assert self._process is not None
            assert self._process.stdout is not None
            answer = pickle.load(self._process.stdout)
        if answer is None:
            self._waiting.append(job)
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
