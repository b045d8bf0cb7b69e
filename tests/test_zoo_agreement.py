"""Nets of the zoo beside PyTorch and, launch by launch, beside the interpreter, at small sizes.

The ordinary run takes the smallest. NETLANG_ZOO=all takes every example, NETLANG_ZOO=full each at its own
size too, beside PyTorch. docs/measurements/agreement.md has the figures.
"""

import os

import pytest
from agreement import beside_pytorch, examples, worst_launch

from netlang.gradcheck.point import small

pytest.importorskip("torch", reason="the extra `reference` is not installed")

pytestmark = pytest.mark.reference
ASKED = os.environ.get("NETLANG_ZOO")
USUAL = ("squeezenet",)
MATHEMATICS = 1e-8  # relative, in float64: the order of sums, through fifty layers
LAUNCH, STRICT = 1e-5, 2e-6  # of float32 sums of thousands of products; Winograd's transforms lose a digit
FACTOR, WINOGRAD = 3, 10  # times PyTorch's own error in float32, all gradients together
ANSWERS = 1e-4
NETS = [pytest.param(n, id=name) for name, n in examples(*(() if ASKED else USUAL))]
EACH = pytest.mark.parametrize("net", NETS)
BATCH = 2


@EACH
def test_mathematics_and_arithmetic_are_pytorchs(net):
    found = beside_pytorch(small(net, None, BATCH), BATCH)

    assert found.mathematics <= MATHEMATICS
    assert found.ratio <= (WINOGRAD if found.winograd else FACTOR)
    assert found.answers <= ANSWERS


@EACH
def test_each_launch_is_near_float64(net):
    small_net = small(net, None, BATCH)

    assert worst_launch(small_net, BATCH, "fast") <= LAUNCH
    assert worst_launch(small_net, BATCH, "strict") <= STRICT


if ASKED == "full":

    @EACH
    def test_at_full_size_the_mathematics_are_pytorchs(net):
        found = beside_pytorch(net if all(i.type.fixed for i in net.graph) else small(net, (64, 64), BATCH), BATCH)

        assert found.mathematics <= MATHEMATICS
