"""`netlang annotate`: shapes at the ends of lines."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang.annotate import annotated
from netlang.check import check, files
from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").rglob("*.net"))


def shaped(text, variant=None, **settings):
    return annotated(Source("t.net", text), variant, settings)


def test_every_line_of_the_file_gets_its_shape():
    assert shaped("input 28x28x1\nconv5-6 pad=2, maxpool\nFC-10, soft-max  # classes\n") == (
        "input 28x28x1\nconv5-6 pad=2, maxpool  -> 14x14x6\nFC-10, soft-max         -> 10   # classes\n"
    )


def test_wrong_shapes_are_put_right_and_true_ones_stay():
    text = "w = 4\ninput 8x8x1\nconv3-w -> 8x8x5\nconv3-w -> 8x?xw\nconv3-8 -> ?x8x(2*w)\nconv3-9 -> 8x8x(2*w)\n"
    text = text.replace("8x?xw", "8x?x4")

    assert [line.partition("-> ")[2] for line in shaped(text).split("\n")[2:-1]] == [
        "8x8x4",
        "8x?x4",
        "?x8x(2*w)",
        "8x8x9",
    ]


def test_annotating_again_changes_nothing():
    text = shaped("input 8x8x1\nconv3-4 @a, maxpool, conv3-4, output c\n@a, gap, FC-2, output b\n")

    assert shaped(text) == text


def test_lines_may_end_in_labels_references_and_outputs():
    text = "input 8\nFC-4 @a\n@a, FC-3, output side1 side\n@a\nFC-2 x(0) @b, FC-5\n"

    assert [line.partition("-> ")[2] for line in shaped(text).split("\n")[1:-1]] == ["4", "3", "4", "5"]


def test_the_last_lines_activation_is_still_none():
    assert "-> 2" in shaped("input 8\nFC-2\ntrain: loss=hinge\nexpect parameters=18\n")


def test_sizes_that_differ_between_variants_are_left_open():
    text = "variant a: n=4 k=1\nvariant b: n=8 k=1\ninput 6x6x1\nconv3-n\nFC-3\n"

    assert "-> 6x6x?" in shaped(text)
    assert "-> 6x6x8" in shaped(text, "b")
    assert "-> 3" in shaped(text)


def test_free_sizes_are_written_as_letters():
    text = shaped("input Tx4\nconv3-8\nupsample2\nlast\n")

    assert [line.partition("-> ")[2] for line in text.split("\n")[1:-1]] == ["Tx8", "(2*T)x8", "8"]
    assert check(parse(Source("t.net", text)))


def test_a_size_the_language_cannot_write_is_left_open():
    text = shaped("input Tx4\nconv3-8/2\nlast\n")

    assert "-> ?x8" in text
    assert check(parse(Source("t.net", text)))


def test_a_wrong_file_is_told_as_ever():
    with pytest.raises(NetError, match="there is no layer called"):
        shaped("input 8\nFCC-2\n")


@pytest.mark.parametrize("name", ["lenet.net", "vgg.net", "googlenet.net", "unet.net", "lstm.net", "resnet.net"])
def test_an_annotated_example_still_checks_in_every_variant(name):
    source = read(next(path for path in EXAMPLES if path.name == name))
    file = parse(Source(source.name, annotated(source)))

    for variant in list(files.variants(file)) or [None]:
        assert check(file, variant=variant).graph.outputs


def run(*arguments):
    return CliRunner().invoke(main, ["annotate", *map(str, arguments)])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.net"
    path.write_text("input 8\nFC-4\n")
    return path


def test_the_command_writes_the_file(file):
    done = run(file)

    assert (done.exit_code, done.stdout) == (0, f"changed {file}\n")
    assert file.read_text() == "input 8\nFC-4    -> 4\n"
    assert (run(file).exit_code, run(file).stdout) == (0, "")


def test_check_and_stdout_write_nothing(file):
    assert (run("--check", file).exit_code, run("--check", file).stdout) == (1, f"would change {file}\n")
    assert run("--stdout", file).stdout == "input 8\nFC-4    -> 4\n"
    assert file.read_text() == "input 8\nFC-4\n"


def test_a_wrong_file_stays_as_it_is(file):
    file.write_text("input 8\nFCC-4\n")
    done = run(file)

    assert done.exit_code == 1
    assert "FCC" in done.stderr
    assert file.read_text() == "input 8\nFCC-4\n"


def test_json_has_the_text(file):
    data = json.loads(run("--check", "--json", file).stdout)

    assert data == {"ok": False, "file": str(file), "changed": True, "text": "input 8\nFC-4    -> 4\n"}
