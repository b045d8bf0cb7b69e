"""Recurrences: the kernel is the reference, and the gradient the difference quotient (tests/test_laws.py)."""

import numpy as np
import pytest
import recurrences
from kernels import Store, assert_kernel_agrees, assert_padding_zero, kernel_value, lanes_of, uncompiled

from netlang.border import pack, unpack
from netlang.primitives.gather.op import Rows
from netlang.primitives.reference import Run, reference
from netlang.primitives.scan.gradient import Backward
from netlang.primitives.scan.op import Piece
from netlang.primitives.scan.phases import Tiling, blocks, groups, kept
from netlang.types import Tensor


def types(scan, dtype="f32", steps=4):
    return [Tensor(dtype, shape) for shape in recurrences.shapes(scan, steps)]


@pytest.mark.parametrize(("n", "dtype"), [(8, "f32"), (1, "f64"), (29, "f32")])
@pytest.mark.parametrize("scan", [s for s in recurrences.SCANS if s.lengths is None], ids=str)
def test_recurrences_agree_with_the_reference(scan, n, dtype):
    """Of 29 examples each of two threads takes some through all steps."""
    assert_kernel_agrees(scan, types(scan, dtype), n=n)


@pytest.mark.parametrize("scan", [recurrences.elman(width=37), recurrences.lstm(width=37)], ids=["elman", "lstm"])
def test_units_that_fill_vectors_and_a_part_of_one_agree_with_the_reference(scan):
    random = np.random.default_rng(0)
    values = [random.normal(size=t.arrayed(7)) / 6 for t in types(scan)]  # larger matrices multiply what is rounded

    assert_kernel_agrees(scan, types(scan), n=7, values=values)


def mixed(group, target, batch, *, alone=False):
    return Tiling(6, 4, 2, 4) if group.bundles else Tiling(1, 1, group.columns)


@pytest.mark.parametrize("scan", [recurrences.elman(width=37), recurrences.lstm(), recurrences.two_phases()], ids=str)
@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 8, 9, 32])
def test_lower_tiles_behind_the_others_cover_every_number_of_examples(scan, n, monkeypatch):
    monkeypatch.setattr("netlang.primitives.scan.cpu.tiling", mixed)
    values = [np.random.default_rng(n).normal(size=t.arrayed(n)) / 6 for t in types(scan)]

    assert_kernel_agrees(scan, types(scan), n=n, values=values)


@pytest.mark.parametrize("tiles", [Tiling(6, 4, 1), Tiling(8, 3, 1), Tiling(6, 4, 1, 4)])
def test_tiles_cover_all_examples_and_no_tile_stands_behind_the_last(tiles):
    for examples in range(1, 50):
        tall, short = blocks(examples, tiles)
        rows = tall * tiles.rows + short * tiles.short
        assert examples <= rows < examples + tiles.rows
        if tiles.short and examples > 2:
            assert rows <= examples + 1


@pytest.mark.parametrize("reverse", [False, True])
def test_each_example_ends_at_its_own_length(reverse):
    scan = recurrences.elman(reverse=reverse, lengths=3)
    operands = types(scan, steps=5)
    random = np.random.default_rng(1)
    values = [random.normal(size=t.arrayed(4)).astype(np.float32) for t in operands]
    values[3] = np.array([[5], [1], [3], [0]], np.float32)

    y = kernel_value(scan, values, operands, scan.infer(*operands), n=4)
    alone = recurrences.elman(reverse=reverse)
    for k, length in enumerate((5, 1, 3, 0)):
        short = tuple(v[k : k + 1, :length] if v.ndim == 3 else v for v in values[:3])
        if length:
            wanted = reference(alone, short, alone.infer(Tensor("f32", ("n", length, 5))), Run(1))
            np.testing.assert_allclose(y[k, :length], wanted[0], atol=1e-6)  # float32, five steps of five products
        assert (y[k, length:] == 0).all()


def test_the_text_of_a_recurrence_runs_uncompiled_too():
    scan = recurrences.two_phases()
    operands = types(scan)
    random = np.random.default_rng(2)
    values = [random.normal(size=t.arrayed(3)).astype(np.float32) for t in operands]
    inputs = [Store(f"in{k}", t, lanes_of(t, "c"), 3) for k, t in enumerate(operands)]
    for store, value in zip(inputs, values, strict=True):
        pack(store.buffer, store.memory, value)
    out = Store("out", scan.infer(*operands), "c", 3)

    uncompiled(scan, inputs, out, 3)
    wanted = reference(scan, tuple(values), scan.infer(*operands), Run(3))
    np.testing.assert_allclose(unpack(out.buffer, out.memory, 3), wanted, atol=2e-6)  # float32
    assert_padding_zero(out, 3)


def test_another_number_of_steps_and_examples_is_no_other_kernel():
    from kernels import target

    from netlang.primitives.launch import Operand, draft

    scan = recurrences.lstm()
    texts = set()
    for steps, batch in ((4, 6), (9, 12)):
        operands = types(scan, steps=steps)
        inputs = tuple(Operand(f"in{k}", t, lanes_of(t, "c")) for k, t in enumerate(operands))
        made = draft(scan, inputs, Operand("out", scan.infer(*operands), "c"), target("f32"), batch)
        texts.add(made.kernel.text)

    assert len(texts) == 1


def test_threads_wait_once_a_step_where_nothing_multiplies_what_the_step_computes():
    phases = {scan: len({group.phase for group in groups(scan)}) for scan in recurrences.SCANS}

    assert phases[recurrences.lstm()] == 1
    assert phases[recurrences.two_phases()] == 3  # of h', of a, of c


def test_a_gradient_reads_what_is_saved_and_the_states_before():
    assert set(Backward(recurrences.lstm()).wanted) == {"h", "c", "f", "i", "o", "g"}


@pytest.mark.parametrize("piece", [Piece(0, 18), Piece(32, 7), Piece(16, 18, -1), Piece(16, 5, 1), Piece(0, 16, -9)])
def test_pieces_agree_with_the_reference(piece):
    assert_kernel_agrees(piece, [Tensor("f32", ("n", 4, 39))], n=5)


@pytest.mark.parametrize("rows", [Rows(0, 3), Rows(2, 4), Rows(-2, 9), Rows(-3, 4)])
def test_rows_agree_with_the_reference(rows):
    assert_kernel_agrees(rows, [Tensor("f64", (6, 19))], n=1)


def test_only_what_products_multiply_or_another_group_reads_lies_in_memory():
    assert kept(recurrences.lstm()) == ()
    assert set(kept(recurrences.two_phases())) == {"a", "c"}
