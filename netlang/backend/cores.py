"""Threads of a team, each on a core of its own.

Linux wakes a thread where it ran last or where its waker runs, and elsewhere only if it finds a free core at once: it
does not look for one where all had much to do just now, and guests of some hypervisors keep together what has little to
do. A thread that sleeps between short runs may so be woken beside its caller again and again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")


@contextmanager
def apart(cores: Mapping[int, int]) -> Iterator[bool]:
    """Within it each thread but the first keeps off the cores of the others if it shared one, and if one is free.

    Afterwards it may run where it could before: it is moved, not held. Where the system knows no such thing, nothing
    happens. Gives whether some thread is moved.
    cores: of each thread of the team, by its number in the system
    """
    held = dict[int, set[int]]()
    left = dict(cores)
    with suppress(OSError, AttributeError, ValueError):  # threads that ended; systems that are not Linux
        taken = strangers(cores) + len({*cores.values()})
        for thread in [*cores][1:]:
            others = {core for other, core in left.items() if other != thread}
            allowed = os.sched_getaffinity(thread)
            if left[thread] in others and taken < len(allowed) and allowed - others:
                os.sched_setaffinity(thread, allowed - others)
                held[thread] = allowed
                taken += 1
                del left[thread]
    try:
        yield bool(held)
    finally:
        for thread, allowed in held.items():
            with suppress(OSError):
                os.sched_setaffinity(thread, allowed)


def strangers(team: Iterable[int]) -> int:
    """How many threads of the whole system run, or could, that are none of the team."""
    running, _ = (PROC / "loadavg").read_text().split()[3].split("/")
    states = ((PROC / f"self/task/{thread}/stat").read_text().rpartition(") ")[2] for thread in team)
    return int(running) - sum(state.startswith("R") for state in states)
