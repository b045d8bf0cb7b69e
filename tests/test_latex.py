"""`netlang latex`: the equations of what is compiled."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.formula import Channel, Name, Number, Runtime, exp, maximum, sigmoid, sqrt, where
from netlang.formula.latex import latex

EXAMPLES = Path(__file__).parents[1] / "examples"
a, b = Name("a"), Name("b")


def run(*args):
    return CliRunner().invoke(main, ["latex", *map(str, args)])


@pytest.mark.parametrize(
    ("term", "said"),
    [
        (a + b * 2, r"a + b \cdot 2"),
        ((a + b) * a, r"\left(a + b\right) \, a"),
        (a - (b - a), r"a - \left(b - a\right)"),
        (-(a + b), r"-\left(a + b\right)"),
        (a / (1 + exp(b)), r"\frac{a}{1 + \exp\left(b\right)}"),
        (sqrt(a) * sigmoid(b), r"\sqrt{a} \, \sigma\left(b\right)"),
        (maximum(a, 1e-5), r"\max\left(a, 10^{-5}\right)"),
        (where(a > Channel(), a, 0), r"\begin{cases} a & \text{if } a > f \\ 0 & \text{otherwise} \end{cases}"),
        (Number(-2.5) * a / Runtime("examples"), r"\frac{\left(-2.5\right) \, a}{N}"),
    ],
)
def test_a_formula_is_written_as_mathematics_is(term, said):
    assert latex(term, lambda name: name) == said


def test_a_convolution_has_its_sum_with_the_numbers_put_in(tmp_path):
    (tmp_path / "a.net").write_text("input 8x8x3\nconv5-4/2\nflatten, FC-2, softmax\n")
    text = run(tmp_path / "a.net").stdout

    x, w = r"\mathrm{input}_{n,\,2i + u - 2,\,2j + v - 2,\,c}", r"w^{\text{conv1}}_{u,v,c,f}"
    assert rf"z^{{\text{{conv1}}}}_{{(0),n,i,j,f}} &= \sum_{{u<5,\,v<5,\,c<3}} {x}\, {w} \\" in text
    assert r"y^{\text{conv1.relu}}_{n,i,j,f} &= \max\left(y^{\text{conv1}}_{n,i,j,f}, 0\right)" in text
    assert r"\bar{w}^{\text{conv1}}_{u,v,c,f} &= \sum_{n,i,j} " + x in text
    assert "L &= " in text
    assert text.index("Forward") < text.index("L &= ") < text.index("Backward")


def test_a_cell_has_its_own_equations(tmp_path):
    (tmp_path / "a.net").write_text("input 4x3\ngru-2 last\nFC-2, softmax\n")

    text = run(tmp_path / "a.net", "--pass", "forward").stdout
    assert r"h_{t} &= z_{t} \, h_{t-1} + \left(1 - z_{t}\right) \, g_{t}" in text
    assert "Backward" not in text


def balanced(text):
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    opened = re.findall(r"\\(begin|end)\{(\w+\*?)\}", text)
    depth = []
    for what, name in opened:
        if what == "begin":
            depth.append(name)
        else:
            assert depth.pop() == name
    assert not depth


@pytest.mark.parametrize("name", ["lenet", "xor-mlp", "lstm-peephole", "unet-same", "squeezenet"])
def test_brackets_and_environments_of_the_examples_are_balanced(name):
    head = next(line for line in (EXAMPLES / f"{name}.net").read_text().splitlines() if line.startswith("input "))
    sizes = [f"--set={letter}=16" for letter in "HWT" if letter in head]

    done = run(EXAMPLES / f"{name}.net", "--document", *sizes)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(r"\documentclass")
    balanced(done.stdout)


def test_every_layer_that_trains_has_its_gradients(tmp_path):
    found = json.loads(run(EXAMPLES / "lenet.net", "--json").stdout)["equations"]

    forward = {each["title"] for each in found if not each["backward"]}
    backward = {each["title"] for each in found if each["backward"]}
    assert {"conv1", "conv2", "fc1", "fc2", "fc3"} <= forward & backward
    text = run(EXAMPLES / "lenet.net", "-o", tmp_path / "x.tex")
    assert (text.exit_code, text.stdout) == (0, "")
    assert (tmp_path / "x.tex").read_text().count(r"\bar{b}") == 5


def test_open_sizes_are_asked_for():
    done = run(EXAMPLES / "lstm.net")

    assert done.exit_code == 1
    assert "--set T=64" in done.stderr
