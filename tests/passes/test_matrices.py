"""matrices: recurrences read their matrices from the weights themselves."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, trained

import netlang
from netlang.layer import Weight
from netlang.passes import optimise
from netlang.passes.matrices import matrices
from netlang.passes.verify import verify
from netlang.primitives.gather.op import Concat, Transpose
from netlang.primitives.scan.op import Scan

CELLS = ["lstm-16", "gru-16", "rnn-16", "lstm-32, gru-16", "gru-20", "lstm-16 bidirectional", "gru-16 reset=before"]


def text(cells):
    return f"input 5x3\n{cells}, last\nFC-2, soft-max"


def read(graph):
    """What recurrences read that is not a value of examples."""
    return {i for node in graph.made_by(Scan) for i in node.inputs if not graph[i].type.batched}


@pytest.mark.parametrize("cells", CELLS)
def test_the_net_computes_what_it_did(cells):
    before = trained(text(cells))

    after = matrices(before, 4)

    verify(after)
    assert_computes_the_same(before, after)


@pytest.mark.parametrize("cells", ["lstm-16", "gru-16", "rnn-16", "gru-16 reset=before"])
def test_behind_all_passes_nothing_but_weights_is_multiplied(cells):
    graph = optimise(trained(text(cells)), 64)

    assert all(isinstance(graph[i].made_by, Weight) for i in read(graph))
    assert not [n for n in graph.made_by(Concat) if not n.type.batched]


def test_gradients_multiply_by_the_transposed_weight_from_its_row_on():
    graph = matrices(trained(text("rnn-16")), 4)

    turned = [p for n in graph.made_by(Scan) for line in n.made_by.lines for p in line.products if p.turned]
    assert [(p.row, p.column) for p in turned] == [(0, 3)]


def test_matrices_that_do_not_fill_whole_vectors_are_transposed_as_ever():
    graph = matrices(trained(text("rnn-20")), 4)

    assert [n.inputs for n in graph.made_by(Transpose) if n.id in read(graph)]
    assert_computes_the_same(trained(text("rnn-20")), graph)


def test_kernels_make_the_same_gradients_bit_for_bit_with_copies_and_without(monkeypatch):
    x = np.random.default_rng(0).normal(size=(20, 5, 3))
    target = np.arange(20) % 2
    net = netlang.from_text(text("lstm-16"))
    _, here = net.compile(20, training=True).gradients(x, target)
    monkeypatch.setattr("netlang.passes.PIPELINE", tuple(p for p in netlang.passes.PIPELINE if p is not matrices))
    _, copied = net.compile(20, training=True).gradients(x, target)

    for name, value in copied.items():
        np.testing.assert_array_equal(here[name], value, err_msg=name)
