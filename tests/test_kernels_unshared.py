"""Unshared convolutions: each place by weights of its own."""

from itertools import product

import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.unshared.op import Unshared
from netlang.types import Tensor

# n, size, kernel, stride, pad, channels, filters
SHAPES = {
    "padded": (5, (4, 5), (3, 3), (1, 1), (1, 1, 1, 1), 18, 3),
    "valid, one channel": (2, (6, 6), (3, 2), (1, 1), (0, 0, 0, 0), 1, 35),
    "stride 2, uneven pad": (17, (5, 4), (3, 2), (2, 2), (1, 0, 2, 1), 3, 16),
    "a tap that never meets the image": (2, (2, 2), (2, 2), (3, 3), (4, 4, 4, 4), 3, 2),
}


@pytest.mark.parametrize("role", ["out", "data", "weight"])
@pytest.mark.parametrize(("name", "lanes", "dtype"), [*product(SHAPES, "cn", ["f32"]), ("padded", "c", "f64")])
def test_kernels_agree_with_the_reference(name, role, lanes, dtype):
    n, size, kernel, stride, pad, c, f = SHAPES[name]
    primitive = Unshared(role, kernel, stride, pad, size)
    x, y = (Tensor(dtype, ("n", *places, count)) for places, count in ((size, c), (primitive.windows, f)))
    w = Tensor(dtype, (*primitive.windows, *kernel, c, f))
    operands = {"out": (x, w), "data": (y, w), "weight": (x, y)}[role]

    assert_kernel_agrees(primitive, operands, n=n, lanes=lanes)
