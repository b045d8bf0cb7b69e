"""Threads of a team, each on a core of its own.

Linux wakes a thread where it ran last or where its waker runs, and elsewhere only if it finds a free core at once: it
does not look for one where all had much to do just now, and guests of some hypervisors keep together what has little to
do. A thread that sleeps between short runs may so be woken beside its caller again and again.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

Held = dict[int, tuple[set[int], set[int]]]  # of each thread: the cores it is kept to, and those it had before


def move_apart(cores: Mapping[int, int], held: Held) -> None:
    """Keep each thread but the first off the cores of the others if it shared one, and if one is free.

    Where the system knows no such thing, nothing happens.
    cores: of each thread of the team, by its number in the system
    held: gets what `give_back` takes, ahead of each change: whatever interrupts this, nothing is forgotten
    """
    left, taken = dict(cores), len({*cores.values()})
    with suppress(OSError, AttributeError, ValueError, IndexError):  # threads that ended; systems that are not Linux
        if taken >= len(os.sched_getaffinity(0)):
            return
        taken += strangers(cores)
        for thread in [*cores][1:]:
            others = {core for other, core in left.items() if other != thread}
            allowed = os.sched_getaffinity(thread)
            if left[thread] in others and taken < len(allowed) and allowed - others:
                held[thread] = allowed - others, allowed
                os.sched_setaffinity(thread, allowed - others)
                taken += 1
                del left[thread]


def give_back(held: Held) -> None:
    """Let threads run where they could before: they were moved, not bound. Who was bound since stays as it is."""
    while held:
        thread, (kept, before) = next(iter(held.items()))
        with suppress(OSError):
            if os.sched_getaffinity(thread) == kept:
                os.sched_setaffinity(thread, before)
        del held[thread]


def strangers(team: Iterable[int]) -> int:
    """How many threads of the whole system run, or could, that are none of the team."""
    running, _ = (PROC / "loadavg").read_text().split()[3].split("/")
    states = ((PROC / f"self/task/{thread}/stat").read_text().rpartition(") ")[2] for thread in team)
    return int(running) - sum(state.startswith("R") for state in states)
