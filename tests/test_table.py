"""`netlang table`: the papers' tables from their files."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"
# Simonyan and Zisserman 2015, table 1: between the pools, the columns A, A-LRN, B, C, D, E
VGG = [
    ["conv3-64", "conv3-64 lrn", *["conv3-64 conv3-64"] * 4],
    ["conv3-128", "conv3-128", *["conv3-128 conv3-128"] * 4],
    *(
        [
            *[f"conv3-{n} conv3-{n}"] * 3,
            f"conv3-{n} conv3-{n} conv1-{n}",
            f"conv3-{n} conv3-{n} conv3-{n}",
            f"conv3-{n} conv3-{n} conv3-{n} conv3-{n}",
        ]
        for n in (256, 512, 512)
    ),
]


def run(*args):
    return CliRunner().invoke(main, ["table", *map(str, args)])


def data(*args):
    return json.loads(run(*args, "--json").stdout)


def test_vgg_is_table_1_of_its_paper():
    found = data(EXAMPLES / "vgg.net")

    assert [net["name"] for net in found["nets"]] == ["A", "ALRN", "B", "C", "D", "E"]
    assert [net["weight_layers"] for net in found["nets"]] == [11, 11, 13, 16, 16, 19]
    assert [round(net["parameters"] / 1e6) for net in found["nets"]] == [133, 133, 133, 134, 138, 144]  # table 2
    stages = [[" ".join(cell) for cell in row["cells"]] for row in found["rows"] if not row["across"]]
    across = [cell for row in found["rows"] if row["across"] for cell in row["cells"][0]]
    assert stages == VGG
    assert across == ["input 224x224x3", *["maxpool"] * 5, "FC-4096", "FC-4096", "FC-1000", "softmax"]


def test_resnets_are_as_deep_as_they_are_called_and_their_blocks_are_counted():
    basic, deep = data(EXAMPLES / "resnet-basic.net"), data(EXAMPLES / "resnet.net")

    assert [(net["name"], net["weight_layers"]) for net in basic["nets"]] == [("18", 18), ("34", 34)]
    assert [(net["name"], net["weight_layers"]) for net in deep["nets"]] == [
        (str(depth), depth) for depth in (50, 101, 152, 200)
    ]
    by_size = {tuple(row["output"]): row["cells"] for row in deep["rows"] if not row["across"]}
    assert by_size[14, 14, 1024][0] == ["[conv1-256/2, conv3-256, conv1-1024]", "[conv1-256, conv3-256, conv1-1024] x5"]


def test_the_columns_of_the_text_stand_below_one_another():
    lines = run(EXAMPLES / "resnet-basic.net").stdout.splitlines()

    bars = {tuple(k for k, c in enumerate(line) if c == "│") for line in lines if line.count("│") == 2}
    assert len(bars) == 1
    assert lines[-3].split() == ["weight", "layers", "│", "18", "│", "34"]


def test_nets_of_several_files_stand_side_by_side():
    found = data(EXAMPLES / "lenet.net", f"{EXAMPLES / 'vgg.net'}:A")

    assert [net["name"] for net in found["nets"]] == ["lenet", "vgg:A"]
    assert [row["output"] for row in found["rows"] if row["cells"] == [["maxpool"]]] == [None, None]  # of other sizes
    cells = [cell for row in found["rows"] if not row["across"] for cell in row["cells"]]
    assert sum("FC" in text for cell in cells for text in cell) == 3 + 3


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_other_pages_have_every_row(form):
    found = data(EXAMPLES / "vgg.net")
    page = run(EXAMPLES / "vgg.net", "--as", form).stdout

    assert page.count("conv1-512") == 2
    cells = [line.count("|") for line in page.splitlines()]
    if form == "markdown":
        assert set(cells) == {8}
        assert len(cells) == len(found["rows"]) + 5
    else:
        assert page.startswith(r"\begin{tabular}{l|c|c|c|c|c|c}")
        assert r"\multicolumn{6}{c}{maxpool}" in page
        assert page.count(r"\hline") == len(found["rows"]) + 3


def test_a_wrong_file_is_told(tmp_path):
    (tmp_path / "a.net").write_text("input 8\nFC-3, sofmax\n")

    done = run(tmp_path / "a.net")
    assert done.exit_code == 1
    assert "did you mean" in done.stderr


def test_letters_that_latex_reads_are_written_as_letters(tmp_path):
    file = tmp_path / r"a~b^c\d_e.net"
    file.write_text("input 3\nFC-2\n")

    page = run(file, "--as", "latex").stdout

    assert r"a\textasciitilde{}b\textasciicircum{}c\textbackslash{}d\_e" in page
