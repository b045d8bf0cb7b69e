"""Arrays into buffers and back."""

import numpy as np
import pytest

from netlang.border import pack, unpack
from netlang.memory import Buffer, elements
from netlang.types import Tensor

SHAPES = [("n", 3, 5, 1), ("n", 2, 2, 17), ("n", 35), ("n", 16), ("n", 1)]


def buffer_of(type_, lanes, batch):
    size = elements(type_, lanes, batch)
    return Buffer("x", type_, lanes, "values", 0, size * 4), np.full(size, np.nan, np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("lanes", ["c", "n"])
@pytest.mark.parametrize("n", [1, 5, 16, 33])
def test_what_is_packed_is_unpacked(shape, lanes, n):
    type_ = Tensor("f32", shape)
    buffer, memory = buffer_of(type_, lanes, 48)
    value = np.random.default_rng(0).normal(size=type_.arrayed(n)).astype(np.float32)

    pack(buffer, memory, value)

    np.testing.assert_array_equal(unpack(buffer, memory, n), value)


@pytest.mark.parametrize(("shape", "lanes"), [((5,), "w"), ((3, 32), "w"), (("n", 16), "c"), (("n", 1), "n")], ids=str)
def test_what_is_unpacked_is_a_copy_that_later_runs_leave_alone(shape, lanes):
    buffer, memory = buffer_of(Tensor("f32", shape), lanes, 48)
    memory[:] = 1

    value = unpack(buffer, memory, 1)
    memory[:] = 2

    assert (value == 1).all()


@pytest.mark.parametrize("lanes", ["c", "n"])
def test_padding_of_every_filled_vector_is_zero(lanes):
    type_ = Tensor("f32", ("n", 2, 3, 6))
    buffer, memory = buffer_of(type_, lanes, 32)

    pack(buffer, memory, np.ones((20, 2, 3, 6), np.float32))

    filled = memory[~np.isnan(memory)]
    assert filled.sum() == 20 * 2 * 3 * 6
    assert set(np.unique(filled)) == {0, 1}


def test_strided_and_byte_swapped_arrays_are_packed_by_value():
    type_ = Tensor("f32", ("n", 4, 4, 2))
    buffer, memory = buffer_of(type_, "c", 6)
    value = np.arange(2 * 6 * 4 * 4 * 2, dtype=">f8").reshape(12, 4, 4, 2)[::2, ::-1]

    pack(buffer, memory, value)

    np.testing.assert_array_equal(unpack(buffer, memory, 6), value)


@pytest.mark.parametrize("shape", [(), (5,), (3, 3, 2, 17)], ids=str)
def test_weights_and_scalars_are_rows_of_whole_vectors(shape):
    type_ = Tensor("f32", shape)
    buffer, memory = buffer_of(type_, "w", 1)
    value = np.random.default_rng(0).normal(size=shape).astype(np.float32)

    pack(buffer, memory, value)

    np.testing.assert_array_equal(unpack(buffer, memory, 1), value)
    assert np.count_nonzero(memory) == value.size
