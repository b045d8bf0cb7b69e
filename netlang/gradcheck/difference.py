"""A gradient against central differences along one direction, at several steps, away from corners and jumps."""

import math
from collections.abc import Callable

from netlang.record import dataclass

STEPS = tuple(10.0**-k for k in range(2, 9))  # relative to the size of what is moved
AGREE = 3  # steps whose differences must be near one another before a gradient is called wrong
FINE = 0.01  # of the tolerance: near enough not to take one more step
CLEAR = 0.1  # of the tolerance: what rounding may make of a difference at the step to begin with
NEAR = 0.1  # of what they are away from the gradient


@dataclass(frozen=True)
class Slope:
    """How a loss changes along a direction, as far as it is known without differences.

    loss: of a step along the direction; base: at a step of 0
    analytic: what the gradient says; size: what it would be if all its numbers added up like random ones
    floor: below this a slope counts as nothing: what other tensors' slopes, rounded, amount to
    noise: how far rounding moves the loss
    """

    loss: Callable[[float], float]
    base: float
    analytic: float
    size: float
    floor: float
    noise: float


@dataclass(frozen=True)
class Verdict:
    """right: None where differences of several steps do not agree with one another

    numeric: the difference at the step that told; error: relative; step: its place in STEPS
    """

    right: bool | None
    numeric: float
    error: float
    step: int


def first(slope: Slope, tolerance: float, last: int) -> int:
    """The step to begin with: a little larger than the one that told last, and not so small that rounding tells.

    Where a net has many corners, large steps only take time.
    """
    fit = slope.noise / (CLEAR * tolerance * max(slope.size, slope.floor, 1e-300))
    clear = sum(step >= fit for step in STEPS) - 1
    return max(min(last - 1, clear, len(STEPS) - AGREE), 0)


def judged(slope: Slope, tolerance: float, start: int = 0) -> Verdict:
    """Compare, from large steps to small ones.

    A step is small enough where the difference is within the tolerance of the gradient; that it is so by chance is as
    unlikely as the tolerance is small. A gradient is wrong where steps far from one another give one difference, on
    both sides of the point, and it is another. Corners between the two ends of a step make neither happen, and so does
    a corner at the point: then the differences of the two sides do not come nearer with smaller steps.
    """
    tried: list[tuple[float, float]] = []
    numeric = error = math.inf
    close: Verdict | None = None  # near enough; one more step may show that it is nearer
    for k in range(start, len(STEPS)):
        rounding = slope.noise / STEPS[k]
        if len(tried) >= AGREE and rounding > tolerance * max(slope.size, slope.floor):
            break
        up, down = slope.loss(STEPS[k]), slope.loss(-STEPS[k])
        plain, bend = (up - down) / (2 * STEPS[k]), (up - 2 * slope.base + down) / STEPS[k]
        numeric = min((plain, *_extrapolated(plain, tried)), key=lambda n: abs(n - slope.analytic))
        scale = max(slope.size, abs(plain), slope.floor, rounding / tolerance)
        away = abs(numeric - slope.analytic)
        error = away / scale if scale else 0.0
        verdict = Verdict(True, numeric, error, k)
        if close is not None or error <= FINE * tolerance:
            return min(verdict, close or verdict, key=lambda v: v.error)
        if error <= tolerance:
            close = verdict
        tried.append((plain, bend))
        if not math.isfinite(slope.analytic) or _settled(tried, away, rounding):
            return Verdict(False, numeric, error, k)
    return close or Verdict(None, numeric, error, len(STEPS) - 1)


def _extrapolated(plain: float, tried: list[tuple[float, float]]) -> list[float]:
    """What the difference would be at a step of 0, told by this step and the one before (Richardson 1911, section 1).

    The error of a central difference is a multiple of the step's square.
    """
    ratio = (STEPS[0] / STEPS[1]) ** 2
    return [(ratio * plain - tried[-1][0]) / (ratio - 1)] if tried else []


def _settled(tried: list[tuple[float, float]], away: float, rounding: float) -> bool:
    """Whether the last steps agree with one another, and the two sides of the point too."""
    last = [plain for plain, _ in tried[-AGREE:]]
    spread = max(last) - min(last)
    return len(last) == AGREE and max(spread, rounding, abs(tried[-1][1]) / 2) <= NEAR * away
