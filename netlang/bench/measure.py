"""Timing that is fair to all: contenders take turns, so that what slows the machine down slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SAMPLE = 0.02  # seconds: a sample is as many calls as take this long, and a clock's error is far below it
SETTLE = 0.005  # seconds: OpenMP's threads spin for about a millisecond after their last work

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


def interleaved(
    contenders: Mapping[str, Work], repeat: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Timing]:
    """The timing of each contender: `repeat` rounds, in each of which every contender has one sample."""
    calls = {name: _calls(work, clock) for name, work in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeat):
        for name, work in contenders.items():
            _settle(work, clock)
            samples[name].append(_sample(work, calls[name], clock))
    return {name: Timing(tuple(found)) for name, found in samples.items()}


def _settle(work: Work, clock: Callable[[], float]) -> None:
    """Untimed calls: they bring code and data back into the caches, and the threads of the one before to rest."""
    began = clock()
    work()
    while clock() - began < SETTLE:
        work()


def _calls(work: Work, clock: Callable[[], float]) -> int:
    """Calls that take SAMPLE together; also the warm-up."""
    work()
    calls = 1
    while (took := _sample(work, calls, clock) * calls) < SAMPLE:
        calls = max(calls + 1, min(calls * 10, round(1.2 * calls * SAMPLE / max(took, 1e-7))))
    return calls


def _sample(work: Work, calls: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(calls):
        work()
    return (clock() - began) / calls
