"""pieces: sums and slices read what a scan puts out where it lies."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, trained

import netlang
from netlang.passes.pieces import pieces
from netlang.primitives.scan.op import Piece, Scan
from netlang.primitives.sum.op import Sum

CELLS = ["lstm-16", "gru-16", "rnn-16", "lstm-32, gru-16", "gru-20", "lstm-16 reverse"]


def text(cells):
    return f"input 5x3\n{cells}, last\nFC-2, soft-max"


@pytest.mark.parametrize("cells", CELLS)
def test_the_net_computes_what_it_did(cells):
    before = trained(text(cells))

    assert_computes_the_same(before, pieces(before, 4))


def test_gates_are_added_up_where_the_scan_left_them():
    before = trained(text("gru-16"))

    after = pieces(before, 4)

    read = {
        before[n.inputs[0]].made_by.__class__ for n in before.made_by(Sum) if len(before[n.inputs[0]].type.shape) == 3
    }
    assert Piece in read
    assert {
        after[n.inputs[0]].made_by.__class__ for n in after.made_by(Sum) if len(after[n.inputs[0]].type.shape) == 3
    } == {Scan}


@pytest.mark.parametrize("cells", CELLS)
def test_kernels_make_the_same_gradients_bit_for_bit_with_pieces_and_without(cells, monkeypatch):
    x = np.random.default_rng(0).normal(size=(7, 5, 3)).astype(np.float32)
    target = np.arange(7) % 2
    net = netlang.from_text(text(cells))
    _, here = net.compile(9, training=True).gradients(x, target)
    monkeypatch.setattr("netlang.passes.PIPELINE", tuple(p for p in netlang.passes.PIPELINE if p is not pieces))
    _, copied = net.compile(9, training=True).gradients(x, target)

    for name, value in copied.items():
        np.testing.assert_array_equal(here[name], value, err_msg=name)
