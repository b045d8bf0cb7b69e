"""Batch normalisation: what training carries along, and what evaluation makes of it."""

import numpy as np
import pytest

import netlang
from netlang.lower import NEXT, lower
from netlang.net import from_text

TEXT = "input 6x5x3\nconv3-20 bn momentum=0.3, maxpool, conv3-7 bn scale=no\nbn, gap, FC-4, soft-max\n"


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, (n, 6, 5, 3)), rng.integers(0, 4, n)


def kept(program):
    return {name: program.weights[name] for name in program.weights if name.endswith((".mean", ".variance"))}


@pytest.mark.reference
@pytest.mark.parametrize("n", [8, 5])
def test_running_statistics_are_those_of_pytorch(n):
    torch = pytest.importorskip("torch")
    from netlang.layers.twin import twin

    net = from_text(TEXT)
    program = net.compile(batch=8, training=True, dtype="f64", train={"optimizer": "sgd", "lr": 0.1})
    peer = twin(net.checked, "f64").load(program.weights)
    optimizer = torch.optim.SGD(peer.parameters(), lr=0.1)
    for step in range(3):
        x, target = data(n, step)
        program.step(x, target)
        optimizer.zero_grad()
        peer.score(program_loss(net), torch.as_tensor(target[:, None]), torch.as_tensor(x)).backward()
        optimizer.step()

    for name, found in kept(program).items():
        path, _, statistic = name.rpartition(".")
        np.testing.assert_allclose(found, getattr(peer.parts[path], statistic).numpy(), rtol=1e-9, atol=1e-12)
    x, _ = data(11, 9)
    peer.eval()
    np.testing.assert_allclose(program(x), peer(torch.as_tensor(x)).detach().numpy(), rtol=1e-9)


def program_loss(net):
    from netlang.lower import loss_of

    return loss_of(net.checked)


def test_at_the_start_evaluation_takes_mean_0_and_variance_1():
    program = from_text("input 3\nbn eps=1e-12\n").compile(batch=2, dtype="f64")
    x = np.array([[1.0, -2.0, 5.0]])

    np.testing.assert_allclose(program(x), x, rtol=1e-9)


def test_a_step_that_is_not_taken_keeps_nothing():
    program = from_text(TEXT).compile(batch=4, training=True)
    x, target = data(4)
    program.step(x, target)
    before = kept(program)
    x[0, 0, 0, 0] = np.nan

    with pytest.raises(netlang.NetError):
        program.step(x, target)
    for name, value in kept(program).items():
        np.testing.assert_array_equal(value, before[name])


def test_gradients_change_nothing_that_is_kept():
    program = from_text(TEXT).compile(batch=4, training=True)
    before = kept(program)

    program.gradients(*data(4))
    for name, value in kept(program).items():
        np.testing.assert_array_equal(value, before[name])


def test_what_is_kept_goes_into_files_and_comes_back(tmp_path):
    program = from_text(TEXT).compile(batch=4, training=True)
    x, target = data(4)
    for _ in range(3):
        program.step(x, target)
    program.weights.save(tmp_path / "w.safetensors")
    other = from_text(TEXT).compile(batch=4)
    other.weights.load(tmp_path / "w.safetensors")

    np.testing.assert_array_equal(other(x), program(x))


def test_one_number_in_a_channel_does_not_divide_by_zero():
    program = from_text("input 3\nbn, FC-2, soft-max\n").compile(batch=2, training=True)
    program.step(np.ones((1, 3)), np.zeros(1, int))

    assert all(np.isfinite(value).all() for value in kept(program).values())


def test_learned_numbers_are_counted_and_kept_ones_are_not():
    net = from_text(TEXT)

    assert net.summary().parameters == 27 * 20 + 40 + 180 * 7 + 7 + 14 + 7 * 4 + 4
    assert len(kept(net.compile(batch=1))) == 6


def test_training_lowers_what_is_kept_to_outputs_of_its_own():
    graph = lower(from_text(TEXT).checked, training=True)

    assert [name for name in graph.outputs if name.startswith(NEXT)] == [
        f"next.{path}.{what}" for path in ("conv1.bn", "conv2.bn", "bn1") for what in ("mean", "variance")
    ]
