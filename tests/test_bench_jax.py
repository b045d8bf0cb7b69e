"""JAX's twins, written by hand, beside netlang."""

from typing import Any

import numpy as np
import pytest

import netlang
from netlang.bench import compare, jaxed, peers
from netlang.layer import Weight

CHAINS = {
    "lenet": "input 9x8x1\nconv5-4 pad=2, relu\nmaxpool2\nconv3-6 pad=valid, tanh\nFC-3, softmax\n"
    "train: optimizer=sgd lr=0.1\n",
    "lstm": "input 5x4\nlstm-8\nlstm-6, last\nFC-3, softmax\n",
    "gru": "input 5x4\ngru-8, last\nFC-3, softmax\n",
    "rnn": "input 5x4\nrnn-8, last\nFC-3, softmax\ntrain: optimizer=adam lr=0.01\n",
}


def case_of(text: str) -> tuple[Any, peers.Case]:
    net = netlang.from_text(text)
    program = net.compile(batch=6, training=True, threads=1)
    x, target = compare.inputs(net, 6)
    weights = {name: np.array(program.weights[name]) for name in program.weights}
    return program, peers.Case(net, weights, x, target, dict(net.train), 1)


@pytest.mark.reference
@pytest.mark.parametrize("name", CHAINS)
def test_jax_computes_the_same_net_and_takes_the_same_steps(name: str):
    pytest.importorskip("jax")
    program, case = case_of(CHAINS[name])
    notes: list[str] = []

    answer = jaxed.inference(case, notes.append)["jax"]
    step = jaxed.training(case, notes.append)["jax"]

    np.testing.assert_allclose(answer(), program(case.x), atol=1e-5)
    for _ in range(3):
        assert float(step()) == pytest.approx(program.step(case.x, case.target), rel=1e-4)
    assert notes == []


@pytest.mark.reference
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("input 8x8x3\nconv3-4, bn, GAP, FC-3, softmax\n", "it has no twin of `bn`"),
        ("input 8\nresidual[FC-8], FC-3, softmax\n", "its twins are chains of layers"),
        ("input 8\nFC-3, sigmoid\n", "its twins have one input, and end in one softmax"),
        ("input 5x4\nlstm-8 bidirectional, last\nFC-3, softmax\n", "it has no twin of these settings of `lstm`"),
    ],
)
def test_what_jax_has_no_twin_of_is_a_note(text: str, reason: str):
    pytest.importorskip("jax")
    net = netlang.from_text(text)
    x, target = compare.inputs(net, 2)
    weights = {node.id: np.zeros(node.type.arrayed(0), np.float32) for node in net.graph.made_by(Weight)}
    notes: list[str] = []

    assert jaxed.inference(peers.Case(net, weights, x, target, {}, 1), notes.append) == {}
    assert notes == [f"jax: left out, {reason}"]
