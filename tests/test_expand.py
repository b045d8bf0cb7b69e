"""`netlang expand`: other words, the same graph."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from netlang.check import check, files
from netlang.check.counts import macs, parameters
from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.expand import expanded
from netlang.graph import Input
from netlang.layer import Layer, Weight
from netlang.layers.activation.op import Linear
from netlang.layers.merge.op import Add
from netlang.source import Source
from netlang.syntax.format import formatted
from netlang.syntax.parse import parse
from netlang.syntax.read import read

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").rglob("*.net"))
DEEPEST = 240  # nodes: nets with more of them in every variant are expanded in their first one only


def net(text, variant=None):
    return check(parse(Source("t.net", text)), variant=variant)


def said(made_by):
    """What a node computes, whatever it is called: a residual is a sum, and a pool's stride its kernel."""
    if isinstance(made_by, Weight):
        return replace(made_by, transposes=None, fans=(1, 1))
    if isinstance(made_by, Input):
        return made_by.kind
    if getattr(made_by, "stride", ()) is None:
        made_by = replace(made_by, stride=made_by.kernel)
    return Add() if made_by.skips else made_by


def form(found):
    """A graph without names: how often each node is there, told by what it computes from what, and the outputs."""
    keys = {}
    for node in found.graph:
        if isinstance(node.made_by, Linear):  # computes nothing: says that nothing stands there
            keys[node.id] = keys[node.inputs[0]]
        else:
            keys[node.id] = hash((str(said(node.made_by)), node.type, tuple(keys[i] for i in node.inputs)))
    kept = (node for node in found.graph if not isinstance(node.made_by, Linear))
    outputs = {o.name: (keys[o.node], o.side, o.weight, o.loss) for o in found.outputs}
    return Counter(keys[node.id] for node in kept), outputs


def assert_same_net(one, other):
    assert form(one) == form(other)
    assert parameters(one.graph) == parameters(other.graph)
    assert macs(one.graph) == macs(other.graph)
    assert dict(one.train) == dict(other.train)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_expansion_of_every_example_is_the_same_net(path):
    file = parse(read(path))
    variants = list(files.variants(file)) or [None]
    for k, variant in enumerate(variants):
        found = check(file, variant=variant)
        if k and len(found.graph) > DEEPEST:
            continue
        text = expanded(found)

        assert_same_net(found, net(text))
        assert formatted(Source("t", text)) == text


@pytest.mark.parametrize("name", ["lenet.net", "googlenet.net", "lstm.net", "unet.net"])
def test_with_all_settings_it_is_the_same_net_too(name):
    found = check(parse(read(next(path for path in EXAMPLES if path.name == name))))

    assert_same_net(found, net(expanded(found, every=True)))


def lines(text):
    return expanded(net(text)).split("\n")[3:-1]


def test_padding_bias_and_activation_are_written_out():
    assert lines("input 8x8x1\nconv3-4, maxpool\nFC-2\n") == [
        "conv3-4 pad=same bias=yes relu  -> 8x8x4",
        "maxpool2/2 pad=same             -> 4x4x4",
        "fc-2 bias=yes linear, output    -> 2",
    ]


def test_repeats_blocks_constants_and_defaults_are_written_out():
    text = "w = 4\ninput 8x8x1\ndefault conv: bn tanh\nblock b(n, s=1): conv3-n/s\nb(w, s=[2,1]) x2, FC-2\n"

    assert lines(text) == [
        "conv3-4/2 pad=same bias=no bn tanh  -> 4x4x4",
        "conv3-4 pad=same bias=no bn tanh    -> 4x4x4",
        "fc-2 bias=yes linear, output        -> 2",
    ]


def test_a_projection_is_a_branch_of_its_own():
    text = "input 8x8x4\ndefault conv: bn\nresidual[ conv3-8/2, conv3-8 ] relu\n"

    assert [line.partition(" ->")[0].rstrip() for line in lines(text)] == [
        "add[ conv3-8/2 pad=same bias=no bn relu, conv3-8 pad=same bias=no bn linear",
        "   | conv1-8/2 pad=same bias=no bn linear ] relu, output",
    ]


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """A file of weights in the folder where the tests' texts are."""
    monkeypatch.chdir(tmp_path)
    arrays = {"w": np.ones((8, 8), np.float32), "b": np.ones(8, np.float32)}
    save_file({f"{at}{name}": a for at in ("", "fc1.", "fc2.") for name, a in arrays.items()}, "w.safetensors")


def test_an_identity_shortcut_says_so():
    assert lines("input 8x8x4\nresidual[ conv3-4 ] relu\n") == [
        "residual shortcut=identity [ conv3-4 pad=same bias=yes linear ] relu, output  -> 8x8x4"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "input 4 @a\ninput 3 @b\n@a, FC-5 @c\n@b, FC-5\nadd[ @c | FC-5 ]\n",
        "input 8\nFC-8 @a, FC-8, FC-8 tie=@a\n",
        "input 8 @p\nFC-4 @a, tanh, FC-8 tie=@a transposed\n",
        "input 8\nFC-8 l2=0.5 lr=0.1 init=orthogonal, FC-8 freeze leaky=0.2, FC-2\n",
        "input 8x8x2\nconv3-4 @a, maxpool, conv3-4, upsample like=@a\nadd[ identity | @a ]\n",
        "input HxWx3\nconv3-4/2, deconv4-4/2, softmax\n",
        "input T tokens vocab=9\nembed-4, lstm-5 bidirectional last, FC-2, softmax\n",
        "input 8x8x2\nconv3-4, concat[ conv1-2 | conv1-3, concat[ conv1x3-2 | conv3x1-2 ] | maxpool3/1 ], gap\n",
        "input 8x8x6\ngn 3, conv3-6 gn=2 eps=0.01, lrn size=3, leaky (-0.5), mul[ identity | gap, FC-6 sigmoid ]\n",
        "input 8\nFC-4 @a, FC-3, softmax, output\n@a, FC-2, sigmoid, output aux side weight=0.3 loss=mae\n",
        "input 4x4x2\nmax[ conv3-2 | conv3-2 | identity ]\n",
        "input 4\nFC-4 @a, FC-4 @b, output mid\n@a, FC-3\nconcat[ @a | @b | identity ]\n",
    ],
)
def test_what_graphs_can_hold_survives(text):
    found = net(text)

    assert_same_net(found, net(expanded(found)))


def test_figures_of_the_file_are_written_to_the_last_digit():
    assert "expect parameters=36 macs=32" in lines("input 8\nFC-4\nexpect parameters=36 macs=32\n")


def test_pretrained_weights_of_a_layer_survive(stored):
    found = net('input 8\nFC-8 weights="w.safetensors", FC-2\n')
    again = net(expanded(found))

    assert_same_net(found, again)
    assert again.pretrained == found.pretrained
    assert set(found.pretrained) == {"fc1.w", "fc1.b"}


def test_a_block_of_pretrained_weights_cannot_be_expanded(stored):
    text = 'input 8\nblock b: FC-8, FC-8\nb weights="w.safetensors"\n'

    with pytest.raises(NetError, match="cannot name the weights"):
        expanded(net(text))


def test_the_command_prints_text_or_an_object(tmp_path):
    path = tmp_path / "a.net"
    path.write_text("variant D: n=2\ninput 8\nFC-n\n")
    done = CliRunner().invoke(main, ["expand", f"{path}:D"])
    data = json.loads(CliRunner().invoke(main, ["expand", f"{path}:D", "--json"]).stdout)

    assert done.exit_code == 0
    assert "fc-2 bias=yes linear, output    -> 2" in done.stdout
    assert (data["net"], data["variant"], data["text"]) == ("a", "D", done.stdout)
    assert [layer["name"] for layer in data["layers"]] == ["fc1"]
    assert data["layers"][0] == {"name": "fc1", "step": "fc-2 bias=yes linear", "inputs": ["input"], "output": [2]}


def test_every_layer_of_the_graph_is_in_the_text():
    found = net("input 8x8x1\nconv3-4, maxpool\nFC-2\n")

    assert len(list(found.graph.made_by(Layer))) == 4
    assert len(lines("input 8x8x1\nconv3-4, maxpool\nFC-2\n")) == 3


def test_sizes_of_a_shape_are_all_written_even_if_equal():
    found = net("input 4\nreshape 2x2\n")

    assert "reshape 2x2" in expanded(found)
    assert_same_net(found, net(expanded(found)))


CELL = """s = 1.0/4
cell mine(n, k=2):
    state h=n
    f = relu(W[x, h] + b)  # a gate
    h = k * f - s * h
    output h
"""
USES = "input 5x4\nmine-6, mine(3, k=0.5) last, FC-2\n"


def test_cells_stand_above_the_input_with_their_numbers():
    found = net(CELL + USES)

    assert expanded(found).split("\n\n")[0].split("\n") == [
        "netlang 1",
        "cell mine(n, k=2):",
        "    state h=n",
        "    f = relu(W[x, h] + b)",
        "    h = k * f - 0.25 * h",
        "    output h",
    ]
    assert lines(CELL + USES)[-3:-1] == [
        "mine-6                          -> 5x6",
        "mine-3 k=0.5 last=yes           -> 3",
    ]
    assert_same_net(found, net(expanded(found)))


def test_cells_that_nothing_uses_are_left_out():
    assert "cell" not in expanded(net(CELL + "input 4\nFC-2\n"))
