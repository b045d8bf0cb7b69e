"""Counts against numbers worked out by hand."""

from pathlib import Path

from netlang.check import check
from netlang.report import size, summary
from netlang.source import Source
from netlang.syntax.parse import parse

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
    assert data["inputs"] == [{"name": "input", "shape": (28, 28, 1)}]
    assert data["outputs"] == [{"name": "output", "shape": (10,)}]
    assert set(data["layers"][0]) >= {
        "name", "layer", "line", "activation", "output", "parameters", "macs", "flops", "receptive_field",
    }  # fmt: skip


def test_the_table_is_aligned_and_complete():
    lines = str(lenet(64)).split("\n")

    assert lines[0] == "t   input 28x28x1   batch 64"
    assert "conv1     conv5-6 pad=2       relu  28x28x6          156  117,600    5x5  2.41 MB" in lines
    assert any(line.startswith("total") and "61,706" in line and "416,520" in line for line in lines)


def test_sizes_have_three_digits():
    assert [size(n) for n in (1, 999, 1000, 12_340, 123_400, 1_234_000, 10**10)] == [
        "1 B", "999 B", "1.00 KB", "12.3 KB", "123 KB", "1.23 MB", "10.0 GB",
    ]  # fmt: skip
