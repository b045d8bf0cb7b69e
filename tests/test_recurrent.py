"""Cells of one's own: beside PyTorch's autograd over the same equations, and compiled beside interpreted."""

import numpy as np
import pytest

import netlang
from netlang.differentiate import differentiate
from netlang.interpret import interpret
from netlang.layers.loss import find
from netlang.lower import lower
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run
from netlang.primitives.scan.cpu import far_from
from netlang.primitives.scan.op import Piece

CELLS = {
    "a projection": """cell own(n):
    state h=3, c=n
    f = sigmoid(W[x, h] + b)
    c = f * c + (1 - f) * tanh(W[x, h] + b)
    h = W[tanh(c)]
    output h
""",
    "products of products and of what the step computes": """cell own(n):
    state h=n
    a = relu(W[h + 0.5 * W[x] + b])
    h = 0.5 * h + tanh(W[a, x, a * a])
    output a
""",
    "no product in the loop": """cell own(n):
    state c=n
    f = sigmoid(W[x] + b)
    g = W[tanh(W[x] + b)]
    c = f * c + (1 - f) * g
    y = f * tanh(c) + w * c
    output y
""",
    "a state of a state": """cell own(n):
    state h=n, old=n
    now = tanh(W[x, h] + w * old + b)
    old = h
    h = now - 0.1 * old
    output h
""",
}


def made(name, use):
    return netlang.from_text(f"input 5x4\n{CELLS[name]}{use}\nmean, FC-2\n".replace("cell", "\ncell", 1))


@pytest.mark.reference
@pytest.mark.parametrize("use", ["own-18", "own-16 reverse", "own-5 bidirectional"])
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_of_ones_own_and_its_gradients_agree_with_autograd(name, use):
    torch = pytest.importorskip("torch")
    from netlang.layers.twin import twin

    net = made(name, use).checked
    graph = differentiate(lower(net, training=True, loss=find("squared_error")(), dtype="f64"))
    rng = np.random.default_rng(0)
    feeds = {n.id: rng.normal(size=n.type.arrayed(3)) / 2 for n in graph if not n.inputs}
    values = interpret(graph, feeds, Run(examples=3))

    theirs = twin(net, "f64").load(feeds)
    loss = theirs.score(find("squared_error")(), torch.as_tensor(feeds["target"]), torch.as_tensor(feeds["input"]))
    loss.backward()
    assert float(values[graph.outputs["loss"]]) == pytest.approx(float(loss.detach()), rel=1e-10)
    for weight, gradient in theirs.gradients().items():
        found = values[graph.outputs[f"d:{weight}"]]
        assert np.linalg.norm(found - gradient) <= 1e-8 * max(1e-3, np.linalg.norm(gradient)), weight


def assert_compiled_gradients_are_the_interpreted_ones(net, prog, examples):
    rng = np.random.default_rng(1)
    x, target = rng.normal(size=(examples, 5, 4)), rng.normal(size=(examples, 2))
    graph = differentiate(lower(net.checked, training=True, dtype="f64"))
    feeds = {w: prog.weights[w] for w in prog.weights} | {"input": x, "target": target}
    values = interpret(graph, feeds, Run(examples=examples))

    loss, grads = prog.gradients(x, target)
    assert loss == pytest.approx(float(values[graph.outputs["loss"]]), rel=1e-10)
    for weight in prog.weights:
        np.testing.assert_allclose(grads[weight], values[graph.outputs[f"d:{weight}"]], atol=1e-10, err_msg=weight)


@pytest.mark.parametrize("name", ["a projection", "products of products and of what the step computes"])
def test_compiled_gradients_of_a_cell_agree_with_the_interpreted_ones(name):
    net = made(name, "own-18 bidirectional")
    prog = net.compile(batch=7, training=True, dtype="f64")

    assert_compiled_gradients_are_the_interpreted_ones(net, prog, 5)
    prog.close()


@pytest.mark.parametrize("word", ["last", "first"])
def test_one_step_of_a_trained_recurrence_is_read_where_it_lies(word):
    net = netlang.from_text(f"input 5x4\nlstm-16\n{word}, FC-2\n")
    prog = net.compile(batch=7, training=True, dtype="f64")

    assert_compiled_gradients_are_the_interpreted_ones(net, prog, 7)
    copies = [node.made_by for node in prog.stages("train").optimised if isinstance(node.made_by, Piece)]
    assert [copy.shift for copy in copies] == [-1]
    prog.close()


def test_results_written_past_the_caches_are_the_same(monkeypatch):
    monkeypatch.setattr("netlang.primitives.scan.cpu.far_from", lambda target: 0)
    net = netlang.from_text("input 5x4\ngru-16\nlast, FC-2\n")
    prog = net.compile(batch=7, training=True, dtype="f64")

    assert_compiled_gradients_are_the_interpreted_ones(net, prog, 7)
    prog.close()


@pytest.mark.parametrize(("near", "megabytes"), [(1 << 20, 8), (2 << 20, 2)])
def test_results_go_past_the_caches_sooner_where_the_third_is_slow(near, megabytes):
    assert far_from(Target("test", "f32", ((1, 1),), 2, near=near)) == megabytes << 20


@pytest.mark.parametrize("near", [1 << 20, 2 << 20])
def test_gradients_are_right_however_slow_the_third_cache_is(near, monkeypatch):
    """Of 5 columns of tiles a group has 4 or 2, and of 150 pixels a visit 128."""
    monkeypatch.setattr("netlang.backend.cpu.second_cache", lambda: near)
    net = netlang.from_text("input 5x4\nlstm-150\nlast, FC-2\n")
    prog = net.compile(batch=30, training=True, dtype="f64")

    assert prog.target.slow_caches == (near == 2 << 20)
    assert_compiled_gradients_are_the_interpreted_ones(net, prog, 30)
    prog.close()
