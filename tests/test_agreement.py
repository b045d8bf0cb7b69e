"""What "agrees" means: the arithmetic of each launch, and of whole nets, against float64.

Relative L2 per tensor. The mathematics itself is compared with PyTorch in test_reference.py and test_zoo_agreement.py.
"""

import numpy as np
import pytest
from agreement import EXAMPLES, launch_errors, reference_values

import netlang
from netlang.interpret import stepped
from netlang.primitives import text
from netlang.primitives.contraction import flat
from netlang.primitives.reference import Run

LENET = (EXAMPLES / "lenet.net").read_text()
MLP = "input 5x4x3\nFC-37 sigmoid, dropout 0.4, FC-20 tanh, FC-3, soft-max\ntrain: optimizer=momentum lr=0.1"
CONVS = "input 9x7x3\nconv3-17/2 tanh, conv2-5 dilation=2 sigmoid, avgpool3/2, maxpool3/1\nFC-4, soft-max"
BRANCHES = "input 6x6x4\nconcat[conv1-3 | conv3-5 leaky | maxpool3/1], add[conv1-6 | conv3-6], tanh\nFC-2 sigmoid"
PERCEPTRON = "input 7\nFC-1 step\ntrain: loss=perceptron optimizer=sgd lr=0.1"
REGRESSION = "input 4x4x2\nconv3-3 softplus, mul[conv1-2 | conv1-2 sigmoid], FC-3 linear\ntrain: optimizer=nesterov"
NETS = {
    "lenet": LENET,
    "mlp": MLP,
    "convs": CONVS,
    "branches": BRANCHES,
    "perceptron": PERCEPTRON,
    "regression": REGRESSION,
}
each_net = pytest.mark.parametrize("name", NETS)
BATCHES = [
    (16, 16),
    (6, 5),
]  # the largest batch decides the lanes: examples in them, or channels; then the batch itself


def compiled(name, batch, **options):
    return netlang.from_text(NETS[name]).compile(batch=batch, training=True, **options)


def example(net, n, seed=0):
    """A batch and its targets."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=net.input.arrayed(n))
    if net.labelled:
        return x, rng.integers(0, net.output.channels, n)
    return x, rng.integers(0, 2, net.output.arrayed(n)).astype(float)


@each_net
@pytest.mark.parametrize(("batch", "n"), BATCHES)
def test_each_launch_given_the_references_inputs_is_within_1e_5(name, batch, n):
    """float32 rounds to 6e-8; sums of a few hundred products, in another order, stay below 1e-5 of the result."""
    prog = compiled(name, batch)
    x, target = example(prog.net, n)

    assert max(error for _, error in launch_errors(prog, x, target, n)) <= 1e-5
    prog.close()


@each_net
@pytest.mark.parametrize(("batch", "n"), BATCHES)
def test_gradients_and_loss_agree_with_the_interpreter_in_float64(name, batch, n):
    """The same launches compiled for float64: only the order of sums differs."""
    prog = compiled(name, batch, dtype="f64")
    x, target = example(prog.net, n)
    graph, values = reference_values(prog, "gradients", x, target, Run(examples=n, step=1, seed=0, rate=prog.rate))

    loss, grads = prog.gradients(x, target)

    assert loss == pytest.approx(float(values[graph.outputs["loss"]]), rel=1e-10)
    assert {f"d:{k}" for k in grads} == {k for k in graph.outputs if k.startswith("d:")}
    largest = max(np.linalg.norm(g) for g in grads.values())
    for weight, grad in grads.items():
        wanted = values[graph.outputs[f"d:{weight}"]].reshape(grad.shape)
        assert np.linalg.norm(grad - wanted) <= 1e-10 * max(np.linalg.norm(wanted), 1e-6 * largest), weight
    prog.close()


@each_net
def test_a_step_changes_weights_and_states_as_the_interpreter_does(name):
    prog = compiled(name, 8, dtype="f64")
    x, target = example(prog.net, 8)
    run = Run(examples=8, step=1, seed=0, rate=prog.rate)
    graph, values = reference_values(prog, "train", x, target, run)

    prog.step(x, target)

    for node, wanted in stepped(graph, values, run).items():
        made = prog.state[node] if node in list(prog.state) else prog.weights[node]
        np.testing.assert_allclose(made, wanted, rtol=1e-9, atol=1e-12, err_msg=node)
    prog.close()


@each_net
def test_one_and_two_threads_are_bitwise_equal(name, monkeypatch):
    monkeypatch.setattr(text, "WORTH", 1)
    monkeypatch.setattr(flat, "APIECE", 1)

    def trained(threads):
        prog = compiled(name, 16, threads=threads)
        losses = [prog.step(*example(prog.net, 16 - k, seed=k)) for k in range(3)]
        weights = {w: prog.weights[w] for w in prog.weights}
        answer = prog(example(prog.net, 5)[0])
        prog.close()
        return losses, weights, answer

    one, two = trained(1), trained(2)

    assert one[0] == two[0]
    for weight in one[1]:
        np.testing.assert_array_equal(one[1][weight], two[1][weight])
    np.testing.assert_array_equal(one[2], two[2])


def test_rows_that_one_launch_takes_through_several_steps_stay_with_their_threads(monkeypatch):
    monkeypatch.setattr(text, "WORTH", 1)
    net, some = netlang.from_text("input 147\nFC-40\nFC-37, soft-max\n"), np.random.default_rng(0)
    x, target = some.normal(size=(256, 147)).astype(np.float32), some.integers(37, size=256)

    def losses(threads):
        prog = net.compile(batch=256, training=True, threads=threads)
        assert any(launch.draft.kernel.name == "rows_c" for launch in prog.loaded("train").plan.segments["step"])
        made = [prog.step(x, target) for _ in range(20)]
        prog.close()
        return made

    assert losses(1) == losses(2) == losses(3)


@each_net
def test_a_batch_is_answered_as_its_examples_alone(name):
    prog = compiled(name, 16)
    x, _ = example(prog.net, 11)

    together = prog(x)

    alone = np.concatenate([prog(x[k : k + 1]) for k in range(11)])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)  # the tiles of a product differ, so its rounding
    prog.close()


@each_net
def test_no_launch_writes_beyond_its_buffer_and_none_reads_what_nothing_wrote(name):
    """Canaries behind every buffer, and NaN in all of them before the step."""
    prog = compiled(name, 16, check_memory=True, check_nan=True)
    for n in (16, 5):
        assert np.isfinite(prog.step(*example(prog.net, n)))
        assert np.isfinite(prog(example(prog.net, n)[0])).all()
    prog.close()
