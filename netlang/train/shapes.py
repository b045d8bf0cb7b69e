"""The data `shapes`: noisy pictures of discs, squares and triangles, with the class of every pixel."""

from typing import Any

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

Array = NDArray[Any]
CLASSES = ("paper", "disc", "square", "triangle")
COUNT, SIDE = 1000, 24  # pictures, and the pixels of their height and width
MOST = 3  # shapes in a picture; a later one covers what lies under it
RADIUS = (4, 7)  # pixels, from the centre to the border of a square; the upper end is left out
PAPER, INK, NOISE = 0.2, (0.5, 1.0), 0.15  # brightness; that of a shape says nothing about its class


def drawn() -> tuple[Array, Array]:
    """Pictures x float32[1000, 24, 24, 1], brightness about 0 to 1, and y int64[1000, 24, 24], places in CLASSES.

    The same pictures every time: a function of constants and of NumPy's Philox generator.
    """
    random = Generator(Philox(key=0))
    x, y = np.full((COUNT, SIDE, SIDE), PAPER), np.zeros((COUNT, SIDE, SIDE), np.int64)
    for picture, classes in zip(x, y, strict=True):
        for _ in range(random.integers(1, MOST + 1)):
            kind = int(random.integers(1, len(CLASSES)))
            inside = _inside(CLASSES[kind], random.integers(0, SIDE, 2), int(random.integers(*RADIUS)))
            picture[inside], classes[inside] = random.uniform(*INK), kind
    x += random.uniform(-NOISE, NOISE, x.shape)
    return x[..., None].astype(np.float32), y


def _inside(shape: str, centre: Array, radius: int) -> Array:
    """bool[24, 24]: which pixels a shape covers. A triangle stands on its base, its height twice the radius."""
    down, right = np.mgrid[:SIDE, :SIDE] - centre[:, None, None]
    if shape == "disc":
        return np.asarray(down**2 + right**2 <= radius**2)
    if shape == "square":
        return np.asarray(np.maximum(abs(down), abs(right)) <= radius)
    return np.asarray((abs(down) <= radius) & (2 * abs(right) <= down + radius))
