"""What a shell is told when somebody presses the tab key."""

import pytest
from click.shell_completion import get_completion_class
from click.testing import CliRunner

from netlang.cli import main
from netlang.cli.completion import SHELLS, VARIABLE


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
