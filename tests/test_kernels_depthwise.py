"""Depthwise convolutions: each channel by a window of its own."""

import pytest
from kernels import assert_kernel_agrees

from netlang.primitives.depthwise.op import Depthwise
from netlang.types import Tensor

# n, size, kernel, stride, pad, dilation, channels
SHAPES = {
    "padded": (5, (7, 9), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 18),
    "valid, one channel": (2, (6, 6), (3, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1),
    "stride 2, uneven pad": (3, (9, 8), (3, 3), (2, 2), (1, 0, 2, 1), (1, 1), 35),
    "dilated": (17, (5, 8), (2, 3), (1, 2), (2, 2, 2, 2), (2, 2), 16),
    "a tap that never meets the image": (2, (2, 2), (2, 2), (3, 3), (4, 4, 4, 4), (1, 1), 3),
}


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ["out", "data", "weight"])
@pytest.mark.parametrize(("name", "dtype"), [*((name, "f32") for name in SHAPES), ("padded", "f64")])
def test_kernels_agree_with_the_reference(name, role, lanes, dtype):
    n, size, kernel, stride, pad, dilation, c = SHAPES[name]
    primitive = Depthwise(role, kernel, stride, pad, dilation, size)
    x, w, y = (Tensor(dtype, s) for s in (("n", *size, c), (*kernel, 1, c), ("n", *primitive.windows, c)))
    operands = {"out": (x, w), "data": (y, w), "weight": (x, y)}[role]

    assert_kernel_agrees(primitive, operands, n=n, lanes=lanes)
