"""One tensor's gradient: along random directions, then element by element."""

import math
from collections.abc import Callable
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.gradcheck.difference import STEPS, Slope, Verdict, first, judged
from netlang.record import dataclass

Array = NDArray[Any]
DIRECTIONS = 2  # of all elements together: a single wrong element among N shows as 1/sqrt(N) of its error
ELEMENTS = 3  # looked at one by one: the one with the largest gradient, and others at random
TRIES = 8  # directions before one is given up because all of them meet corners


@dataclass(frozen=True)
class Element:
    """An element's gradient, and the difference. error: relative to the larger of it and the usual one of its tensor"""

    index: tuple[int, ...]
    analytic: float
    numeric: float
    error: float


@dataclass
class Outcome:
    """What was found of one tensor.

    right: None where nothing could be judged; directions: judged; skipped: that met a corner at every step
    worst: of the elements looked at one by one; error: the largest, of directions and elements
    zero: whether the gradient is 0 throughout
    """

    right: bool | None = None
    directions: int = 0
    skipped: int = 0
    worst: Element | None = None
    error: float = 0.0
    zero: bool = False

    def count(self, verdict: Verdict, element: Element | None = None) -> None:
        """Take in one verdict."""
        if verdict.right is None:
            self.skipped += 1
            self.worst = self.worst or (element if self.right is False else None)
            return
        self.right = verdict.right and self.right is not False
        self.directions += 1
        self.error = max(self.error, verdict.error)
        if element is not None and (self.worst is None or element.error >= self.worst.error):
            self.worst = element


@dataclass
class Walk:
    """Moves one tensor while all others stay.

    value, gradient: the tensor and its gradient; loss: of another value in its place
    base, noise, floor, tolerance: as in `Slope` and `judged`
    told: the step at which a direction told last, and an element; walks of one net share it
    """

    value: Array
    gradient: Array
    loss: Callable[[Array], float]
    base: float
    noise: float
    floor: float
    tolerance: float
    rng: np.random.Generator
    told: dict[str, int]
    size: float = field(init=False)

    def __post_init__(self) -> None:
        self.size = scale(self.value)

    def checked(self) -> Outcome:
        """Compare along directions and elements; where one is wrong, look for the worst element."""
        found = Outcome(zero=not self.gradient.any())
        for _ in range(DIRECTIONS):
            self._direction(found)
            if found.right is False:
                return found
        for at in self._chosen():
            self._element(found, at)
        return found

    def _direction(self, found: Outcome) -> None:
        """A direction of all elements; another one where it meets corners."""
        for _ in range(TRIES):
            along = self.rng.choice((-1.0, 1.0), self.value.shape) * self.size
            verdict = self._judged(along, float(np.linalg.norm(self.gradient)) * self.size, "direction")
            found.count(verdict)
            if verdict.right is False:
                self._element(found, self._culprit(along, verdict.step))
            if verdict.right is not None:
                return

    def _judged(self, along: Array, size: float, kind: str) -> Verdict:
        analytic = float(np.sum(self.gradient * along))
        slope = Slope(
            lambda step: self.loss(self.value + step * along), self.base, analytic, size, self.floor, self.noise
        )
        verdict = judged(slope, self.tolerance, first(slope, self.tolerance, self.told.get(kind, 0)))
        self.told[kind] = verdict.step if verdict.right else 0
        return verdict

    def _chosen(self) -> list[int]:
        """Elements in their flat order."""
        count = self.value.size
        if count <= ELEMENTS:
            return list(range(count))
        largest = int(np.abs(self.gradient).argmax())
        return [largest, *map(int, self.rng.choice(count, ELEMENTS - 1, replace=False))]

    def _element(self, found: Outcome, at: int) -> None:
        index = tuple(map(int, np.unravel_index(at, self.value.shape)))
        along = np.zeros(self.value.shape)
        along[index] = self.size
        usual = float(np.linalg.norm(self.gradient)) / math.sqrt(self.value.size)
        verdict = self._judged(along, max(abs(float(self.gradient[index])), usual) * self.size, "element")
        found.count(verdict, Element(index, float(self.gradient[index]), verdict.numeric / self.size, verdict.error))

    def _culprit(self, along: Array, step: int) -> int:
        """The element with most of what is wrong along a direction, found by halves."""
        left = np.arange(self.value.size)
        while len(left) > 1:
            halves = left[: len(left) // 2], left[len(left) // 2 :]
            away = [self._away(half, along, STEPS[step]) for half in halves]
            left = halves[int(np.argmax(away))]
        return int(left[0])

    def _away(self, part: Array, along: Array, step: float) -> float:
        """How far difference and gradient are apart along a part of a direction."""
        only = np.zeros(self.value.shape)
        only.reshape(-1)[part] = along.reshape(-1)[part]
        numeric = (self.loss(self.value + step * only) - self.loss(self.value - step * only)) / (2 * step)
        return abs(numeric - float(np.sum(self.gradient * only)))


def scale(value: Array) -> float:
    """The usual size of a tensor's numbers; 1 where all are 0."""
    return float(np.sqrt(np.mean(value**2))) or 1.0
