"""How weights are trained: frozen ones, rates and decays of their own, several outputs with a weight each."""

import numpy as np
import pytest

from netlang.diagnostics import NetError
from netlang.interpret import interpret, stepped
from netlang.layers import optimizer
from netlang.net import from_text
from netlang.primitives.reference import Run

X = np.random.default_rng(0).normal(size=(6, 5))
Y = np.arange(6) % 3
HEADS = (
    "input 6x6x2\nconv3-4 bn @a, maxpool\nFC-3, soft-max, output\n"
    "@a, conv1-5 bn, gap, FC-3, soft-max, output aux side weight=0.3\n"
)


def trained(text, steps=1, **train):
    """A program of float64 before and after some steps, and its weights before."""
    program = from_text(text).compile(batch=6, training=True, dtype="f64", train=train)
    before = {name: np.array(program.weights[name]) for name in program.weights}
    for _ in range(steps):
        program.step(X, Y)
    return program, before


@pytest.mark.parametrize("word", optimizer.words())
def test_frozen_weights_stay_and_the_others_move(word):
    program, before = trained("input 5\nFC-4 freeze @a, FC-4 tanh, FC-3, soft-max", optimizer=word)

    moved = [name for name in program.weights if not np.array_equal(program.weights[name], before[name])]
    assert [name for name in program.weights if name not in moved] == ["a.w", "a.b"]
    assert not [name for name in program.state if name.startswith("a.")]


@pytest.mark.parametrize("word", optimizer.words())
def test_a_factor_on_the_rate_is_a_factor_on_every_step(word):
    half, before = trained("input 5\nFC-4 lr=0.5, FC-3, soft-max", optimizer=word, lr=0.01)
    whole, _ = trained("input 5\nFC-4, FC-3, soft-max", optimizer=word, lr=0.01)

    for name in ("fc1.w", "fc1.b"):
        np.testing.assert_allclose(
            half.weights[name] - before[name], (whole.weights[name] - before[name]) / 2, rtol=1e-9, atol=1e-15
        )
    np.testing.assert_allclose(half.weights["fc2.w"], whole.weights["fc2.w"], rtol=1e-12)


def test_l2_pulls_weights_towards_zero_and_leaves_biases():
    plain, before = trained("input 5\nFC-4, FC-3, soft-max", optimizer="sgd", lr=0.1)
    decayed, _ = trained("input 5\nFC-4 l2=0.5, FC-3, soft-max", optimizer="sgd", lr=0.1)

    np.testing.assert_allclose(
        decayed.weights["fc1.w"], plain.weights["fc1.w"] - 0.1 * 0.5 * before["fc1.w"], rtol=1e-12
    )
    np.testing.assert_array_equal(decayed.weights["fc1.b"], plain.weights["fc1.b"])


@pytest.mark.parametrize("word", optimizer.words())
def test_steps_by_several_rules_are_those_of_the_interpreter(word):
    text = "input 5\nFC-4 l2=0.1, FC-4 lr=2 bn, FC-4 freeze, FC-4 lr=2 l2=0.1, FC-3, soft-max"
    program = from_text(text).compile(batch=6, training=True, dtype="f64", train={"optimizer": word, "lr": 0.02})
    graph = program.stages("train").gradient
    values = {**{name: np.array(program.weights[name]) for name in program.weights}, "input": X, "target": Y[:, None]}
    for step in (1, 2):
        run = Run(6, step=step, rate=0.02)
        values |= stepped(graph, interpret(graph, values, run), run)
        program.step(X, Y)

    for name in program.weights:
        np.testing.assert_allclose(program.weights[name], values[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_net_that_is_all_frozen_is_not_trained():
    with pytest.raises(NetError, match="nothing to train"):
        from_text("input 5\nFC-3 freeze, soft-max").compile(batch=2, training=True)
    assert from_text("input 5\nFC-3 freeze, soft-max").compile(batch=2)(X[:2]).shape == (2, 3)


def images(seed=0):
    return np.random.default_rng(seed).normal(size=(6, 6, 6, 2))


def test_the_loss_is_the_weighted_sum_over_the_outputs():
    loss = {}
    for share in ("0.3", "1", "0"):
        program = from_text(HEADS.replace("0.3", share)).compile(batch=6, dtype="f64")
        loss[share] = program.gradients(images(), Y)[0]

    assert loss["0.3"] == pytest.approx(loss["0"] + 0.3 * (loss["1"] - loss["0"]), rel=1e-12)


def test_a_head_at_the_side_is_trained_and_gone_when_the_net_runs():
    program = from_text(HEADS).compile(batch=6, training=True, dtype="f64")
    before = {name: np.array(program.weights[name]) for name in program.weights}
    first = program.step(images(), Y)
    for _ in range(20):
        last = program.step(images(), Y)

    assert last < first
    assert all(not np.array_equal(program.weights[name], before[name]) for name in before)
    assert program(images()).shape == (6, 3)


def test_weights_of_a_trained_net_with_heads_serve_one_that_only_runs(tmp_path):
    trained_one = from_text(HEADS).compile(batch=6, training=True, dtype="f64")
    for _ in range(3):
        trained_one.step(images(), Y)
    trained_one.weights.save(tmp_path / "w.safetensors")
    running = from_text(HEADS).compile(batch=6, dtype="f64")
    running.weights.load(tmp_path / "w.safetensors")

    np.testing.assert_array_equal(running(images()), trained_one(images()))
    np.testing.assert_allclose(running.gradients(images(), Y)[0], trained_one.gradients(images(), Y)[0], rtol=1e-12)


def test_each_output_may_have_its_own_target():
    program = from_text(HEADS).compile(batch=6, dtype="f64")
    shared = program.gradients(images(), Y)[0]

    assert program.gradients(images(), {"output": Y, "aux": Y})[0] == shared
    assert program.gradients(images(), {"output": Y, "aux": (Y + 1) % 3})[0] != shared
    with pytest.raises(ValueError, match="no target for the output `aux`"):
        program.gradients(images(), {"output": Y})


def test_what_runs_lies_in_front_of_what_only_trains():
    """So that plans for both share one store of weights."""
    program = from_text(HEADS).compile(batch=6, training=True)
    train, run = (program.stages(purpose).plan.buffers for purpose in ("train", "evaluate"))

    for name in program.weights:
        assert (train[name].arena, train[name].offset) == (run[name].arena, run[name].offset), name
