"""Counts against numbers worked out by hand."""

import json
from pathlib import Path

import cases
import numpy as np
import pytest
from click.testing import CliRunner

import netlang
from netlang.backend.cpu import host_target
from netlang.check import check
from netlang.cli import main
from netlang.cli.summary import AS, with_plan
from netlang.interpret import interpret
from netlang.layer import Weight, find
from netlang.lower import lower
from netlang.pipeline import compile_plan
from netlang.primitives.launch import ROW
from netlang.report import CONVENTIONS, folded, size, summary
from netlang.report.conventions import counted
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.types import Size

LENET = Path(__file__).parents[1] / "examples" / "lenet.net"


def found(text, batch=1):
    return summary(check(parse(Source("t.net", text))), batch)


def lenet(batch=1):
    return found(LENET.read_text(), batch)


def test_lenet_has_61706_parameters():
    by_hand = [5 * 5 * 1 * 6 + 6, 5 * 5 * 6 * 16 + 16, 400 * 120 + 120, 120 * 84 + 84, 84 * 10 + 10]

    assert [row.parameters for row in lenet().layers if row.parameters] == by_hand
    assert lenet().parameters == sum(by_hand) == 61706


def test_lenet_has_416520_macs():
    by_hand = [28 * 28 * 6 * 25, 10 * 10 * 16 * 25 * 6, 400 * 120, 120 * 84, 84 * 10]

    assert [row.macs for row in lenet().layers if row.macs] == by_hand
    assert lenet().macs == sum(by_hand) == 416520


def test_backward_costs_each_product_twice_but_for_the_first_layer():
    assert [row.backward_macs for row in lenet().layers if row.macs] == [117600, 480000, 96000, 20160, 1680]


def test_a_layer_is_first_for_every_branch_that_reads_the_input():
    rows = found("input 8\nadd[FC-4 | FC-3, FC-4]\n").layers

    assert [(row.macs, row.backward_macs) for row in rows] == [(32, 32), (24, 24), (12, 24), (0, 0)]


def test_flops_are_two_per_mac_and_the_other_operations():
    (row,) = found("input 8\nFC-4 linear\n").layers

    assert (row.macs, row.flops) == (32, 2 * 32 + 4)


def test_receptive_fields_grow_by_windows_and_strides():
    rows = found("input 32x32x1\nconv3-2, maxpool, conv3-2, conv5x1-2 dilation=2, FC-2\n").layers

    assert [row.receptive_field for row in rows] == [(3, 3), (4, 4), (8, 8), (24, 8), (32, 32)]


def test_vectors_have_no_receptive_field():
    assert [row.receptive_field for row in found("input 8\nFC-2\n").layers] == [None]


def test_memory_is_in_bytes_for_the_batch():
    assert lenet(64).layers[0].memory == 2 * 64 * 28 * 28 * 6 * 4  # the sum and what the activation makes of it
    assert lenet(64).memory.weights == 61706 * 4
    assert (
        lenet(64).memory.activations == sum(row.memory for row in lenet(64).layers) == 64 * lenet(1).memory.activations
    )


def test_a_row_names_layer_line_and_activation():
    row = lenet().layers[0]

    assert (row.name, row.layer, row.line, row.activation, row.output) == (
        "conv1",
        "conv5-6 pad=2",
        5,
        "relu",
        (28, 28, 6),
    )
    assert lenet().layers[1].activation is None


def test_json_has_the_agreed_keys():
    data = lenet().json()

    assert set(data) >= {
        "net", "variant", "inputs", "outputs", "parameters", "training_parameters", "trainable", "macs",
        "training_macs", "flops", "backward_macs", "memory", "layers",
    }  # fmt: skip
    assert data["inputs"] == [{"name": "input", "shape": [28, 28, 1]}]
    assert data["outputs"] == [{"name": "output", "shape": [10], "side": False}]
    assert set(data["layers"][0]) >= {
        "name", "layer", "line", "activation", "output", "parameters", "macs", "flops", "receptive_field",
    }  # fmt: skip


def test_the_table_is_aligned_and_complete():
    lines = str(lenet(64)).split("\n")

    assert lines[0] == "t   input 28x28x1   batch 64"
    assert "conv1     conv5-6 pad=2       relu  28x28x6          156  117,600    5x5     1  2.41 MB" in lines
    assert any(line.startswith("total") and "61,706" in line and "416,520" in line for line in lines)


def test_sizes_have_three_digits():
    assert [size(n) for n in (1, 999, 1000, 12_340, 123_400, 1_234_000, 10**10)] == [
        "1 B", "999 B", "1.00 KB", "12.3 KB", "123 KB", "1.23 MB", "10.0 GB",
    ]  # fmt: skip


IMAGE, STEPS = (8, 8, 3), (6, 5)
# What thop 0.1.1, ptflops 0.7.5 and fvcore 0.1.5 printed for one layer of torch.nn each, in evaluation, batch 1.
MEASURED = [
    ("conv", IMAGE, {"kernel": (3, 3), "width": 4}, 6912, 7168, 6912),
    ("conv", IMAGE, {"kernel": (3, 3), "width": 4, "bias": False}, 6912, 6912, 6912),
    ("conv", (8, 8, 4), {"kernel": (3, 3), "width": 4, "groups": 2}, 4608, 4864, 4608),
    ("conv", (8, 3), {"kernel": (3, 3), "width": 4}, 288, 320, 288),
    ("deconv", IMAGE, {"kernel": (4, 4), "width": 4, "stride": (2, 2)}, 49152, 13312, 12288),
    ("fc", (10,), {"width": 7}, 70, 77, 70),
    ("fc", (10,), {"width": 7, "bias": False}, 70, 70, 70),
    ("bn", IMAGE, {}, 768, 384, 384),
    ("bn", IMAGE, {"scale": False, "shift": False}, 384, 192, 192),
    ("gn", IMAGE, {"groups": 3}, 0, 384, 960),
    ("in", IMAGE, {}, 768, 384, 960),
    ("in", IMAGE, {"scale": False, "shift": False}, 384, 192, 768),
    ("ln", IMAGE, {}, 768, 192, 960),
    ("lrn", IMAGE, {}, 0, 1024, 0),
    ("relu", IMAGE, {}, 0, 384, 0),
    ("relu6", IMAGE, {}, 0, 192, 0),
    ("leaky", IMAGE, {}, 0, 192, 0),
    ("prelu", IMAGE, {}, 192, 384, 0),
    ("elu", IMAGE, {}, 0, 384, 0),
    ("sigmoid", IMAGE, {}, 0, 0, 0),
    ("tanh", IMAGE, {}, 0, 0, 0),
    ("gelu", IMAGE, {}, 0, 384, 0),
    ("swish", IMAGE, {}, 0, 192, 0),
    ("softplus", IMAGE, {}, 0, 0, 0),
    ("softmax", IMAGE, {}, 512, 192, 0),
    ("maxpool", IMAGE, {}, 0, 384, 0),
    ("avgpool", IMAGE, {}, 48, 384, 0),
    ("globalavgpool", IMAGE, {}, 195, 384, 192),
    ("globalmaxpool", IMAGE, {}, 0, 384, 0),
    ("upsample", IMAGE, {"kernel": (2, 2)}, 768, 1536, 768),
    ("upsample", IMAGE, {"kernel": (2, 2), "how": "bilinear"}, 8448, 1536, 3072),
    ("dropout", IMAGE, {}, 0, 0, 0),
    ("flatten", IMAGE, {}, 0, 0, 0),
    ("rnn", STEPS, {"width": 4}, 288, 288, 0),
    ("lstm", STEPS, {"width": 4}, 1248, 1296, 0),
    ("gru", STEPS, {"width": 4}, 960, 960, 0),
    ("lstm", STEPS, {"width": 4, "bidirectional": True}, 2496, 2592, 0),
]


@pytest.mark.parametrize(("word", "shape", "settings", "thop", "ptflops", "fvcore"), MEASURED)
def test_other_tools_are_counted_as_they_count(word, shape, settings, thop, ptflops, fvcore):
    kind = find(word)
    graph = cases.chain(kind(**settings), shape=shape).graph
    node = graph[graph.outputs["output"]]

    assert [counted(graph, node, tool) for tool in ("thop", "ptflops", "fvcore")] == [thop, ptflops, fvcore]
    assert counted(graph, node, "paper") == kind(**settings).macs(node.type, graph["input"].type)


def test_the_command_offers_the_conventions_there_are():
    assert tuple(CONVENTIONS) == AS


def test_merges_cost_the_other_tools_nothing():
    rows = summary(check(parse(Source("t", "input 4x4x2\nadd[identity | identity]\n"))), convention="ptflops").layers

    assert [row.counted for row in rows] == [0, 0, 0]


def test_free_sizes_are_counted_as_polynomials():
    net = cases.chain(find("conv")((3, 3), 8), find("lstm")(16), shape=("T", 4))
    found = summary(net, batch=2)

    assert str(found.macs) == "1632*T"
    assert str(found.total("memory")) == "192*T"
    assert found.json()["macs"] == "1632*T"
    assert found.parameters == 3 * 4 * 8 + 8 + 4 * (16 * 24 + 16)
    assert isinstance(found.flops, Size)
    assert "1,632*T" in str(found)


def test_jumps_multiply_by_strides_and_shrink_by_deconvolutions():
    conv, pool, up = find("conv"), find("maxpool"), find("upsample")
    layers = [conv((3, 3), 4, (2, 2)), pool(), find("deconv")((4, 4), 4, (4, 4)), up((2, 2)), conv((1, 3), 4)]
    rows = summary(cases.chain(*layers, shape=(32, 32, 1))).layers

    assert [row.jump for row in rows] == [(2, 2), (4, 4), (1, 1), (0.5, 0.5), (0.5, 0.5)]
    assert [row.receptive_field for row in rows] == [(3, 3), (5, 5), (5, 5), (5, 5), (5, 6)]


def test_receptive_fields_of_sequences_count_steps():
    layers = [find("conv")((5, 5), 4), find("conv")((3, 3), 4, (2, 2)), find("lstm")(4), find("last")(), find("fc")(2)]
    rows = summary(cases.chain(*layers, shape=("T", 4))).layers

    assert [row.receptive_field for row in rows] == [(5,), (7,), ("T",), ("T",), ("T",)]
    assert [row.jump for row in rows] == [(1,), (2,), (2,), None, None]


@pytest.mark.parametrize(
    ("line", "carried"),
    [("rnn-5", 25), ("lstm-5", 100), ("gru-5", 75), ("lstm-5 bidirectional", 200), ("gru-5 reset=before", 75)],
)
def test_a_first_recurrent_layer_leads_gradients_back_to_the_step_before(line, carried):
    """By the state, 5x5 numbers a product; a second one also by its input, which the first has learned."""
    first, second = summary(netlang.from_text(f"input 7x3\n{line}\n{line}\n").checked).layers

    assert first.backward_macs == first.macs + 7 * carried
    assert second.backward_macs == 2 * second.macs


def test_backward_flops_are_two_per_mac_and_the_forward_rest_again():
    row = found("input 8\nFC-4, FC-3 linear\n").layers[1]

    assert (row.backward_macs, row.backward_flops) == (24, 2 * 24 + 3)


def test_folding_keeps_every_total():
    whole = lenet(4)
    short = folded(whole, 1)

    assert short == whole


@pytest.mark.parametrize("option", ["--plan", "--depth=1", "--as=thop", "--batch=64"])
def test_every_option_has_a_table_and_an_object(option):
    done = CliRunner().invoke(main, ["summary", str(LENET), option])
    data = json.loads(CliRunner().invoke(main, ["summary", str(LENET), option, "--json"]).stdout)

    assert done.exit_code == 0
    assert "61,706" in done.stdout
    assert data["parameters"] == 61706


def test_the_planned_memory_is_that_of_this_machine_to_the_byte():
    done = CliRunner().invoke(main, ["summary", str(LENET), "--plan", "--batch=8", "--json"])
    memory = json.loads(done.stdout)["memory"]
    net, target = netlang.load(LENET).checked, host_target()
    plans = [compile_plan(net, purpose, target, 8).plan for purpose in ("evaluate", "train")]

    assert [memory["arena"], memory["training_arena"]] == [plan.arenas["values"] for plan in plans]


def test_a_training_step_takes_the_memory_that_was_planned_and_the_threads_scratch(monkeypatch):
    monkeypatch.setenv("NETLANG_CHECK_MEMORY", "0")  # canaries take memory too
    text = "input 9x7x3\nconv3-5 bn, FC-4, softmax\ntrain: optimizer=adam\n"
    net = netlang.from_text(text)
    planned = with_plan(summary(net.checked, 6), net.checked).memory.step
    program = net.compile(batch=6, training=True, threads=1)

    loaded = program.loaded("train")

    taken = loaded.store.memory.nbytes + loaded.arena.memory.nbytes
    needed = planned + sum(loaded.plan.scratch)
    places = len(loaded.store.addresses) + len(loaded.arena.addresses)  # each is made of whole rows
    assert needed <= taken < needed + places * ROW
    program.close()


def test_a_table_of_long_names_and_layers_stays_within_100_columns():
    options = " ".join(["dilation=2", "pad=1", "groups=1", "bias=no", "init=orthogonal"])
    text = f"input 32x32x3\nconv3-2048 {options}, conv3-4096 {options}\nFC-10\n"

    assert max(map(len, str(found(text)).split("\n"))) <= 100


def googlenet():
    return summary(netlang.load(LENET.parent / "googlenet.net").checked)


def test_side_heads_are_counted_apart():
    whole = googlenet()

    assert (whole.parameters, whole.training_parameters) == (6998552, 13378280)
    assert whole.macs < whole.training_macs
    assert {row.name.split(".")[0] for row in whole.layers if row.side} == {"aux1", "aux2"}
    assert [(end.name, end.side) for end in whole.outputs] == [("output", False), ("aux1", True), ("aux2", True)]


def test_blocks_fold_into_one_row_with_their_sums():
    whole = googlenet()
    short = folded(whole, 1)
    row = next(row for row in short.layers if row.path == ("inception1",))

    assert len(short.layers) < len(whole.layers) / 3
    assert (row.layer, row.output, row.parameters) == ("8 layers", (28, 28, 256), 163696)
    assert short.json()["parameters"] == whole.json()["parameters"]
    assert short.total("memory") == whole.total("memory")


def test_tied_weights_count_once_and_frozen_ones_are_not_trainable():
    whole = found("input 8\nFC-8 freeze @a, FC-8, FC-8 tie=@a\n")

    assert [row.parameters for row in whole.layers] == [72, 72, 0]
    assert (whole.parameters, whole.trainable) == (144, 72)


def test_an_option_norm_stands_with_its_layer():
    row = found("input 8x8x1\nconv3-4 bn, gap\n").layers[0]

    assert (row.layer, row.activation, row.parameters) == ("conv3-4 bn", "relu", 36 + 8)


@pytest.mark.parametrize("name", ["densenet121", "googlenet", "inception-resnet-v2", "resnet50", "unet", "vgg"])
def test_the_table_of_a_large_net_stays_within_100_columns(name):
    rows = str(summary(netlang.load(LENET.parent / f"{name}.net").checked)).split("\n\n")[1]

    assert max(len(line) for line in rows.split("\n")) <= 100


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ("conv3x1-1 linear, maxpool2x1, conv3x1-1 linear", 0),
        ("maxpool2x1, deconv4x1-1/2x1 linear", 0),
        ("maxpool2x1, deconv2x1-1/2x1 linear, conv3x1-1 linear", 0),
        ("maxpool2x1, deconv3x1-1/2x1 linear", 0),
        ("conv3x1-1/2x1 linear, upsample2x1", 0),
        ("conv3x1-1/2x1 linear, upsample2x1, conv3x1-1 linear", 0),
        ("maxpool2x1, upsample2x1, conv3x1-1 linear, conv5x1-1 linear", 0),
        ("upsample2x1, conv2x1-1 linear, conv2x1-1 linear", -1),  # half a pixel, twice rounded up
        ("maxpool2x1, deconv4x1-1/2x1 linear, conv2x1-1 linear", 1),  # neighbours that do not look evenly far apart
    ],
)
def test_a_receptive_field_is_what_changes_an_output_also_behind_layers_that_enlarge(lines, more):
    rows, text = 32, f"input 32x1x1\n{lines}\n"
    graph = lower(check(parse(Source("t.net", text))), training=False, dtype="f64")
    feeds = {n.id: np.full(n.type.arrayed(0), float(n.made_by.decays)) for n in graph.made_by(Weight)}  # no bias
    lit = interpret(graph, {**feeds, "input": np.eye(rows).reshape(rows, rows, 1, 1)})[graph.outputs["output"]]
    sees = lit.reshape(rows, -1) != 0  # [row of the input, row of the output]
    seen = max(int(np.ptp(np.flatnonzero(column))) + 1 for column in sees.T)

    assert seen == found(text).layers[-1].receptive_field[0] + more


def test_a_table_that_is_too_wide_whatever_gives_way_cuts_nothing():
    text = "input HxWx3\nconv3-4/2 dilation=1 groups=1 pad=2x3\nconv3-5/2, globalavgpool\nFC-2\n"
    wide, narrow = str(found(text)), str(found(text.replace("HxW", "99x99")))

    assert "globalavgpool1  " in wide
    assert "…" not in wide
    assert max(map(len, narrow.splitlines()[2:8])) <= 100


def test_wide_letters_of_a_name_take_their_columns():
    name = "\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}"
    rows = [line for line in str(found(f"input 8\nFC-4 @{name}\nFC-5 @ab\n")).splitlines() if "fc-" in line]

    assert [row.index("fc-") + 2 * (name in row) for row in rows] == [7, 7]
