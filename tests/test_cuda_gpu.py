"""On a real GPU: `pytest -m cuda`. Where there is none, these tests are not collected. None of them has ever run."""

import numpy as np
import pytest
import simulated_programs

import netlang

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("name", simulated_programs.NETS)
def test_a_program_agrees_with_the_cpu_at_strict_precision(name, capsys):
    simulated_programs.beside_cpu(netlang.from_text(simulated_programs.NETS[name]), precision="strict")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("precision", "tolerance"), [("fast", 5e-3), ("bf16", 5e-2)])
def test_tensor_cores_stay_near_strict_products(precision, tolerance):
    """tf32 keeps 10 bits of a factor and bf16 7: 5e-4 and 4e-3 a product, a few times that behind several layers."""
    net = netlang.load("examples/lenet.net")
    x = np.random.default_rng(0).normal(size=(32, 28, 28, 1)).astype(np.float32)
    y = np.arange(32) % 10
    strict, other = (net.compile(32, device="cuda", seed=1, precision=p) for p in ("strict", precision))

    wanted, found = strict.gradients(x, y)[1], other.gradients(x, y)[1]

    for name, grad in wanted.items():
        assert np.linalg.norm(found[name] - grad) <= tolerance * np.linalg.norm(grad), name


def test_recorded_steps_are_those_launched_one_by_one(monkeypatch):
    monkeypatch.setenv("NETLANG_CHECK_MEMORY", "0")  # what is checked is launched one by one
    net = netlang.from_text(simulated_programs.NETS["residual"])
    x, y, _ = simulated_programs.examples(net)
    recorded, alone = (net.compile(4, device="cuda", training=True, seed=2, check_nan=nan) for nan in (False, True))

    losses = [(recorded.step(x, y), alone.step(x, y)) for _ in range(4)]

    assert recorded.loaded("train")._queues["step"].graph is not None
    assert all(one == other for one, other in losses)
