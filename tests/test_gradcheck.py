"""Gradients beside central differences: what agrees, what does not, and what cannot be told."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.cli import main
from netlang.files import Problem
from netlang.formula import calculus
from netlang.gradcheck import gradcheck
from netlang.gradcheck.difference import STEPS, Slope, judged
from netlang.gradcheck.point import moved, small, usual_batch
from netlang.graph import Input
from netlang.layer import Weight
from netlang.program import Program

EXAMPLES = Path(__file__).parents[1] / "examples"
USUAL = ("mlp", "perceptron", "logistic")
KINDS = "input 4x4x3\nconv3-4 bn relu, dropout 0.3, maxpool, prelu, FC-3, softmax\n"
WORDS = "input 5 tokens vocab=9\nembed-4, conv3-6 gelu, last, FC-2, softmax\n"
SMALL = "input 2x2x2\n\nFC-5 tanh\nFC-4\nFC-3, softmax\n"


def near(at, function, analytic, tolerance=1e-6, noise=1e-15):
    """The verdict on a function of one step, at the point `at`."""
    slope = Slope(lambda step: function(at + step), function(at), analytic, abs(analytic) or 1.0, 1e-9, noise)
    return judged(slope, tolerance)


def test_a_right_slope_is_right_and_a_slightly_wrong_one_is_wrong():
    assert near(0.3, math.exp, math.exp(0.3)).right is True
    assert near(0.3, math.exp, math.exp(0.3) * (1 + 1e-5)).right is False
    assert near(0.3, math.exp, math.nan).right is False


def test_a_corner_near_the_point_asks_for_a_smaller_step():
    verdict = near(1e-5, lambda x: max(x, 0.0), 1.0)

    assert verdict.right is True
    assert STEPS[verdict.step] <= 1e-5


@pytest.mark.parametrize("analytic", [0.0, 0.5, 1.0])
def test_at_a_corner_no_slope_is_called_wrong(analytic):
    assert near(0.0, lambda x: max(x, 0.0), analytic).right is not False


def test_a_jump_beside_the_point_is_neither_right_nor_wrong():
    assert near(1e-9, lambda x: float(x > 0), 0.0).right is None
    assert near(0.5, lambda x: float(x > 0), 0.0).right is True


def test_what_rounding_hides_is_not_called_wrong():
    rng = np.random.default_rng(0)

    assert near(0.0, lambda x: 1 + 1e-9 * x + 1e-9 * rng.uniform(-1, 1), 0.0, noise=1e-9).right is True


@pytest.mark.parametrize("text", [KINDS, WORDS, SMALL], ids=["kinds", "words", "small"])
def test_the_gradients_of_layers_of_many_kinds_agree_with_differences(text):
    found = gradcheck(netlang.from_text(text), batch=3)

    assert found.ok, str(found)
    assert {row.name for row in found.rows} >= {n.id for n in netlang.from_text(text).graph.made_by(Weight)}
    assert found.worst.outcome.worst.error <= 1e-6


def test_examples_of_different_lengths_have_right_gradients_too():
    found = gradcheck(netlang.from_text(WORDS), batch=3, lengths=True)

    assert found.ok, str(found)
    with pytest.raises(Problem, match="reads no sequence"):
        gradcheck(netlang.from_text(SMALL), lengths=True)


def test_a_wrong_derivative_is_found_and_the_layer_and_line_are_named(monkeypatch):
    monkeypatch.setitem(calculus.RULES, "tanh", lambda y, _a: (1 - y * y * 1.001,))

    found = gradcheck(netlang.from_text(SMALL))

    assert {row.name: row.outcome.right for row in found.rows} == {
        "input": False, "fc1.w": False, "fc1.b": False, "fc2.w": True, "fc2.b": True, "fc3.w": True, "fc3.b": True
    }  # fmt: skip
    assert [(layer.layer, layer.line) for layer in found.blamed] == [("tanh", 3)]
    assert "`tanh` (fc1.tanh on line 3) is wrong by itself" in str(found)


def test_the_worst_element_of_a_wrong_gradient_is_named(monkeypatch):
    right = Program.gradients

    def wrong(program, *given):
        loss, grads = right(program, *given)
        if "fc2.w" in grads and len(grads) > 3:  # not where a layer is checked by itself
            grads["fc2.w"][3, 2] += 1e-3
        return loss, grads

    monkeypatch.setattr(Program, "gradients", wrong)
    found = gradcheck(netlang.from_text(SMALL))

    assert [row.element for row in found.wrong] == ["fc2.w[3, 2]"]
    assert (found.worst.name, found.worst.line, found.worst.outcome.worst.index) == ("fc2.w", 4, (3, 2))
    assert found.worst.outcome.worst.analytic - found.worst.outcome.worst.numeric == pytest.approx(1e-3, rel=1e-3)
    assert found.blamed == ()
    assert "The worst element is fc2.w[3, 2] of `fc-4` on line 4" in str(found)


def test_behind_a_step_the_gradient_is_the_rule_of_rosenblatt_and_before_one_it_is_nothing():
    rule = gradcheck(netlang.from_text("input 5\nFC-3 step\ntrain: loss=perceptron"))
    hidden = gradcheck(netlang.from_text("input 5\nFC-4 step, FC-3, softmax"))

    assert rule.ok
    assert not any(row.outcome.zero for row in rule.rows)
    assert hidden.ok
    assert [row.name for row in hidden.rows if row.outcome.zero] == ["input", "fc1.w", "fc1.b"]
    assert "Nothing of the loss depends on input, fc1.w, fc1.b here" in str(hidden)


@pytest.mark.parametrize(("name", "shape"), [("vgg", (32, 32, 3)), ("resnet", (48, 48, 3)), ("fcn", (32, 32, 3))])
def test_a_large_net_is_made_smaller_as_far_as_its_layers_and_norms_allow(name, shape):
    net = netlang.load(EXAMPLES / f"{name}.net")

    found = small(net.checked, None, 4)

    assert next(found.graph.made_by(Input)).type.shape[1:] == shape
    assert str(net.checked.graph) != str(found.graph)


def test_a_small_net_stays_as_it_is_and_a_size_can_be_asked_for():
    lenet = netlang.load(EXAMPLES / "lenet.net").checked
    asked = small(lenet, (20, 24), 4)

    assert str(small(lenet, None, 4).graph) == str(lenet.graph)
    assert asked.graph["input"].type.shape == ("n", 20, 24, 1)
    assert asked.graph["fc1.w"].type.shape == (3 * 4 * 16, 120)  # the only weights whose shape the image decides
    assert asked.graph["conv2.w"].type == lenet.graph["conv2.w"].type
    with pytest.raises(netlang.NetError) as raised:
        small(lenet, (4, 4), 4)
    assert len(raised.value.diagnostics) == 1
    with pytest.raises(Problem, match="HxW is for images"):
        small(netlang.from_text("input 5\nFC-3").checked, (4, 4), 4)


@pytest.mark.parametrize("last", ["FC-64 tie=@a transposed", "FC-64, FC-5 tie=@a"])
def test_tied_weights_that_fit_one_size_only_forbid_another(last):
    net = netlang.from_text(f"input 8x8x1\nFC-5 tanh @a\n{last}\n").checked

    assert str(small(net, (8, 8), 4).graph) == str(net.graph)
    with pytest.raises(netlang.NetError, match="tied weights have other shapes here, with input 4x4x1"):
        small(net, (4, 4), 4)


def test_of_a_large_net_fewer_examples_are_taken():
    nets = [netlang.load(EXAMPLES / f"{name}.net").checked for name in ("lenet", "resnet50", "vgg")]

    assert [usual_batch(net, None) for net in nets] == [4, 2, 1]


def test_weights_move_away_from_where_they_start():
    net = netlang.from_text("input 8x8x1\nconv3-50 bn\nFC-50\n").checked
    biases, scales, shifts = (
        moved(net, name, start, 0)
        for name, start in (("fc1.b", np.zeros(50)), ("conv1.bn.scale", np.ones(50)), ("conv1.bn.shift", np.zeros(50)))
    )

    assert 0.05 < np.abs(biases).mean() < 0.15
    assert 0.1 < np.abs(scales - 1).mean() < 0.3
    assert 2.5 < np.abs(shifts).min() < np.abs(shifts).max() < 3.5
    assert 10 < (shifts > 0).sum() < 40


def run(*args):
    return CliRunner().invoke(main, ["gradcheck", *map(str, args)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.net"
    path.write_text(SMALL)
    return path


def test_the_command_prints_a_row_per_gradient_and_ends_with_0(file):
    done = run(file)

    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()[4:11]] == [
        "input", "fc1.w", "fc1.b", "fc2.w", "fc2.b", "fc3.w", "fc3.b"
    ]  # fmt: skip
    assert "7 gradients agree with central differences within 1e-06." in done.stdout


def test_a_wrong_gradient_ends_the_command_with_1_and_the_json_says_where(file, monkeypatch):
    monkeypatch.setitem(calculus.RULES, "tanh", lambda y, _a: (1 - y * y * 1.001,))

    done = run(file, "--json", "--seed", 3)
    said = json.loads(done.stdout)

    assert done.exit_code == 1
    assert (said["ok"], said["seed"], said["blamed"][0]["layer"], said["blamed"][0]["line"]) == (False, 3, "tanh", 3)
    worst = next(row for row in said["gradients"] if row["name"] == said["worst"])
    assert worst["right"] is False
    assert worst["worst"]["gradient"] != pytest.approx(worst["worst"]["difference"], rel=1e-5)
    assert run(file, "--tolerance", 0.5).exit_code == 0


def test_what_there_was_no_time_for_is_named_and_is_no_success(file):
    done = run(file, "--time", 0)

    assert done.exit_code == 1
    assert "No time was left for input, fc1.w, fc1.b, fc2.w, fc2.b, fc3.w and 1 more" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--size", "4y4"], 2, "--size 4y4: it is HxW in pixels"),
        (["--size", "9"], 1, "--size 9: the input is 2x2x2; HxW is for images, T for sequences"),
        (["--tolerance", "0"], 2, "--tolerance"),
        (["--tolerance", "nan"], 2, "--tolerance is a number, not NaN"),
        (["--time", "nan"], 2, "--time is a number, not NaN"),
    ],
)
def test_a_wrong_option_is_told(file, arguments, status, said):
    done = run(file, *arguments)

    assert done.exit_code == status
    assert said in done.stderr


def test_a_net_without_anything_to_differentiate_by_is_told(tmp_path):
    (tmp_path / "a.net").write_text("input 4 tokens vocab=3\nonehot\n")

    done = run(tmp_path / "a.net")

    assert done.exit_code == 1
    assert "a has no weights, and no inputs of numbers: there is no gradient to check" in done.stderr


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(EXAMPLES.glob("*.net")) if p.stem in USUAL or os.environ.get("NETLANG_ZOO") == "all"],
    ids=lambda path: path.stem,
)
def test_the_gradients_of_the_examples_agree_with_differences(path):
    """NETLANG_ZOO=all takes every one; some take minutes."""
    found = netlang.load(path).gradcheck(seconds=3600)

    assert found.ok, str(found)
