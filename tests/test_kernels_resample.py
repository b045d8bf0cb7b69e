"""Images in another height and width."""

import numpy as np
import pytest
from kernels import assert_kernel_agrees

from netlang.net import from_text
from netlang.primitives.resample.op import Resample
from netlang.types import Tensor

SIZES = [((4, 5), (8, 15)), ((3, 7), (5, 4)), ((1, 6), (4, 6)), ((9, 2), (2, 9)), ((1, 1), (3, 2))]


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("role", ["out", "data"])
@pytest.mark.parametrize("how", ["nearest", "bilinear"])
@pytest.mark.parametrize(("size", "to"), SIZES)
def test_kernels_agree_with_the_reference(size, to, how, role, lanes):
    x = Tensor("f32", ("n", *(size if role == "out" else to), 18))

    assert_kernel_agrees(Resample(size, to, how, role), (x,), n=3, lanes=lanes)


def test_halves_lie_between_their_neighbours():
    """Of 0 and 4, twice as wide: pixel centres at 1/4 and 3/4 of the way, and the edges held."""
    y = from_text("input 1x2x1\nupsample1x2 bilinear\n").compile(batch=1)(np.array([[[[0.0], [4.0]]]]))

    np.testing.assert_allclose(y[0, 0, :, 0], [0, 1, 3, 4])
