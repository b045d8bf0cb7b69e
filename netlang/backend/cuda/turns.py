"""The blocks of Numba's simulator with threads that take turns: each runs until it waits for others, or ends.

Numba's own run all at once and are looked at in a loop until all wait, which took four fifths of the time of a launch.
In turns, the order is the same every time, ascending in even blocks and descending in odd ones: a missing barrier shows
in one of them, whoever reads whose numbers. Threads that wait for each other for good are told.

They are greenlets of one thread of Python. Threads of its own took nine tenths of the time to hand on their turns.
"""

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from netlang.files import Problem

try:
    from greenlet import getcurrent, greenlet
except ModuleNotFoundError:
    raise Problem("Numba's simulator needs the package greenlet: `pip install greenlet`") from None

_OF_A_THREAD = ("_manager", "blockIdx", "threadIdx", "thread_id", "meet", "syncthreads")


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


class Turn:
    """A thread of a block: place, threadIdx; number, counted through all axes"""

    def __init__(self, run: Callable[[], None], place: tuple[int, ...], shape: tuple[int, ...]) -> None:
        x, y, z = place
        self.place, self.number = SimpleNamespace(x=x, y=y, z=z), x + shape[0] * (y + shape[1] * z)
        self.one = greenlet(run)


class Block:
    """One block of a launch, in the place of Numba's BlockManager.

    Meanwhile the thread of Python that runs it has the attributes that Numba's functions, and those of
    `netlang.simd.warp`, read of the one whose turn it is.
    """

    def __init__(self, function: Callable[..., None], grid: tuple[int, ...], shape: tuple[int, ...], _: bool) -> None:
        self._grid_dim = grid
        self.function, self.shape = function, shape
        self.shared: dict[Any, Any] = {}  # arrays of the whole block, by where they are asked for
        self.meetings = defaultdict[int | None, Meeting](Meeting)  # of warps, by number, and of the block
        self.live = math.prod(shape)  # threads that have not ended, begun or not
        self.idle = 0  # turns that ended since somebody did something

    def run(self, at: tuple[int, ...], *arguments: Any) -> None:
        """Run the block at a place of the grid. Raises what a thread raises, and RuntimeError where all wait."""
        self.seen = vars(threading.current_thread())
        before = {name: self.seen[name] for name in _OF_A_THREAD if name in self.seen}
        index = SimpleNamespace(**dict(zip("xyz", at, strict=True)))
        self.seen.update(_manager=self, blockIdx=index, meet=self.meet, syncthreads=self.syncthreads)
        try:
            self._run(sum(at) % 2 == 1, arguments)
        finally:
            for name in _OF_A_THREAD:
                self.seen.pop(name, None)
            self.seen.update(before)

    def _run(self, descending: bool, arguments: tuple[Any, ...]) -> None:
        """Who has not begun comes first, then who waits longest."""
        points = list(np.ndindex(*self.shape))
        waiting = deque[Turn]()
        try:
            for point in points[::-1] if descending else points:
                self._take(Turn(lambda: self._one(arguments), point, self.shape), waiting)
            while waiting:
                if self.idle > len(waiting) + 1:
                    raise RuntimeError("the threads of a block wait for each other for good")
                self._take(waiting.popleft(), waiting)
        finally:
            for turn in waiting:
                turn.one.throw()

    def _take(self, turn: Turn, waiting: deque[Turn]) -> None:
        self.seen["threadIdx"], self.seen["thread_id"] = turn.place, turn.number
        self.idle += 1
        turn.one.switch()
        if not turn.one.dead:
            waiting.append(turn)

    def _one(self, arguments: tuple[Any, ...]) -> None:
        self.function(*arguments)
        self.live, self.idle = self.live - 1, 0
        whole = self.meetings[None]
        if whole.given and len(whole.given) == self.live:
            whole.close(list)

    def meet(self, group: int | None, lane: int, size: int, value: Any, work: Callable[[list[Any]], list[Any]]) -> Any:
        """What the thread gets of work([what each gives]), with so many of a group."""
        meeting = self.meetings[group]
        rounds = meeting.rounds
        meeting.given[lane] = value
        if len(meeting.given) == size:
            meeting.close(work)
        while meeting.rounds == rounds:
            getcurrent().parent.switch()
        self.idle = 0
        return meeting.made[lane]

    def syncthreads(self) -> None:
        """Waits for all threads of the block that have not ended."""
        self.meet(None, self.seen["thread_id"], self.live, None, list)
