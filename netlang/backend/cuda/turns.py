"""The blocks of Numba's simulator with threads that take turns: each runs until it waits for others, or ends.

Numba's own run all at once and are looked at in a loop until all wait, which took four fifths of the time of a launch.
In turns, the order is the same every time, ascending in even blocks and descending in odd ones: a missing barrier shows
in one of them, whoever reads whose numbers. Threads that wait for each other for good are told.
"""

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np


class Meeting:
    """Threads that wait until all have come, and then get what is made of what they gave, each a part."""

    def __init__(self) -> None:
        self.given: dict[int, Any] = {}
        self.made: dict[int, Any] = {}
        self.rounds = 0

    def close(self, work: Callable[[list[Any]], list[Any]]) -> None:
        """All have come."""
        lanes = sorted(self.given)
        self.made = dict(zip(lanes, work([self.given[lane] for lane in lanes]), strict=True))
        self.given = {}
        self.rounds += 1


class Block:
    """One block of a launch, in the place of Numba's BlockManager."""

    def __init__(self, function: Callable[..., None], grid: tuple[int, ...], shape: tuple[int, ...], _: bool) -> None:
        self._grid_dim = grid
        self.function, self.shape = function, shape
        self.shared: dict[Any, Any] = {}  # arrays of the whole block, by where they are asked for
        self.meetings = defaultdict[int | None, Meeting](Meeting)  # of warps, by number, and of the block
        self.live = math.prod(shape)  # threads that have not ended, begun or not
        self.paused = deque[Worker]()
        self.idle = 0  # turns that were passed on since somebody did something
        self.failed: BaseException | None = None
        self.over = threading.Semaphore(0)

    def run(self, at: tuple[int, ...], *arguments: Any) -> None:
        """Run the block at a place of the grid. Raises what a thread raises, and RuntimeError where all wait."""
        points = list(np.ndindex(*self.shape))
        self.todo = deque(points[::-1] if sum(at) % 2 else points)
        self.at, self.arguments = at, arguments
        Worker(self).start()
        self.over.acquire()
        if self.failed:
            raise self.failed

    def ended(self) -> None:
        """A thread has: those that wait do so for one less."""
        self.live, self.idle = self.live - 1, 0
        whole = self.meetings[None]
        if whole.given and len(whole.given) == self.live:
            whole.close(list)

    def fail(self, error: BaseException) -> None:
        """All threads end."""
        self.failed = self.failed or error
        self.todo.clear()
        while self.paused:
            self.paused.popleft().turn.release()
        self.over.release()

    def pass_on(self) -> None:
        """The turn goes to a thread that has not begun, or else to the one that waits longest."""
        if self.todo:
            Worker(self).start()
        elif self.paused:
            self.paused.popleft().turn.release()
        else:
            self.over.release()


class _Failed(BaseException):
    """Another thread has."""


class Worker(threading.Thread):
    """Runs one thread of a block after the other; and has the attributes that Numba's functions read of a thread."""

    def __init__(self, block: Block) -> None:
        super().__init__(daemon=True)
        self._manager = block
        self.blockIdx = SimpleNamespace(**dict(zip("xyz", block.at, strict=True)))
        self.turn = threading.Semaphore(0)

    def run(self) -> None:
        """Threads that have not begun, as long as there are any."""
        block = self._manager
        try:
            while block.todo:
                x, y, z = block.todo.popleft()
                self.threadIdx = SimpleNamespace(x=x, y=y, z=z)
                self.thread_id = x + block.shape[0] * (y + block.shape[1] * z)
                block.function(*block.arguments)
                block.ended()
            block.pass_on()
        except _Failed:
            pass
        except BaseException as error:
            block.fail(error)

    def meet(self, group: int | None, lane: int, size: int, value: Any, work: Callable[[list[Any]], list[Any]]) -> Any:
        """What this thread gets of work([what each gives]), with so many of a group."""
        meeting = self._manager.meetings[group]
        rounds = meeting.rounds
        meeting.given[lane] = value
        if len(meeting.given) == size:
            meeting.close(work)
        while meeting.rounds == rounds:
            self.pause()
        self._manager.idle = 0
        return meeting.made[lane]

    def syncthreads(self) -> None:
        """Waits for all threads of the block that have not ended."""
        self.meet(None, self.thread_id, self._manager.live, None, list)

    def pause(self) -> None:
        """Others have their turn. Raises RuntimeError where none has anything to do."""
        block = self._manager
        block.idle += 1
        if block.idle > len(block.paused) + 2 and not block.todo:
            raise RuntimeError("the threads of a block wait for each other for good")
        block.paused.append(self)
        block.pass_on()
        self.turn.acquire()
        if block.failed:
            raise _Failed
