"""`netlang table`: the papers' tables from their files."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.cli import main
from netlang.report.tabular import LETTER

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


@pytest.mark.parametrize(
    ("name", "depth"), [("googlenet", 22), ("inception-v3", 48), ("densenet121", 121), ("lstm", 2), ("stacked", 4)]
)
def test_weight_layers_are_those_on_the_longest_way_and_recurrent_ones_are_some(name, depth):
    (net,) = data(EXAMPLES / f"{name}.net")["nets"]

    assert net["weight_layers"] == depth


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_nets_without_a_row_in_common_stand_side_by_side(form):
    done = run(EXAMPLES / "mobilenet-v2.net", EXAMPLES / "xor-mlp.net", "--as", form)

    assert done.exit_code == 0, done.exception
    assert "mobilenet-v2" in done.stdout
    assert "FC-4 tanh" in done.stdout


def cells(name):
    """The lines of each cell of a net alone."""
    return [cell for row in data(EXAMPLES / f"{name}.net")["rows"] for cell in row["cells"]]


def test_an_inception_module_is_written_with_its_branches():
    module = ["[conv1-64", "| conv1-96, conv3-128", "| conv1-16, conv5-32", "| maxpool3/1, conv1-32]"]

    assert module in cells("googlenet")
    assert ["[conv3-384/2 valid", "| conv1-64, conv3-96, conv3-96/2 valid", "| maxpool3/2 valid]"] in cells(
        "inception-v3"
    )


def test_a_long_block_goes_on_behind_its_merges():
    stem = [
        "[conv3-32/2 valid, conv3-32 valid, conv3-64,",
        "[maxpool3/2 valid | conv3-96/2 valid],",
        "[conv1-64, conv3-96 valid | conv1-64, conv7x1-64, conv1x7-64, conv3-96 valid],",
        "[conv3-192/2 valid | maxpool3/2 valid]]",
    ]
    assert stem in cells("inception-v4")


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("squeezenet", "[conv1-16, [conv1-64 | conv3-64]] x2"),
        ("inception-v3", "| conv1-384, [conv1x3-384 | conv3x1-384]"),
        ("inception-resnet-v2", "[[conv1-192 | conv1-128, conv1x7-160, conv7x1-192], conv1-1088] x20"),
        ("mobilenet-v2", "[conv1-144, dwconv3, conv1-24]"),
    ],
)
def test_branches_inside_a_block_stand_in_brackets_and_shortcuts_do_not(name, cell):
    assert any(cell in lines for lines in cells(name))


def test_branches_that_are_added_say_so(tmp_path):
    (tmp_path / "a.net").write_text("block b: add[ conv1-4 | conv3-4 ]\ninput 8x8x4\nb x2, gap, FC-2, softmax\n")

    assert ["add[conv1-4", "| conv3-4] x2"] in [c for row in data(tmp_path / "a.net")["rows"] for c in row["cells"]]


def test_branches_outside_a_block_stand_together_too(tmp_path):
    text = "input 8x8x4\nconv1-4\nconcat[ conv1-4 | conv3-4, residual[ conv3-4 ] ] x2\nconv3-2\n"
    (tmp_path / "a.net").write_text(text)

    found = [line for row in data(tmp_path / "a.net")["rows"] for line in row["cells"][0]]
    assert found == ["input 8x8x4", "conv1-4", "[conv1-4", "| conv3-4, conv3-4] x2", "conv3-2"]


def test_a_bar_between_branches_is_none_between_columns_of_markdown():
    page = run(EXAMPLES / "squeezenet.net", "--as", "markdown").stdout

    assert r"[conv1-16, [conv1-64 \| conv3-64]] x2" in page
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines()} == {3}


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
        assert r"\begin{tabular}{l|c|c|c|c|c|c}" in page
        assert r"\multicolumn{6}{c}{maxpool}" in page
        assert page.count(r"\hline") == len(found["rows"]) + 3
        assert "138.4 & 143.7" in page  # six columns of all digits are wider than a page


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


WIDE = ["resnet", "resnet-v2", "fcn", "vgg", "densenet121", "inception-v3"]


@pytest.mark.parametrize("name", WIDE)
def test_rows_of_latex_are_no_wider_than_the_page(name):
    page = run(EXAMPLES / f"{name}.net", "--as", "latex").stdout.replace(r"\textbar{}", "|")
    size = next((size for size in LETTER if page.startswith(rf"{{\{size}\tabcolsep=3pt")), "normalsize")
    sides = 12 if size == "normalsize" else 6

    inner = re.compile(r"\\begin\{tabular\}\[c\]\{@\{\}c@\{\}\}(.*?)\\end\{tabular\}")
    for row in re.findall(r"^.*&.*$", page, re.M):
        cells = [re.sub(r"\\multicolumn\{\d+\}\{c\}|[{}]", "", cell) for cell in widest(inner, row).split(" & ")]
        assert sum(len(cell.split(r" \\")[0]) * LETTER[size] + sides for cell in cells) < 345, row


def widest(inner, row):
    """The row with the longest line of each stack in its place."""
    return inner.sub(lambda found: max(found[1].split(r" \\ "), key=len), row)


def test_a_stack_of_lines_that_begin_with_brackets_has_no_distances():
    page = run(EXAMPLES / "resnet.net", "--as", "latex").stdout

    assert r" \\ {}[conv1-128" in page
    assert not re.search(r"\\\\ ?\[", page)


def test_what_is_longer_than_a_page_goes_on_on_the_next():
    page = run(EXAMPLES / "densenet121.net", "--as", "latex").stdout

    assert page.startswith("% \\usepackage{longtable}\n")
    assert page.count("{longtable}") == 3
