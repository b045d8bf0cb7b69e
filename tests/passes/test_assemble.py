"""assemble: the gradient of a weight of a recurrence is one product."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, trained

import netlang
from netlang.passes import optimise
from netlang.passes.assemble import assemble
from netlang.passes.verify import verify
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Rows, Slice

CELLS = ["lstm-16", "gru-16", "rnn-16", "lstm-32, gru-16", "gru-20", "lstm-16 reverse", "lstm-16 bidirectional"]


def text(cells, head="last"):
    return f"input 5x3\n{cells}, {head}\nFC-2, soft-max"


def products(graph):
    """What is multiplied, and which channels of what a scan puts out, by the gradient that is made of it."""
    found = {n.id: n for n in graph.made_by(Contraction) if n.made_by.role == "weight" and n.made_by.channels}
    return {name: found[n].made_by.channels for name, n in graph.outputs.items() if n in found}


@pytest.mark.parametrize("cells", CELLS)
def test_the_net_computes_what_it_did(cells):
    before = trained(text(cells))

    after = assemble(before, 4)

    verify(after)
    assert_computes_the_same(before, after)


def test_each_gate_has_a_product_of_the_inputs_and_the_states_side_by_side():
    before = trained(text("lstm-16"))

    after = assemble(before, 4)

    gates = [f"d:lstm1.{gate}.W" for gate in "fiog"]
    assert [products(after)[gate] for gate in gates] == [(0, 16), (16, 16), (32, 16), (48, 16)]
    assert [len(after[after.outputs[gate]].inputs) for gate in gates] == [3] * 4
    assert not [n for n in after.made_by(Rows) if n.made_by.start < 0], "no gradient is moved into place"
    assert not [n for n in after.made_by(Slice) if len(n.type.shape) == 2 and not n.type.batched]


def test_gates_that_lie_apart_are_read_where_they_lie():
    after = assemble(trained(text("gru-16")), 4)

    assert products(after)["d:gru1.g.W2"] == (48, 16)
    assert products(after)["d:gru1.g.W1"] == (32, 16)


def test_values_that_do_not_fill_whole_vectors_are_read_up_to_their_end():
    assert products(assemble(trained(text("lstm-20")), 4))["d:lstm1.i.W"] == (32, 20)


def test_a_weight_of_two_recurrences_gets_the_sum_of_two_products():
    cell = "cell own(n):\n    state h=n\n    h = tanh(W[x, h] + b)\n    a = tanh(W[h, x])\n    output a\n"
    before = trained(f"input 5x16\n{cell}own-16, own-16 reverse, last\nFC-2, soft-max".replace("cell", "\ncell", 1))

    assert_computes_the_same(before, assemble(before, 4))


@pytest.mark.parametrize(("cells", "dtype"), [("lstm-20", "f32"), ("gru-16", "f64"), ("rnn-16 bidirectional", "f32")])
def test_kernels_make_the_same_gradients_assembled_and_in_parts(cells, dtype, monkeypatch):
    x = np.random.default_rng(0).normal(size=(70, 5, 3))  # 350 pixels: two chunks
    target = np.arange(70) % 2
    net = netlang.from_text(text(cells))
    _, here = net.compile(70, training=True, dtype=dtype).gradients(x, target)
    monkeypatch.setattr("netlang.passes.PIPELINE", tuple(p for p in netlang.passes.PIPELINE if p is not assemble))
    _, apart = net.compile(70, training=True, dtype=dtype).gradients(x, target)

    for name, value in apart.items():
        np.testing.assert_allclose(here[name], value, atol=1e-6 if dtype == "f32" else 1e-14, err_msg=name)


@pytest.mark.parametrize("cells", ["lstm-16", "gru-16", "rnn-16"])
def test_behind_all_passes_no_gradient_of_a_weight_is_put_together_from_parts(cells):
    graph = optimise(trained(text(cells)), 64)

    weights = {name for name in graph.outputs if name.startswith("d:") and ".W" in name}
    assert weights <= set(products(graph))
