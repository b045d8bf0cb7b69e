"""What a right file becomes: names, settings, defaults, shapes."""

from pathlib import Path

import pytest

from netlang.check import checked
from netlang.diagnostics import NetError
from netlang.graph import Input
from netlang.layer import Layer, Weight
from netlang.source import Source
from netlang.syntax.parse import parse

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.net"))
EXAMPLES = [path for path in FILES if "train:" in path.read_text(encoding="utf8")]  # test_zoo.py checks them all


def net(text, **how):
    return checked(parse(Source("t.net", text)), **how)[0]


def notes(text, **how):
    return [note.code for note in checked(parse(Source("t.net", text)), **how)[1]]


def ids(text):
    """The layers of a file, without weights."""
    return [n.id for n in net(text).graph.made_by(Layer)]


def layers(text):
    """The layers as text, activations behind a plus."""
    nodes = list(net(text).graph.made_by(Layer))
    return [("+" if "." in n.id else "") + str(n.made_by) for n in nodes]


def shape(text):
    found = net(text).graph
    return found[found.outputs["output"]].type.shape[1:]


def codes(text, **how):
    with pytest.raises(NetError) as error:
        net(text, **how)
    return [problem.code for problem in error.value.diagnostics]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_check_without_notes(path):
    found, said = checked(parse(Source(str(path), path.read_text())))

    assert not said
    assert found.expected
    assert found.train


def test_lenet_has_the_graph_the_compiler_reads():
    graph = net((EXAMPLES[0].parent / "lenet.net").read_text()).graph

    assert [n.id for n in graph][:6] == ["input", "conv1.w", "conv1.b", "conv1", "conv1.relu", "maxpool1"]
    assert isinstance(graph["input"].made_by, Input)
    assert graph["input"].type.shape == ("n", 28, 28, 1)
    assert graph["conv1"].inputs == ("input", "conv1.w", "conv1.b")
    assert isinstance(graph["conv1.w"].made_by, Weight)
    assert graph["conv1"].path == graph["conv1.relu"].path == ("conv1",)
    assert graph.outputs == {"output": "softmax1"}


def test_nodes_carry_the_span_of_their_step():
    graph = net("input 8\nFC-4 tanh, FC-2\n").graph

    assert (graph["fc1"].span.text, graph["fc1.tanh"].span.text, graph["fc2"].span.row) == ("FC-4 tanh", "tanh", 2)


# The activation default (RULINGS 1-7).


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("FC-4, FC-2", ["fc-4", "+relu", "fc-2"]),
        ("FC-4, FC-2, softmax", ["fc-4", "+relu", "fc-2", "softmax"]),
        ("FC-4 tanh, FC-2 tanh", ["fc-4", "+tanh", "fc-2", "+tanh"]),
        ("FC-4 act=leaky(0.2), FC-2", ["fc-4", "+leaky 0.2", "fc-2"]),
        ("FC-4 leaky=0.2, FC-2", ["fc-4", "+leaky 0.2", "fc-2"]),
        ("FC-4 linear, FC-2", ["fc-4", "+linear", "fc-2"]),
        ("FC-4, sigmoid, FC-2", ["fc-4", "sigmoid", "fc-2"]),
        ("FC-4, dropout, tanh, FC-2", ["fc-4", "dropout", "tanh", "fc-2"]),
        ("FC-4, dropout, FC-2", ["fc-4", "+relu", "dropout", "fc-2"]),
        ("FC-4, flatten, identity, dropout", ["fc-4", "flatten", "identity", "dropout"]),
        ("[FC-4, dropout] x2, FC-2", ["fc-4", "+relu", "dropout", "fc-4", "+relu", "dropout", "fc-2"]),
        ("[FC-4] x2, tanh", ["fc-4", "+relu", "fc-4", "tanh"]),
        ("add[FC-4 | FC-4], FC-2", ["fc-4", "fc-4", "add", "fc-2"]),
        ("add[FC-4 | FC-4] relu, FC-2", ["fc-4", "fc-4", "add", "+relu", "fc-2"]),
        ("concat[FC-4 | FC-4], FC-2", ["fc-4", "+relu", "fc-4", "+relu", "concat", "fc-2"]),
        ("concat[FC-4 | FC-4], tanh", ["fc-4", "fc-4", "concat", "tanh"]),
        ("concat[FC-4 | FC-4] tanh", ["fc-4", "fc-4", "concat", "+tanh"]),
        ("max[FC-4 | FC-4, FC-4]", ["fc-4", "fc-4", "+relu", "fc-4", "max"]),
        ("FC-8, add[identity | FC-8], FC-2", ["fc-8", "identity", "fc-8", "add", "fc-2"]),
        ("FC-8, add[FC-8 | identity], FC-2", ["fc-8", "+relu", "fc-8", "identity", "add", "fc-2"]),
    ],
)
def test_a_layer_ends_in_relu_unless_the_next_thing_settles_it(line, expected):
    assert layers(f"input 8\n{line}\n") == expected


def test_a_pool_is_not_looked_through():
    assert layers("input 8x8x1\nconv3-4, maxpool, tanh\n") == ["conv3-4", "+relu", "maxpool2", "tanh"]


# Text


@pytest.mark.parametrize(
    "text", ["input 4x6x3", "input (4 x 6 RGB image)", "input 4×6 RGB", "input (4 × 6 × 3)", "INPUT 4x6x3"]
)
def test_an_image_is_written_in_several_ways(text):
    assert net(text + "\nFC-2\n").graph["input"].type.shape == ("n", 4, 6, 3)


def test_the_papers_table_parses_as_printed():
    text = "input (32 × 32 RGB image)\nconv3-4\nconv3-4\nmaxpool\nFC-8\nFC-10\nsoft-max\n"

    assert layers(text)[-2:] == ["fc-10", "softmax"]
    assert shape(text) == (10,)


def test_words_ignore_case_and_constants_keep_it():
    assert layers("Input 8\nN = 4\nn = 3\nfc-N TANH, Dense-n, SoftMax\n") == ["fc-4", "+tanh", "fc-3", "softmax"]


def test_a_whole_word_is_looked_up_before_it_is_split():
    assert layers("input 8\nFC-4, relu6, FC-2\n") == ["fc-4", "relu6", "fc-2"]


def test_kernels_and_strides_are_sizes_or_pairs():
    text = "input 12x12x1\nconv1x3-4/2x1 linear, conv kernel=3 width=2 stride=(1+1) linear, maxpool3x2/1\n"

    assert layers(text) == ["conv1x3-4/2x1", "+linear", "conv3-2/2", "+linear", "maxpool3x2/1"]
    assert shape(text) == (3, 6, 2)


def test_a_comma_or_an_open_bracket_continues_the_line():
    assert layers("input 8\nFC-4,\n    FC-4 tanh,   # one\n\nadd[\n  FC-2\n   | FC-2 ]\nsoftmax\n") == [
        "fc-4", "+relu", "fc-4", "+tanh", "fc-2", "fc-2", "add", "softmax",
    ]  # fmt: skip


def test_repeats_copy_and_nought_removes():
    assert ids("input 8\nn = 2\nFC-4 x(n), FC-3 x0, [FC-2, dropout x(n-1)] x2\n") == [
        "fc1", "fc1.relu", "fc2", "fc2.relu", "fc3", "fc3.relu", "dropout1", "fc4", "dropout2",
    ]  # fmt: skip


def test_a_list_gives_one_value_per_copy_and_the_last_stays():
    assert layers("input 8\nw = [5, 4]\nFC-w x3\n") == ["fc-5", "+relu", "fc-4", "+relu", "fc-4"]


def test_constants_are_exact():
    assert codes("input 8\nw = 3/4*4\nFC-w\n") == ["division"]
    assert layers("input 8\nw = 4*3/2 - (1+1)\nFC-w\n") == ["fc-4"]
    assert layers("input 8\np = 0.1+0.2\ndropout(p)\n") == ["dropout 0.3"]


@pytest.mark.parametrize(("said", "weights"), [("yes", 2), ("no", 1), ("z", 1), ("1", 2)])
def test_yes_no_settings_take_words_and_numbers(said, weights):
    graph = net(f"input 8\nz = 0\nFC-2 bias={said}\n").graph

    assert len(list(graph.made_by(Weight))) == weights


# Promises, settings, notes


def test_promised_shapes_take_holes_and_expressions():
    assert shape("input 8x8x1\nw = 2\nconv3-4   -> ?x8x(2*w)\n") == (8, 8, 4)
    assert codes("input 8x8x1\nconv3-4 -> ?x7x4\n") == ["promise"]


def test_expected_counts_are_compared_to_the_digits_given():
    assert net("input 28x28x1\nFC-10\nexpect macs=8K parameters=7.85K\n").expected == {"macs": 8000, "parameters": 7850}
    assert codes("input 28x28x1\nFC-10\nexpect macs=7.9K\n") == ["expect"]
    assert codes("input 28x28x1\nFC-10\nexpect macs=7841\n") == ["expect"]


def test_set_replaces_a_constant_where_it_stands():
    text = "w = 4\nv = 2*w\ninput 8\nFC-v -> 8\nexpect parameters=72\n"

    assert layers(text) == ["fc-8"]
    assert codes(text, settings={"w": "3"}) == ["promise"]
    assert notes("w = 4\ninput 8\nFC-w\nexpect parameters=36\n", settings={"w": "3"}) == ["expect-skipped"]
    assert codes(text, settings={"u": "3"}) == ["set"]
    assert codes(text, settings={"w": "many"}) == ["set"]


def test_set_takes_nought():
    assert layers_with("n = 2\ninput 8\nFC-4 x(n), FC-2\n", n="0") == ["fc-2"]


def layers_with(text, **settings):
    return [str(n.made_by) for n in net(text, settings=settings).graph.made_by(Layer) if "." not in n.id]


def test_a_variant_of_a_file_without_any_is_an_error():
    assert codes("input 8\nFC-2\n", variant="D") == ["variant"]


def test_train_settings_come_out_as_plain_values():
    text = (
        'input 8\nFC-2\ntrain:\n    data="my data.npz"  optimizer=momentum\n    momentum=0.8\n\n    lr=1e-3 batch=4*8\n'
    )
    found = net(text.replace("4*8", "(4*8)")).train

    assert found == {"data": "my data.npz", "optimizer": "momentum", "momentum": 0.8, "lr": 0.001, "batch": 32}


def test_all_errors_of_a_file_are_told_at_once_and_none_follows_another():
    text = "input 8x8x1\nconf3-4\nconv3-4 vaild\nFC-3 -> 4\nFC-w\ntrain: epoch=2\nexpect parms=3\n"

    assert codes(text) == ["unknown-layer", "unknown-option", "unknown-constant", "unknown-train", "expect-form"]


def test_every_unreadable_line_is_told_at_once():
    assert codes("input 8\nFC*2\nFC-2\ntrain lr=1\n") == ["syntax", "syntax"]


def test_a_misfit_in_a_later_copy_says_which():
    with pytest.raises(NetError) as error:
        net("input 9x9x1\n[conv5-2 valid] x3\n")

    assert error.value.diagnostics[0].inside == ("copy 3 of 3, from t.net:2",)


def test_two_sizes_are_a_sequence_and_a_note_says_so():
    assert notes("input 28x28\nrelu\n") == ["sequence"]
    assert notes("input 28x28 gray\nrelu\n") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("maxpool2 valid", ["unused"]),
        ("maxpool3/2 valid", []),
        ("maxpool2", []),
        ("conv4-2/3 valid linear", []),
        ("conv3-2/3 pad=1 linear", []),
        ("conv3-2/3 valid linear", ["unused"]),
        ("conv2-2/2 pad=1 linear", []),
        ("conv1-2/2 linear", []),
        ("conv1-2/2 valid linear", []),
    ],
)
def test_a_stride_that_leaves_rows_unused_is_noted(line, said):
    assert notes(f"input 7x7x1\n{line}\n") == said


@pytest.mark.parametrize("merge", ["residual", "concat", "add"])
@pytest.mark.parametrize(
    ("branches", "empty"), [("[ ]", {1}), ("[ | ]", {1, 2}), ("[ FC-8 | ]", {2}), ("[ FC-8, residual[ ] ]", {1})]
)
def test_an_empty_branch_is_told_by_its_number_and_nothing_else(merge, branches, empty):
    with pytest.raises(NetError) as error:
        net(f"input 8\n{merge}{branches}\nFC-2\n")

    assert {d.title.partition(" of ")[0] for d in error.value.diagnostics} == {f"branch {k}" for k in empty}


def test_what_uses_a_wrong_cell_is_not_called_wrong_too():
    text = "cell m(n):\n    state h=n\n    h = tahn(W[x, h] + b)\n    output h\ninput 5x3\nm-8, last, FC-2\n"
    with pytest.raises(NetError) as error:
        net(text)

    assert [d.code for d in error.value.diagnostics] == ["unknown-function"]


def test_a_variant_that_is_not_chosen_is_looked_at_too():
    with pytest.raises(NetError) as error:
        net("variant A: n=1\nvariant B: n9\ninput 8\nFC-n\n")

    assert [d.title for d in error.value.diagnostics] == ["a variant sets constants"]
