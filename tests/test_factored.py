"""Gradients of large dense weights that are never written: the optimizer multiplies their factors."""

import sys

import numpy as np
import pytest
from graphs import feeds_of, trained

import netlang
from netlang.diagnostics import NetError
from netlang.interpret import interpret, stepped
from netlang.passes.factor import factor
from netlang.primitives.factored.op import FactoredUpdate
from netlang.primitives.reference import Run

TEXT = "input 300\nFC-41, relu, dropout 0.5\nFC-19, relu\nFC-3, softmax\ntrain: optimizer={} lr=0.01\n"
ONE = "\nFC-3, softmax\ntrain: optimizer=adam lr=0.01\n"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Weights of 300 numbers are large."""
    monkeypatch.setattr(sys.modules["netlang.passes.factor"], "LARGE", 300)


def example(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 300)).astype(np.float32), np.arange(n) % 3


def compiled(optimizer="adam", batch=8, **options):
    return netlang.from_text(TEXT.format(optimizer)).compile(batch, training=True, seed=1, **options)


def factored(program):
    return set(program.loaded("train").plan.factored)


def test_gradients_of_many_examples_or_small_weights_are_written():
    assert factored(compiled(batch=8)) == {"fc1.w", "fc2.w"}
    assert factored(compiled(batch=48)) == {"fc1.w", "fc2.w"}
    assert factored(compiled(batch=49)) == set()


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ("input 30\nFC-30 @a, FC-30", {"a.w", "fc2.w"}),
        ("input 30\nFC-30 @a, FC-30 tie=@a", set()),  # the sum of two products
        ("input 20x30\nconv1-20, last", set()),  # of all steps
        ("input 6x6x10\nconv1-40, flatten", {"fc1.w"}),  # conv1.w: of all pixels
        ("input 30\nFC-30 freeze", set()),
    ],
)
def test_only_gradients_that_are_one_product_of_examples_stay_in_their_factors(layers, names):
    graph = trained(layers + ONE)

    found = {node.inputs[0] for node in factor(graph, 4).made_by(FactoredUpdate)}

    assert found == names


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_step_is_that_of_the_written_gradient(optimizer):
    graph = trained(TEXT.format(optimizer))
    feeds, run = feeds_of(graph), Run(3)
    after = factor(graph, 4)

    old, new = (stepped(g, interpret(g, feeds, run), run) for g in (graph, after))

    assert len(list(after.made_by(FactoredUpdate))) == 2
    assert old.keys() == new.keys()
    for name in old:
        np.testing.assert_allclose(new[name], old[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("optimizer", "dtype"), [("sgd", "f32"), ("momentum", "f32"), ("adam", "f32"), ("adam", "f64")]
)
def test_kernels_step_as_with_a_written_gradient(monkeypatch, optimizer, dtype):
    x, target = example(7)  # fewer than the batch
    here = compiled(optimizer, dtype=dtype, check_memory=True)
    losses = [here.step(x, target) for _ in range(3)]
    monkeypatch.setattr(sys.modules["netlang.passes.factor"], "LARGE", 1 << 60)
    written = compiled(optimizer, dtype=dtype)
    wanted = [written.step(x, target) for _ in range(3)]

    assert factored(here) == {"fc1.w", "fc2.w"}
    assert factored(written) == set()
    near = 1e-5 if dtype == "f32" else 1e-12  # sums of 7 products in another order; Adam divides by their roots
    np.testing.assert_allclose(losses, wanted, rtol=near)
    for name in written.weights:
        np.testing.assert_allclose(here.weights[name], written.weights[name], rtol=near, atol=20 * near)
    for name in written.state:
        np.testing.assert_allclose(here.state[name], written.state[name], rtol=10 * near, atol=near)
    np.testing.assert_allclose(here.norm, written.norm, rtol=near)
    norms = written.gradient_norms()
    assert list(here.gradient_norms()) == list(norms)
    np.testing.assert_allclose(list(here.gradient_norms().values()), list(norms.values()), rtol=near)


def test_one_thread_and_two_step_alike_bit_for_bit():
    x, target = example(8)
    one, two = (compiled(threads=threads) for threads in (1, 2))

    assert [one.step(x, target) for _ in range(3)] == [two.step(x, target) for _ in range(3)]
    assert one.norm == two.norm
    for name in one.weights:
        np.testing.assert_array_equal(one.weights[name], two.weights[name])


def test_gradients_in_factors_take_no_memory(monkeypatch):
    here = compiled().stages("train").plan
    monkeypatch.setattr(sys.modules["netlang.passes.factor"], "LARGE", 1 << 60)
    written = compiled().stages("train").plan

    assert written.arenas["gradients"] - here.arenas["gradients"] == 4 * (300 * 48 + 41 * 32)  # columns padded to 16


def test_a_step_that_meets_infinity_changes_nothing():
    program = compiled()
    x, target = example(8)
    program.weights["fc3.w"] = np.full((19, 3), 3e38, np.float32)
    before = {name: program.weights[name] for name in program.weights}

    with pytest.raises(NetError, match="the first that is not"):
        program.step(x * 1e3, target)

    for name in before:
        np.testing.assert_array_equal(program.weights[name], before[name], err_msg=name)


def test_gradients_asked_for_are_written():
    program = compiled()
    x, target = example(8)

    _, gradients = program.gradients(x, target)
    program.step(x, target)

    norms = {name: float(np.linalg.norm(gradients[name])) for name in program.weights}
    assert program.gradient_norms() == pytest.approx(norms, rel=1e-5)


def test_a_first_convolution_of_many_weights_is_none():
    """Its image comes as rows."""
    net = netlang.from_text("input 9x9x3\nconv3-33, gap, FC-500, relu" + ONE)

    assert "conv1.w" not in factored(net.compile(4, training=True))


def test_what_is_computed_again_for_want_of_memory_stays_till_the_update(monkeypatch):
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")  # with it nothing shares memory
    text = "input 32x32x3\nconv3-16, relu, conv3-16, relu, conv3-16, relu, maxpool\nflatten\nFC-16, relu" + ONE
    net = netlang.from_text(text)
    x = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype(np.float32)
    whole = net.compile(4, training=True)
    room = whole.stages("train").plan.size + whole.stages("evaluate").plan.beside
    short = net.compile(4, training=True, memory=room - 200_000)

    assert any(node.id.endswith(".again") for node in short.stages("train").optimised)
    assert factored(short) == {"fc1.w"}
    for _ in range(3):
        assert whole.step(x, np.arange(4) % 3) == short.step(x, np.arange(4) % 3)
