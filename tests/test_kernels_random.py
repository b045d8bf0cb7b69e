"""Contractions of random shapes: kernels, strides, dilations and paddings that differ between height and width.

NETLANG_RANDOM says how many shapes; the ordinary run takes 200.
"""

import os
import random

import pytest
from kernels import assert_kernel_agrees
from test_kernels_contraction import ROLES, operands, sided

SHAPES = int(os.environ.get("NETLANG_RANDOM", "200"))
PARTS = 4


def drawn(seed):
    """n, size, kernel, stride, pad, dilation, channels in and out: whole vectors of them, and others."""
    some = random.Random(seed)

    def pair(*of):
        return some.choice(of), some.choice(of)

    kernel, stride, dilation = pair(1, 1, 2, 3, 3, 5, 7), pair(1, 1, 2, 3), pair(1, 1, 2)
    pad = tuple(some.choice((0, 0, 1, 2, 3)) for _ in range(4))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(max(1, span - pad[i] - pad[i + 2]) + some.choice((0, 1, 3, 6)) for i, span in enumerate(spans))
    n, c, f = (
        some.choice((1, 2, 3, 11, 17)),
        some.choice((1, 3, 5, 16, 17, 32, 33)),
        some.choice((1, 3, 16, 17, 32, 48)),
    )
    return n, size, kernel, stride, pad, dilation, c, f


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("role", ROLES)
def test_contractions_of_random_shapes_agree_with_the_reference(role, part):
    for seed in range(part, SHAPES, PARTS):
        n, size, kernel, stride, pad, dilation, c, f = drawn(seed)
        for lanes in "cn":
            primitive = sided(role, lanes, kernel=kernel, stride=stride, pad=pad, dilation=dilation, size=size)
            x, w, y = ("n", *size, c), (*kernel, c, f), ("n", *primitive.windows, f)
            assert_kernel_agrees(primitive, operands(primitive, "f32", x, w, y), n=n, lanes=lanes)
