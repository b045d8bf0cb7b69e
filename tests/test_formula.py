"""Formulas: folding, gradients, printing."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlang.formula as F  # noqa: N812 (F.exp reads as the formula language)
from netlang.formula import Channel, Name, Number, Random, Runtime, derive, evaluate, kinks, text, trace

x, y, z, dy = Name("x"), Name("y"), Name("z"), Name("dy")

FUNCTIONS = {
    "relu": lambda x: F.maximum(x, 0),
    "relu6": lambda x: F.minimum(F.maximum(x, 0), 6),
    "leaky": lambda x: F.where(x > 0, x, 0.01 * x),
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "softplus": F.softplus,
    "swish": lambda x: x * F.sigmoid(x),
    "absolute": F.absolute,
    "elu": lambda x: F.where(x > 0, x, 1.5 * (F.exp(x) - 1)),
    "norm": lambda x, z: (x - 0.5) / F.sqrt(z * z + 1e-5) + F.log(z * z + 1),
    "larger": lambda x, z: F.maximum(x, z) - F.minimum(x * z, x + z),
    "negated": lambda x, z: -(x - z) * -z,
}


def operands(term, seed=0, size=64):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(size) * 2 for name in F.names(term)}


def test_equal_terms_are_one_object():
    assert trace(lambda x, z: (x + z) * (x + z)).args[0] is trace(lambda x, z: x + z)
    assert Number(0.0) is not Number(-0.0)
    assert pickle.loads(pickle.dumps(F.exp(x) + 1)) is F.exp(x) + 1


def test_a_formula_has_no_branches():
    with pytest.raises(TypeError, match="where"):
        trace(lambda x: x if x > 0 else -x)


@pytest.mark.parametrize(
    ("term", "folded"),
    [
        (x + 0, "x"), (0 + x, "x"), (x - 0, "x"), (0 - x, "-x"), (x - x, "0"), (x * 0, "0"), (x * 1, "x"),
        (x * -1, "-x"), (F.call("neg", -x), "x"), (x / 1, "x"), (0 / x, "0"), (x + -y, "x - y"), (x - -y, "x + y"),
        (F.where(x > 0, y, y), "y"), (F.where(Number(1) > 0, x, y), "x"), (F.exp(0), "1"),
        (F.call("gt", 0, x), "x < 0"), (y * F.where(x > 0, 1, 0), "where(x > 0, y, 0)"),
        (F.where(x > 0, y, 0) + F.where(x > 0, 0, z), "where(x > 0, y, z)"),
        (-(x - y), "y - x"), (x - (y - z), "x - (y - z)"), (x - y - z, "x - y - z"), (x / (y * z), "x / (y * z)"),
        (-x * y, "-x * y"), (-(x * y), "-(x * y)"), (x * Number(-2.5), "x * (-2.5)"),
    ],
)  # fmt: skip
def test_terms_fold_and_print_as_python(term, folded):
    assert str(term) == folded


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_canonical_text_evaluates_to_the_term(name):
    term = trace(FUNCTIONS[name])
    assert eval(str(term), vars(F) | {n: Name(n) for n in F.names(term)}) is term


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_agrees_with_a_central_difference(name):
    term = trace(FUNCTIONS[name])
    env = operands(term)
    near = np.any([np.abs(evaluate(k, env)) < 1e-4 for k in kinks(term)], axis=0) if kinks(term) else False
    step = 1e-6

    for operand, gradient in zip(env, derive(term, Number(1), tuple(env)), strict=True):
        up, down = (evaluate(term, env | {operand: env[operand] + s}) for s in (step, -step))
        error = np.abs(evaluate(gradient, env) - (up - down) / (2 * step))
        assert np.all(near | (error < 1e-7)), operand  # step^2 times the third derivative, and rounding / step


@pytest.mark.parametrize(
    ("name", "gradient"),
    [
        ("relu", "where(y > 0, dy, 0)"),
        ("sigmoid", "dy * (y * (1 - y))"),
        ("tanh", "dy * (1 - y * y)"),
        ("leaky", "where(x > 0, dy, dy * 0.01)"),
        ("softplus", "dy * sigmoid(x)"),
        ("absolute", "dy * where(x > 0, 1, where(x < 0, -1, 0))"),
    ],
)
def test_gradients_are_written_in_the_output_where_they_can_be(name, gradient):
    term = trace(FUNCTIONS[name])
    assert str(F.replace(derive(term, dy, ["x"])[0], term, y)) == gradient


def test_corners_follow_the_stated_conventions():
    at = {"x": np.zeros(1), "z": np.zeros(1)}
    one = Number(1)
    assert evaluate(derive(F.maximum(x, 0), one, ["x"])[0], at) == 0
    assert [evaluate(d, at).item() for d in derive(F.maximum(x, z), one, ["x", "z"])] == [1, 0]
    assert [evaluate(d, at).item() for d in derive(F.minimum(x, z), one, ["x", "z"])] == [1, 0]
    assert evaluate(derive(F.absolute(x), one, ["x"])[0], at) == 0
    assert derive(F.where(x > 0, 1, 0), one, ["x"]) == (Number(0),)


def test_sigmoid_and_softplus_survive_any_float():
    far = {"x": np.array([-1e4, -700.0, 0.0, 700.0, 1e4])}
    assert evaluate(F.sigmoid(x), far).tolist() == [0.0, pytest.approx(np.exp(-700)), 0.5, 1.0, 1.0]
    assert evaluate(F.softplus(x), far).tolist() == [0.0, pytest.approx(np.exp(-700)), np.log(2), 700.0, 1e4]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_text_computes_what_the_term_means(name):
    term = trace(FUNCTIONS[name])
    gradients = derive(term, dy, F.names(term))
    env = operands(term) | {"dy": np.linspace(-1, 1, 64)}
    wanted = [term, *gradients]
    into = [f"out{k}" for k in range(len(wanted))]

    scope = {"np": np} | env
    exec("\n".join(text("numpy", into, *wanted)), scope)
    for name, part in zip(into, wanted, strict=True):
        np.testing.assert_allclose(scope[name], evaluate(part, env), rtol=1e-12, atol=1e-15)


def run_lanes(target, term, env):
    """The scalar and CUDA text, lane by lane."""
    lane = F.operations() | {"f32": float, "splat_f32": float, "math": math}
    code = "\n".join(text(target, ["out"], term))
    found = []
    for k in range(64):
        scope = dict(lane) | {n: float(v[k]) for n, v in env.items()}
        exec(code, scope)
        found.append(float(scope["out"]))
    return found


@pytest.mark.parametrize("target", ["vector", "scalar", "cuda"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_text_of_every_target_computes_what_the_term_means(name, target):
    term = trace(FUNCTIONS[name])
    env = operands(term)
    np.testing.assert_allclose(run_lanes(target, term, env), evaluate(term, env), rtol=1e-12)


def test_constants_are_typed_where_the_target_needs_it():
    half = F.where(x > 0.5, 1, 0)
    assert text("vector", ["y"], half) == ["y_0 = x > 0.5", "y = where(y_0, splat_f32(1.0), splat_f32(0.0))"]
    assert text("scalar", ["y"], half, dtype="f64") == ["y_0 = x > f64(0.5)", "y = where(y_0, f64(1.0), f64(0.0))"]
    assert text("cuda", ["y"], half) == ["y_0 = x > f32(0.5)", "y = f32(1.0) if y_0 else f32(0.0)"]
    assert text("vector", ["y"], Number(2)) == ["y = splat_f32(2.0)"]
    assert text("scalar", ["y", "z"], x, F.maximum(x, y)) == ["z = maximum(x, y)", "y = x"]


def test_every_result_gets_its_name_and_common_parts_are_computed_once():
    assert text("numpy", ["a", "b", "c"], x * y, x * y + 1, x * y) == ["a = x * y", "b = a + 1.0", "c = a"]
    assert text("numpy", ["a"], Number(float("-inf"))) == ["a = float('-inf')"]


def test_leaves_of_the_running_program_print_as_local_names():
    term = F.where(Random(7) >= 0.5, x * Runtime("rate"), Channel())
    assert F.needs(term) == {"random_7", "runtime_rate", "channel"}
    assert str(term) == "where(random_7 >= 0.5, x * runtime_rate, channel)"
    value = evaluate(
        term, {"x": np.ones(2)}, runtime={"rate": 0.25}, random=lambda s: np.array([0.75, 0.1]), channel=np.arange(2)
    )
    assert value.tolist() == [0.25, 1.0]


def test_count_takes_common_parts_once_and_selections_for_nothing():
    assert F.count(trace(lambda x, z: (x + z) * (x + z))) == 2
    assert F.count(F.where(x > 0, x, 0.01 * x)) == 2
    assert F.count(x) == 0


def test_a_term_keeps_zero_whatever_the_other_operands_are():
    assert F.keeps_zero(x * y, {"x"})
    assert F.keeps_zero(F.where(y > 0, x, 0.1 * x), {"x"})
    assert F.keeps_zero(F.maximum(x, 0), {"x"})
    assert F.keeps_zero(x + y, {"x", "y"})
    assert not F.keeps_zero(x + y, {"x"})
    assert not F.keeps_zero(F.sigmoid(x), {"x"})


def test_float32_operands_give_float32():
    env = {"x": np.linspace(-2, 2, 9, dtype=np.float32)}
    for f in (FUNCTIONS["relu"], FUNCTIONS["leaky"], FUNCTIONS["swish"], FUNCTIONS["softplus"]):
        term = trace(f)
        assert evaluate(term, env).dtype == np.float32
        assert evaluate(derive(term, Number(1), ["x"])[0], env).dtype == np.float32


def terms():
    leaf = st.sampled_from([x, y, Number(0), Number(1), Number(-1), Number(0.5)])

    def grow(inner):
        two = st.tuples(st.sampled_from(["add", "sub", "mul", "maximum", "minimum"]), inner, inner)
        one = st.tuples(st.sampled_from(["neg", "tanh", "sigmoid", "absolute"]), inner)
        pick = st.builds(lambda a, b, p, q: ("where", F.call("gt", a, b), p, q), inner, inner, inner, inner)
        return st.one_of(two, one, pick).map(lambda parts: F.call(*parts))

    return st.recursive(leaf, grow, max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(terms())
def test_replacing_operands_commutes_with_evaluation(term):
    env = {"x": np.array([0.3, -1.2, 0.0]), "y": np.array([-0.7, 0.4, 2.0])}
    inner = {"x": F.tanh(x) - y, "y": x * 2}

    outer = env | {name: evaluate(inner[name], env) for name in inner}
    found = evaluate(F.substitute(term, inner), env)
    np.testing.assert_allclose(np.broadcast_to(found, 3), np.broadcast_to(evaluate(term, outer), 3), atol=1e-12)
