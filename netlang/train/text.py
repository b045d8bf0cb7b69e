"""Texts as examples: characters to tokens and back, and how a trained net continues one."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.files import Problem
from netlang.types import Tensor

Array = NDArray[Any]
STEPS = 64  # characters of an example where the net leaves its length open


def steps(input: Tensor) -> int:
    """How many characters an example of a net has that reads tokens; `STEPS` where it says nothing."""
    length = input.shape[1] if input.classes else STEPS
    return length if isinstance(length, int) else STEPS


def alphabet(text: str) -> str:
    """Every character of a text once, sorted: the token of a character is its place here."""
    return "".join(sorted(set(text)))


def tokens(text: str, letters: str) -> Array:
    """int64[n]: the place of each character among the letters. Raises Problem that names those that have none."""
    strange = sorted(set(text) - set(letters))
    if strange:
        raise Problem(f"the net has not learned {', '.join(map(repr, strange))}; its text had {letters!r}")
    place = {letter: k for k, letter in enumerate(letters)}
    return np.array([place[letter] for letter in text], np.int64)


def stretches(text: str, steps: int) -> tuple[Array, Array]:
    """The text cut into stretches x int64[n, steps], and for each character the one behind it, y int64[n, steps].

    What is left at the end, shorter than a stretch, is not used.
    """
    found = tokens(text, alphabet(text))
    n = max(0, len(found) - 1) // steps
    return found[: n * steps].reshape(n, steps), found[1 : n * steps + 1].reshape(n, steps)


def continued(
    answer: Callable[[Array], Array], start: Array, steps: int, letters: int, temperature: float, seed: int
) -> Iterator[int]:
    """Tokens that go on where `start` ends, without end; each is drawn from what the net answers to those before it.

    answer: of tokens [n, steps], shares [n, steps, vocabulary]; it sees the last `steps` tokens
    letters: how many tokens stand for something; temperature: shares are raised to the power of its inverse, 0 takes
        the largest. Raises Problem where the net looks ahead.
    """
    _refuse_looking_ahead(answer, steps, letters)
    random = np.random.Generator(np.random.Philox(key=seed))
    seen = list(start)
    while True:
        now = seen[-steps:]
        x = np.zeros((1, steps), np.int32)
        x[0, : len(now)] = now
        shares = answer(x)[0, len(now) - 1, :letters].astype(np.float64)
        seen.append(_drawn(shares, temperature, random.random()))
        yield seen[-1]


def _drawn(shares: Array, temperature: float, chance: float) -> int:
    """The token at which the sum of the tempered shares passes `chance` of their total."""
    if temperature == 0:
        return int(shares.argmax())
    scores = np.log(np.maximum(shares, np.finfo(np.float64).tiny))
    with np.errstate(over="ignore"):  # next to 0 all but the largest become shares of nothing
        sums = np.exp((scores - scores.max()) / temperature).cumsum()
    return int(np.searchsorted(sums, chance * sums[-1], side="right").clip(max=len(shares) - 1))


def _refuse_looking_ahead(answer: Callable[[Array], Array], steps: int, letters: int) -> None:
    """Raise Problem where the last token changes what is answered before it."""
    x = np.arange(steps, dtype=np.int32)[None] % letters
    other = x.copy()
    other[0, -1] = (x[0, -1] + 1) % letters
    if not np.array_equal(answer(x)[0, :-1], answer(other)[0, :-1]):
        raise Problem("the net reads what comes behind a character before it answers: it cannot continue a text")
