"""pieces: weight gradients and sums read what a scan puts out where it lies."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, trained

import netlang
from netlang.passes.pieces import pieces
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.scan.op import Piece

CELLS = ["lstm-16", "gru-16", "rnn-16", "lstm-32, gru-16", "gru-20", "lstm-16 reverse"]


def text(cells):
    return f"input 5x3\n{cells}, last\nFC-2, soft-max"


@pytest.mark.parametrize("cells", CELLS)
def test_the_net_computes_what_it_did(cells):
    before = trained(text(cells))

    assert_computes_the_same(before, pieces(before, 4))


def test_gates_are_multiplied_and_added_up_where_the_scan_left_them():
    before = trained(text("gru-16"))

    after = pieces(before, 4)

    cuts = {node.made_by.channels for node in after.made_by(Contraction) if node.made_by.channels}
    assert {(0, 48), (0, 32), (48, 16)} <= cuts
    assert len(list(after.made_by(Piece))) < len(list(before.made_by(Piece)))


def test_values_that_do_not_fill_whole_vectors_are_copied_as_ever():
    before = trained(text("rnn-20"))

    assert not [node for node in pieces(before, 4).made_by(Contraction) if node.made_by.channels]


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
