"""What a shell is told when somebody presses the tab key."""

import subprocess

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from netlang.cli import main
from netlang.cli.completion import COLONS, SHELLS, VARIABLE


def completed(*args, begun=""):
    kind = get_completion_class("zsh")
    return [item.value for item in kind(main, {}, "netlang", VARIABLE).get_completions(list(args), begun)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "vgg.net").write_text("netlang 1\nvariant A: n=1\nvariant ALRN: n=2\n")
    (tmp_path / "lenet.net").write_text("input 3\nFC-2\n")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.net").write_text("")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_lines(shell):
    done = CliRunner().invoke(main, ["completion", shell])

    assert done.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in done.stdout


def test_commands_and_options_are_completed():
    assert completed(begun="su") == ["summary"]
    assert "--batch" in completed("summary", begun="--b")


def test_files_are_completed_and_nothing_else(here):
    assert completed("check") == ["lenet.net", "nets/", "vgg.net", *completed("check", begun="zoo/")]
    assert completed("check", begun="nets/") == ["nets/mine.net"]
    assert "zoo/lenet.net" in completed("summary", begun="zoo/le")
    assert completed("diff", "vgg.net", begun="l") == ["lenet.net"]


def test_variants_stand_behind_a_colon(here):
    assert completed("summary", begun="vgg.net:") == ["vgg.net:A", "vgg.net:ALRN"]
    assert completed("table", "lenet.net", begun="vgg.net:AL") == ["vgg.net:ALRN"]
    assert completed("summary", begun="nothing.net:") == []


def test_an_unknown_shell_is_a_wrong_command_line():
    assert CliRunner().invoke(main, ["completion", "tcsh"]).exit_code == 2


def test_behind_an_unknown_command_a_shell_is_offered_the_commands():
    assert completed("nosuch") == completed()


def test_lines_layers_and_nets_of_the_zoo_begin_with_a_completed_name(here):
    assert completed("explain", begun="le") == ["lenet.net"]
    assert completed("fmt", "vgg.net", begun="le") == ["lenet.net"]
    assert "conv" in completed("layers", begun="con")
    assert completed("new", "x.net", "--from", begun="resnet-v1") == ["resnet-v1.5"]


def test_bash_ends_words_at_colons_and_gets_the_variant_alone():
    asks = r"""
    _netlang_completion() { COMPREPLY=("vgg.net:A" "vgg.net:ALRN"); asked="$COMP_CWORD ${COMP_WORDS[*]}"; }
    COMP_WORDS=(netlang diff lenet.net : D vgg.net : A) COMP_CWORD=7; _netlang_colons netlang
    echo "$asked > ${COMPREPLY[*]}"
    COMP_WORDS=(netlang diff lenet.net vgg.net) COMP_CWORD=3; _netlang_colons netlang; echo "$asked"
    """
    told = subprocess.run(["bash", "-c", f"{COLONS}\n{asks}"], capture_output=True, text=True, check=True)

    assert told.stdout.splitlines() == [
        "3 netlang diff lenet.net:D vgg.net:A > A ALRN",
        "3 netlang diff lenet.net vgg.net",
    ]
