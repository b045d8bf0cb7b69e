"""Grouped convolutions: each channel by a window of its own."""

import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.grouped.op import Grouped
from netlang.types import Tensor

# n, size, kernel, stride, pad, dilation, channels, channels of a group
SHAPES = {
    "padded": (5, (7, 9), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 18, 1),
    "valid, one channel": (2, (6, 6), (3, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1, 1),
    "stride 2, uneven pad": (3, (9, 8), (3, 3), (2, 2), (1, 0, 2, 1), (1, 1), 35, 1),
    "dilated": (17, (5, 8), (2, 3), (1, 2), (2, 2, 2, 2), (2, 2), 16, 1),
    "a tap that never meets the image": (2, (2, 2), (2, 2), (3, 3), (4, 4, 4, 4), (1, 1), 3, 1),
    "groups of two": (3, (5, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 18, 2),
    "groups of four, stride 2": (3, (9, 17), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 20, 4),
    "groups of eight, dilated": (2, (9, 8), (2, 3), (1, 1), (1, 2, 1, 2), (2, 2), 24, 8),
    "groups of sixteen": (2, (8, 15), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 32, 16),
    "groups of thirty-two, stride 3": (2, (10, 29), (5, 3), (3, 3), (2, 1, 2, 1), (1, 1), 64, 32),
    "many rows": (1, (37, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 90, 1),
    "long windows": (2, (1, 40), (1, 9), (1, 1), (0, 4, 0, 4), (1, 1), 8, 4),
    "pixels": (2, (3, 5), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 16, 8),
}


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ["out", "data", "weight"])
@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, "f32") for name in SHAPES), ("padded", "f64"), ("groups of four, stride 2", "f64")]
)
def test_kernels_agree_with_the_reference(name, role, lanes, dtype):
    n, size, kernel, stride, pad, dilation, c, width = SHAPES[name]
    primitive = Grouped(role, kernel, stride, pad, dilation, size, width)
    x, w, y = (Tensor(dtype, s) for s in (("n", *size, c), (*kernel, width, c), ("n", *primitive.windows, c)))
    operands = {"out": (x, w), "data": (y, w), "weight": (x, y)}[role]

    assert_kernel_agrees(primitive, operands, n=n, lanes=lanes)
