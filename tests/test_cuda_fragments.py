"""Which element each thread of a warp holds in a product on tensor cores: the maps of the PTX ISA, in NumPy."""

import numpy as np
import pytest

from netlang.simd import fragments

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("name", "shape"), [
    ("A_TF32", (16, 8)), ("B_TF32", (8, 8)), ("SUMS", (16, 8)), ("A_BF16", (16, 16)), ("B_BF16", (16, 8)),
])  # fmt: skip
def test_every_element_is_held_by_exactly_one_lane(name, shape):
    counted = np.zeros(shape, int)
    np.add.at(counted, getattr(fragments, name), 1)

    assert (counted == 1).all()


def isa(lane, register, kind):
    """(row, column) as the ISA has it: of a's register, or with `kind` ending in b, of b's; of bf16 by half."""
    group, four = lane >> 2, lane % 4
    if kind == "tf32 a":
        return (group if register in (0, 2) else group + 8), (four if register < 2 else four + 4)
    if kind == "tf32 b":
        return (four if register == 0 else four + 4), group
    if kind == "bf16 a":  # a_i of eight, two a register: i = 0..7
        return (
            group if register in (0, 1, 4, 5) else group + 8,
            four * 2 + (register & 1) + (8 if register >= 4 else 0),
        )
    return four * 2 + (register & 1) + (8 if register >= 2 else 0), group


@pytest.mark.parametrize(("kind", "of"), [
    ("tf32 a", "A_TF32"), ("tf32 b", "B_TF32"), ("bf16 a", "A_BF16"), ("bf16 b", "B_BF16"),
])  # fmt: skip
def test_the_maps_are_those_of_the_isa(kind, of):
    rows, columns = (side.reshape(32, -1) for side in getattr(fragments, of))

    for lane in range(32):
        for register in range(rows.shape[1]):
            assert (rows[lane, register], columns[lane, register]) == isa(lane, register, kind)


def test_a_warp_multiplies_matrices_in_tf32():
    a, b, sums = RNG.normal(size=(16, 8)), RNG.normal(size=(8, 8)), RNG.normal(size=(16, 8))
    a, b = fragments.tf32(a), fragments.tf32(b)

    made = fragments.multiplied(a[fragments.A_TF32], b[fragments.B_TF32], sums[fragments.SUMS], "tf32")

    wanted = (a.astype(float) @ b + sums)[fragments.SUMS]
    np.testing.assert_allclose(made, wanted, rtol=1e-6)


def test_a_warp_multiplies_matrices_in_bf16():
    a, b, sums = (fragments.bf16(RNG.normal(size=s)) for s in ((16, 16), (16, 8), (16, 8)))

    def registers(matrix, of):
        held = matrix[of]
        return held[..., 0] | held[..., 1] << np.uint32(16)

    sums = fragments.wide(sums)
    pairs = registers(a, fragments.A_BF16), registers(b, fragments.B_BF16)
    made = fragments.multiplied(*pairs, sums[fragments.SUMS], "bf16")

    exact = fragments.wide(a).astype(float) @ fragments.wide(b) + sums
    np.testing.assert_allclose(made, exact[fragments.SUMS], rtol=1e-6)


@pytest.mark.parametrize(("value", "rounded"), [
    (1.0, 1.0), (1 + 2**-11, 1 + 2**-10), (1 + 2**-12, 1.0), (-(1 + 2**-11), -(1 + 2**-10)), (0.0, 0.0),
])  # fmt: skip
def test_tf32_rounds_to_ten_bits_and_ties_away_from_zero(value, rounded):
    assert fragments.tf32(np.array([value], np.float32))[0] == rounded


@pytest.mark.parametrize(("value", "rounded"), [
    (1.0, 1.0), (1 + 2**-8, 1.0), (1 + 3 * 2**-8, 1 + 2**-6), (1 + 2**-8 + 2**-20, 1 + 2**-7), (-2.0, -2.0),
])  # fmt: skip
def test_bf16_rounds_to_seven_bits_and_ties_to_even(value, rounded):
    assert fragments.wide(fragments.bf16(np.array([value], np.float32)))[0] == rounded
