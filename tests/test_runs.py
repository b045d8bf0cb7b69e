"""Run folders."""

from pathlib import Path

import pytest

from netlang.files import Problem
from netlang.train import runs


def test_runs_are_numbered_and_never_share_a_folder(tmp_path: Path):
    folders = [runs.new(tmp_path, "lenet", None, "text").folder.name for _ in range(3)]

    assert folders == ["lenet-1", "lenet-2", "lenet-3"]


def test_a_taken_name_is_refused_and_left_alone(tmp_path: Path):
    runs.new(tmp_path, "lenet", "mine", "first")

    with pytest.raises(Problem, match=r"the run .*mine exists; choose another --name"):
        runs.new(tmp_path, "lenet", "mine", "second")

    assert (tmp_path / "mine" / "lenet.net").read_text() == "first"


@pytest.mark.parametrize("name", ["", "..", "a/b", "/tmp"])
def test_a_name_is_that_of_one_folder(tmp_path: Path, name: str):
    with pytest.raises(Problem, match="cannot be the name of a run"):
        runs.new(tmp_path, "lenet", name, "text")


def test_a_file_in_place_of_the_folder_of_runs_is_said(tmp_path: Path):
    (tmp_path / "runs").write_text("")

    with pytest.raises(Problem, match="cannot make the folder"):
        runs.new(tmp_path / "runs", "lenet", None, "text")


def test_a_link_to_nowhere_in_place_of_the_folder_of_runs_is_said(tmp_path: Path):
    (tmp_path / "runs").symlink_to(tmp_path / "gone")

    with pytest.raises(Problem, match="cannot make the folder"):
        runs.new(tmp_path / "runs", "lenet", None, "text")


def test_a_log_ends_before_the_first_line_that_is_none(tmp_path: Path):
    run = runs.new(tmp_path, "lenet", None, "text")
    for rest in (b"5\n", b"\xff\xfe\n", b'{"epoch": 2'):
        (run.folder / "log.jsonl").write_bytes(b'{"epoch": 1}\n' + rest)

        assert run.log() == [{"epoch": 1}]


def test_what_is_no_run_is_not_resumed(tmp_path: Path):
    with pytest.raises(Problem, match="is not a training run: there is no"):
        runs.existing(tmp_path)
