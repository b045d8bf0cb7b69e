"""Timing that is fair to all: contenders take turns, so that what slows the machine down slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

from netlang.record import dataclass

SAMPLE = 0.02  # seconds: a sample is as many calls as take this long, and a clock's error is far below it
SETTLE = 0.02  # seconds of untimed calls before each sample: until Linux has given each thread a core of its own
NAP, LONGEST = 0.005, 40  # seconds; and naps, at most, until the threads of the contender before sleep
IDLE = 0.1  # of a nap's length: more processor time means that some thread of the process still spins

Work = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Seconds per call of each sample."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds per call."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """From the fastest to the slowest sample, as a share of the median."""
        return (max(self.samples) - min(self.samples)) / self.median


def until_idle() -> None:
    """Wait until no thread of the process spins: beside them those of the next contender would be put on one core.

    OpenMP's threads spin for some 10 ms after their last work, ONNX Runtime's for 35.
    """
    for _ in range(LONGEST):
        before = time.process_time()
        time.sleep(NAP)
        if time.process_time() - before < IDLE * NAP:
            return


def interleaved(
    contenders: Mapping[str, Work],
    repeat: int,
    clock: Callable[[], float] = time.perf_counter,
    rest: Callable[[], None] = until_idle,
) -> dict[str, Timing]:
    """The timing of each contender: `repeat` rounds, in each of which every contender has one sample.

    rest: what is done before each sample
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeat):
        for name, work in contenders.items():
            rest()
            _sample(work, SETTLE, clock)
            samples[name].append(_sample(work, SAMPLE, clock))
    return {name: Timing(tuple(found)) for name, found in samples.items()}


def _sample(work: Work, least: float, clock: Callable[[], float]) -> float:
    """Seconds a call, of as many as take `least` seconds together. A sample that nobody keeps warms the caches."""
    began, calls, more = clock(), 0, 1
    while True:
        for _ in range(more):
            work()
        calls += more
        took = clock() - began
        if took >= least:
            return took / calls
        more = calls  # asked twice as late each time, a clock takes nothing of what is short
