"""`netlang latex`: the equations of what is compiled."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.formula import Channel, Name, Number, Runtime, exp, maximum, sigmoid, sqrt, where
from netlang.formula.breaks import PAGE, lines, measure
from netlang.formula.latex import latex

ALL = os.environ.get("NETLANG_ZOO") == "all"
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
        ((a + b) * (a + b), r"\left(a + b\right)^{2}"),
        (Number(-2.5) * a / Runtime("examples"), r"\frac{\left(-2.5\right) \, a}{N}"),
    ],
)
def test_a_formula_is_written_as_mathematics_is(term, said):
    assert latex(term, lambda name: name) == said


def test_a_convolution_has_its_sum_with_the_numbers_put_in(tmp_path):
    (tmp_path / "a.net").write_text("input 8x8x3\nconv5-4/2\nflatten, FC-2, softmax\n")
    text = run(tmp_path / "a.net").stdout

    x = r"\mathrm{input}_{n,\,2i + u - 2,\,2j + v - 2,\,c}"
    assert rf"z_{{(0),n,i,j,f}} &= \sum_{{u<5,\,v<5,\,c<3}} {x}\, w_{{u,v,c,f}} \\" in text
    assert r"y^{\text{relu}}_{n,i,j,f} &= \max\left(y_{n,i,j,f}, 0\right)" in text
    assert r"\mathrm{reshape}" in text or r"\left(y^{\text{conv1.relu}}\right)" in text  # a value of another layer
    assert r"\bar{w}_{u,v,c,f} &= \sum_{n,i,j} " + x in text
    assert "L &= " in text
    assert text.index("Forward") < text.index("L &= ") < text.index("Backward")


def test_filters_of_a_group_read_its_channels(tmp_path):
    (tmp_path / "a.net").write_text("input 6x6x8\nconv3-8\nconv3-8 groups=2\nflatten, FC-2, softmax\n")
    text = run(tmp_path / "a.net").stdout

    assert r"\sum_{u<3,\,v<3,\,c<4} y" in text
    assert r"i + u - 1,\,j + v - 1,\,4 \lfloor f/4 \rfloor + c}\, w_{u,v,c,f}" in text
    assert r"\lfloor f/4 \rfloor = \lfloor c/4 \rfloor} " in text
    assert r"w_{u,v,\,c \bmod 4,\,f}" in text


def test_a_cell_has_its_own_equations(tmp_path):
    (tmp_path / "a.net").write_text("input 4x3\ngru-2 last\nFC-2, softmax\n")

    text = run(tmp_path / "a.net", "--pass", "forward").stdout
    assert r"h_{t} &= z_{t} \, h_{t-1} + \left(1 - z_{t}\right) \, g_{t}" in text
    assert "Backward" not in text


@pytest.mark.parametrize("name", ["lstm", "lstm-peephole", "gru", "gru-before", "mgu", "bidirectional"])
def test_every_letter_of_a_recurrent_layer_has_one_equation(name):
    found = json.loads(run(EXAMPLES / f"{name}.net", "--set", "T=5", "--json").stdout)["equations"]

    for each in found:
        lefts = [line.partition(" &= ")[0] for line in each["lines"]]
        assert len(set(lefts)) == len(lefts), [left for left in lefts if lefts.count(left) > 1]


def test_every_gate_takes_its_own_columns_of_the_joined_matrix(tmp_path):
    (tmp_path / "a.net").write_text("input 5x3\nlstm-16 last\nFC-2, softmax\n")
    text = run(tmp_path / "a.net").stdout

    for gate, start in (("f", 0), ("i", 16), ("o", 32), ("g", 48)):
        columns = rf"{start}{{:}}{start + 16}"
        assert rf"s^{{\text{{{gate}}}}}_{{t}} &= h_{{t-1}}\, z_{{(5)}}\left[{{:}},\,{columns}\right]" in text
        assert (
            rf"\bar{{s}}^{{\text{{{gate}}}}}_{{t}}\, \delta^{{\text{{6}}}}_{{(0)}}\left[{columns},\,{{:}}\right]"
            in text
        )
    assert r"\bar{h}_{t} &= " in text
    assert r" + \bar{h}'_{t+1}" in text  # what the step behind sends back is not the whole gradient of a state
    assert r"z_{(7),t} &= z_{(6),t}\left[0{:}16\right]" in text
    assert "inner" not in text


def test_values_of_a_cell_that_runs_backwards_have_an_arrow():
    text = run(EXAMPLES / "bidirectional.net", "--set", "T=5", "--pass", "forward").stdout

    assert r"\overleftarrow{h}_{t}" in text
    assert r"\overleftarrow{h}_{t+1}" in text
    assert " h_{t-1}" in text


WIDE = ["lenet", "xor-mlp", "lstm-peephole", "resnet-basic", "alexnet", "mobilenet-v2"]
EVERY = sorted(path.stem for path in EXAMPLES.glob("*.net"))


def document(name, folder):
    """A document with the equations of an example, its open sizes set to 32."""
    text = (EXAMPLES / f"{name}.net").read_text()
    sizes = [f"--set={letter}=32" for letter in "HWT" if re.search(rf"^input .*\b{letter}|x{letter}x", text, re.M)]
    done = run(EXAMPLES / f"{name}.net", "--document", *sizes, "-o", folder / "x.tex")
    assert done.exit_code == 0, done.stderr
    return (folder / "x.tex").read_text()


@pytest.mark.parametrize("name", EVERY if ALL else WIDE)
def test_no_equation_is_wider_than_the_page(name, tmp_path):
    assert_fits(document(name, tmp_path))


def assert_fits(text):
    """The widest left and the widest right side of each block stand beside one another."""
    for block in re.findall(r"begin.align..\n(.*?)\n.end.align", text, re.S):
        halves = [line.strip().removesuffix(r" \\").partition("&") for line in block.split("\n")]
        left, right = (max(measure(half[k]) for half in halves) for k in (0, 2))
        assert left + right < PAGE, block


if ALL and shutil.which("pdflatex"):

    @pytest.mark.parametrize("name", EVERY)
    def test_tex_says_that_no_equation_is_wider_than_the_page(name, tmp_path):
        document(name, tmp_path)
        done = subprocess.run(["pdflatex", "-halt-on-error", "x.tex"], cwd=tmp_path, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout[-2000:]
        assert [
            width for width in map(float, re.findall(r"Overfull .hbox .([.\d]+)pt", done.stdout)) if width > 2
        ] == []


def test_names_of_any_length_leave_room_for_equations(tmp_path):
    name = "a_block_whose_name_goes_on_and_on_and_on_and_on"
    body = (
        f"block {name}(w): residual[ conv3-w gelu, conv3-w swish ] softplus\ndefault conv: bn\ninput 16x16x3\nconv3-8\n"
    )
    (tmp_path / "a.net").write_text(f"{body}{name}(8) x2\ngap, FC-3 prelu, softmax\n")

    assert_fits(run(tmp_path / "a.net").stdout)


LONG = [
    r"\left(a_{f} - \frac{b_{f} + \left(c_{n,f} - d_{f}\right) \, e_{f} \, g_{f}}{N \cdot 49}\right) \, h_{f} \, k_{f}",
    r"\operatorname{concat}\left(a, b_{1}, c^{\text{one}}_{2}, d, e, g\right)",
    r"a \, \begin{cases} b + \frac{c}{d} & \text{if } e > 0 \\ g & \text{otherwise} \end{cases} - h",
    r"-a + \left(-0.75\right) \, \exp\left(-b\right)",
]


@pytest.mark.parametrize("text", LONG)
@pytest.mark.parametrize("room", [30.0, 60.0, 90.0, 400.0])
def test_an_equation_in_lines_has_all_its_parts_in_their_order(text, room):
    found = list(lines(text, room))

    said = re.sub(r"\\(left|right)\.|\{\} ", "", " ".join(found))
    letters = re.findall(r"[a-z0-9.]+", re.sub(r"\\[a-z]+", "", said))
    assert letters == re.findall(r"[a-z0-9.]+", re.sub(r"\\[a-z]+", "", text)) or "where" in said
    assert (len(found) == 1) == (room == 400.0)
    for line in found:
        balanced(line)


def test_lines_break_at_the_outer_signs_first():
    text = r"\left(a_{f} + b_{f}\right) \, c_{f} + \left(d_{f} + e_{f}\right) \, g_{f}"

    assert list(lines(text, 115.0)) == [
        r"\left(a_{f} + b_{f}\right) \, c_{f}",
        r"{} + \left(d_{f} + e_{f}\right) \, g_{f}",
    ]


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


@pytest.mark.parametrize(("name", "said"), [("lstm", "T = 32"), ("fcn", "H = 32, W = 32")])
def test_sizes_that_a_file_leaves_open_are_chosen_and_told(name, said):
    done = run(EXAMPLES / f"{name}.net", "--pass", "forward")

    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"% with {said}, which the file leaves open")
    assert json.loads(run(EXAMPLES / "lstm.net", "--json").stdout)["sizes"] == {"T": 32}


def test_a_size_that_was_chosen_is_not_chosen_again():
    assert run(EXAMPLES / "lstm.net", "--set", "T=5").stdout.startswith(r"\section*{Forward}")


def test_a_size_that_the_layers_do_not_take_is_not_chosen(tmp_path):
    (tmp_path / "a.net").write_text("input HxWx1\nconv40-2 valid, gap, FC-2, softmax\n")

    assert run(tmp_path / "a.net").stdout.startswith("% with H = 64, W = 64, which")
