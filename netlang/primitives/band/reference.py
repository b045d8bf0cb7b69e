"""Bands: shifted sums."""

import numpy as np

from netlang.primitives.band.op import Band
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Band, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """For each channel the sum of those around it."""
    (x,) = inputs
    channels = x.shape[-1]
    ranges = [(max(0, c - primitive.before), min(channels, c + primitive.after + 1)) for c in range(channels)]
    return np.stack([x[..., start:stop].sum(-1) for start, stop in ranges], -1)
