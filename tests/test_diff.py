"""`netlang diff`: what differs between two nets."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from pictures import assert_clear

from netlang import catalogue
from netlang.check import check
from netlang.cli import main
from netlang.draw.changes import scene
from netlang.draw.scene import Box, Group, Line, Words, flat
from netlang.expand import expanded
from netlang.report.compare import compared
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import divided, read

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
BYTES = "activations, bytes"  # an expansion says `linear`, and its rows count that as an output


def net(text, variant=None):
    return check(parse(Source("t.net", text)), variant=variant)


def example(name):
    path, variant = divided(str(EXAMPLES / name))
    return check(parse(read(path)), variant=variant)


def changed(one, other):
    return [(pair.old and pair.old.row.name, pair.new and pair.new.row.name) for pair in one_by_one(one, other)]


def one_by_one(one, other):
    return [pair for pair in compared(net(one), net(other)).pairs if not pair.same]


def figures(found):
    return {f.name: (f.old, f.new) for f in found.figures}


def run(*words):
    return CliRunner().invoke(main, ["diff", *map(str, words)])


def test_resnet_50_and_its_later_form_differ_in_one_line_and_in_macs_alone():
    found = compared(example("resnet.net:50"), example("resnet-v1.5.net:50"))
    ((old, new), pairs) = next(found.changes())

    assert len(list(found.changes())) == 1
    assert old.text == "residual[ conv1-w/s, conv3-w, conv1-(4*w) ] relu"
    assert new.text == "residual[ conv1-w, conv3-w/s, conv1-(4*w) ] relu"
    assert len(pairs) == 6  # two layers of the first block of three stages
    assert figures(found)["parameters"] == (25_557_032, 25_557_032)
    assert figures(found)["macs"] == (3_857_973_248, 4_089_184_256)


FEW = ["lenet.net", "resnet.net:50", "googlenet.net", "unet.net", "vgg.net:C", "lstm.net"]
EVERY = [
    f"{name}.net" + (f":{variant}" if variant else "")
    for name in catalogue.names()
    for variant in catalogue.entry(name).variants or [None]
]


@pytest.mark.parametrize("name", EVERY if os.environ.get("NETLANG_ZOO") == "all" else FEW)
def test_a_file_does_not_differ_from_its_expansion(name):
    found = example(name)
    comparison = compared(found, net(expanded(found)))

    assert comparison.equal
    assert list(comparison.changes()) == []
    assert all(f.old == f.new for f in comparison.figures if f.name != BYTES)


def test_an_inserted_layer_is_the_only_change():
    assert changed("input 8x8x4\nconv3-4, maxpool\n", "input 8x8x4\nconv3-4, lrn, maxpool\n") == [(None, "lrn1")]


def test_a_layer_taken_out_is_the_only_change():
    assert changed("input 8\nFC-8, dropout 0.5, FC-2\n", "input 8\nFC-8, FC-2\n") == [("dropout1", None)]


def test_a_changed_setting_is_one_layer_not_two():
    assert changed("input 8x8x4\nconv3-4\nmaxpool", "input 8x8x4\nconv3-4 dilation=2\nmaxpool") == [("conv1", "conv1")]


def test_an_activation_is_part_of_its_layer():
    assert changed("input 8\nFC-8, FC-2\n", "input 8\nFC-8 tanh, FC-2\n") == [("fc1", "fc1")]


def test_a_layer_that_reads_another_tensor_has_changed():
    head = "input 8\nFC-8 @a\nFC-8 @b\nFC-8 @c\n"

    assert changed(head + "add[@a | @c]", head + "add[@b | @c]") == [("add1", "add1")]


def test_names_and_constants_do_not_matter():
    one, other = "input 8\nFC-8 @a, FC-2\n", "w = 8\nblock b(n): FC-n\ninput 8\nb(w)\nFC-2\n"

    assert compared(net(one), net(other)).equal


def test_the_page_shows_both_lines_and_the_figures():
    found = run(EXAMPLES / "vgg.net:A", EXAMPLES / "vgg.net:B")

    assert found.exit_code == 0
    assert "only in B: conv2   conv3-64 relu   224x224x64" in found.output
    assert "+184,512" in found.output


def test_equal_nets_are_said_to_be_one():
    assert run(EXAMPLES / "lenet.net", EXAMPLES / "lenet.net").output.endswith("are the same net\n")


def test_json_has_both_sides():
    found = json.loads(run(EXAMPLES / "vgg.net:A", EXAMPLES / "vgg.net:B", "--json").output)

    assert found["equal"] is False
    assert found["figures"]["parameters"] == {"a": 132_863_336, "b": 133_047_848}
    assert [change["layers"][0]["a"] for change in found["changes"]] == [None, None]


def test_the_drawing_folds_what_is_the_same_and_colours_the_rest(tmp_path):
    found = scene(compared(example("resnet.net:50"), example("resnet-v1.5.net:50")), ("one", "other"))
    colours = [item.fill for item in flat(found.items) if isinstance(item, Box)]
    lines = [item.role for item in found.items if isinstance(item, Line)]
    texts = [item.text for item in flat(found.items) if isinstance(item, Words)]

    assert_clear(found)
    assert len([text for text in texts if text.endswith("layers the same")]) == 4
    assert (colours.count("old"), colours.count("new")) == (6 + 1, 6 + 1)  # of six layers, and of the legend
    assert (lines.count("old line"), lines.count("new line")) == (9, 9)
    assert {"only in one", "only in other", "in both"} <= set(texts)
    assert run(EXAMPLES / "lenet.net", EXAMPLES / "lenet5.net", "-o", tmp_path / "x.svg").exit_code == 0
    assert (tmp_path / "x.svg").read_text().count("<svg") == 1


def test_the_drawing_names_inputs_and_outputs_with_the_colour_of_the_net_that_has_them():
    text = "input 8 @left\ninput {} @right\nconcat[ @left, FC-4 | @right, FC-4 ] @both\nFC-3, softmax, output main\n"
    other = text.format(6) + "@both, FC-2, softmax, output more\n"
    found = scene(compared(net(text.format(5)), net(other)), ("one", "other"))
    boxes = {}
    for group in (item for item in found.items if isinstance(item, Group)):
        (box,) = (item for item in group.items if isinstance(item, Box))
        boxes[" ".join(item.text for item in group.items if isinstance(item, Words))] = box.fill

    assert_clear(found)
    assert {said: fill for said, fill in boxes.items() if said.startswith(("input", "output"))} == {
        "input @left 8": "same",
        "input @right 5": "old",
        "input @right 6": "new",
        "output @main": "same",
        "output @more": "new",
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["none.net", EXAMPLES / "lenet.net"], 1, "there is no file"),
        ([EXAMPLES / "lenet.net"], 2, "Missing argument"),
        ([EXAMPLES / "lenet.net", EXAMPLES / "lenet.net", "-o", "x.txt"], 2, "drawn as one of"),
    ],
)
def test_wrong_words_are_told(words, status, said):
    found = run(*words)

    assert found.exit_code == status
    assert said in found.output


def test_a_cell_of_other_equations_is_another_layer():
    cell = "cell mine(n):\n    state h=n\n    h = tanh(W[x, h]{})\n    output h\ninput 5x4\nmine-6\n"

    assert not changed(cell.format(""), cell.format(""))
    assert changed(cell.format(""), cell.format(" + h")) == [("mine1", "mine1")]


def test_differences_that_depend_on_a_length_are_written_like_the_figures():
    page = run("zoo/lstm.net", "zoo/gru.net").stdout

    assert "-19,968*T" in page
    assert "+19,968*T" in run("zoo/gru.net", "zoo/lstm.net").stdout
