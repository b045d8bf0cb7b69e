"""Compiled nets beside PyTorch: in float32 netlang errs no more than PyTorch does, both measured against float64.

Dropout draws other numbers in PyTorch, so these nets have none; tests/test_reference.py feeds it netlang's masks.
"""

import numpy as np
import pytest
from test_agreement import BRANCHES, CONVS, EXAMPLES, LENET, PERCEPTRON, REGRESSION, example

import netlang
from netlang.lower import loss_of

torch = pytest.importorskip("torch", reason="the extra `reference` is not installed")
from netlang.layers.twin import twin  # noqa: E402 (needs torch)

pytestmark = pytest.mark.reference

NETS = {
    "lenet": LENET,
    "lenet of 1998": LENET.replace("maxpool", "avgpool")
    .replace("pad=2", "pad=2 tanh")
    .replace("valid,", "valid tanh,"),
    "mlp": (EXAMPLES / "mlp.net").read_text().replace("dropout 0.2", "identity"),
    "convs": CONVS,
    "branches": BRANCHES,
    "perceptron": PERCEPTRON,
    "regression": REGRESSION,
}
each_net = pytest.mark.parametrize("name", NETS)
FACTOR = 3  # the order of sums differs, and each order is lucky somewhere
NOISE = 3e-7  # a few roundings of float32: below it both are right


def error(value, wanted):
    return np.linalg.norm(np.asarray(value, np.float64) - wanted) / max(np.linalg.norm(wanted), 1e-30)


def by_pytorch(net, weights, x, target, dtype):
    """Loss, gradients and output of the twin."""
    kind = {"f32": torch.float32, "f64": torch.float64}[dtype]
    made = twin(net.checked, dtype).load(weights)
    inputs = torch.tensor(x, dtype=kind)
    fitting = torch.as_tensor(target.reshape(len(x), -1))
    loss = made.score(loss_of(net.checked), fitting, inputs)
    loss.backward()
    return float(loss.detach()), made.gradients(), made.eval()(inputs).detach().numpy()


@each_net
@pytest.mark.parametrize("batch", [8, 32])
def test_float32_errs_no_more_than_pytorchs(name, batch):
    net = netlang.from_text(NETS[name])
    prog = net.compile(batch=batch, training=True)
    weights = {w: prog.weights[w] for w in prog.weights}
    x, target = example(net, batch)
    x = x.astype(np.float32)
    loss64, grads64, _ = by_pytorch(net, weights, x, target, "f64")
    loss32, grads32, _ = by_pytorch(net, weights, x, target, "f32")

    loss, grads = prog.gradients(x, target)

    assert abs(loss - loss64) <= max(FACTOR * abs(loss32 - loss64), NOISE * abs(loss64))
    floor = 1e-6 * max(np.linalg.norm(g) for g in grads64.values())
    for weight, wanted in grads64.items():
        allowed = max(FACTOR * np.linalg.norm(grads32[weight] - wanted), NOISE * np.linalg.norm(wanted), floor)
        assert np.linalg.norm(grads[weight] - wanted) <= allowed, weight
    prog.close()


@each_net
@pytest.mark.parametrize("batch", [1, 8, 32])
def test_answers_are_within_1e_4_of_pytorchs(name, batch):
    net = netlang.from_text(NETS[name])
    prog = net.compile(batch=batch)
    x, target = example(net, batch)
    _, _, wanted = by_pytorch(net, {w: prog.weights[w] for w in prog.weights}, x, target, "f32")

    assert error(prog(x), wanted) <= 1e-4
    prog.close()
