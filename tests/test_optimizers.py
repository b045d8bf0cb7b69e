"""Optimizers: the formulas of their papers, step by step."""

import cases
import numpy as np
import pytest

from netlang.formula import evaluate
from netlang.layer import Misfit
from netlang.layers import optimizer


def run(rule, gradients, rate=0.1, dtype=np.float64):
    """The weights after each gradient, starting at 1."""
    w, *states = (np.array(v, dtype) for v in (1.0, *(0.0 for _ in rule.states)))
    found = []
    for step, g in enumerate(gradients, 1):
        operands = {f"i{k}": value for k, value in enumerate((w, np.array(g, dtype), *states))}
        w, *states = (evaluate(t, operands, runtime={"rate": rate, "step": step}) for t in rule.update())
        found.append(w)
    return np.array(found)


G = [0.5, -1.0, 2.0, 0.25]


def test_sgd_walks_down_the_gradient():
    np.testing.assert_allclose(run(optimizer.find("sgd")(), G), 1 - 0.1 * np.cumsum(G))


def test_momentum_keeps_a_share_of_the_velocity():
    v, w, expected = 0.0, 1.0, []
    for g in G:
        v = 0.9 * v + g
        w -= 0.1 * v
        expected.append(w)
    np.testing.assert_allclose(run(optimizer.find("momentum")(), G), expected)


def test_nesterov_takes_the_gradient_where_momentum_would_lead():
    """In the original variables: v' = m*v - rate*grad(w + m*v), w' = w + v'; netlang's weight is w + m*v."""
    w, v, expected = 1.0, 0.0, []
    for g in G:
        v = 0.9 * v - 0.1 * g
        w += v
        expected.append(w + 0.9 * v)
    np.testing.assert_allclose(run(optimizer.find("nesterov")(), G), expected)


def test_adam_is_algorithm_1_of_its_paper():
    m = v = 0.0
    w, expected = 1.0, []
    for t, g in enumerate(G, 1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        w -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        expected.append(w)
    np.testing.assert_allclose(run(optimizer.find("adam")(), G), expected, rtol=1e-12)


def test_adams_first_step_is_the_learning_rate_even_in_float32():
    w = run(optimizer.find("adam")(), [1e-3], dtype=np.float32)
    assert 1 - w[0] == pytest.approx(0.1, rel=2e-5)  # eps/|g| is 1e-5 of it; 1 - 0.999^1 itself would lose 3e-5


@pytest.mark.parametrize("settings", [{"beta1": 1.0}, {"beta2": -0.1}, {"eps": 0.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(Misfit) as refused:
        optimizer.find("ADAM")(**settings)
    assert refused.value.setting == next(iter(settings))


def test_momentum_may_be_zero_and_adam_without_memory_is_sign_descent():
    np.testing.assert_allclose(run(optimizer.find("momentum")(momentum=0), G), run(optimizer.find("sgd")(), G))
    signs = run(optimizer.find("adam")(beta1=0, beta2=0), G)
    np.testing.assert_allclose(signs, 1 - 0.1 * np.cumsum(np.sign(G)), rtol=1e-6)


def test_optimizers_are_found_by_word():
    assert optimizer.words() == ["adam", "momentum", "nesterov", "sgd"]
    assert {type(o) for o in cases.OPTIMIZERS} == {optimizer.find(w) for w in optimizer.words()}
    assert optimizer.find("adamw") is None
