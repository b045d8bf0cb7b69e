"""Files are whole or as they were."""

import errno
import os
from pathlib import Path

import pytest

from netlang.files import Problem, create, json_line, read, write


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_former_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "weights"
    write(path, b"former")
    monkeypatch.setattr(os, "fsync", full_disk)

    with pytest.raises(Problem, match=r"weights: the disk is full\. The file that was there is untouched"):
        write(path, b"newer")

    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_former_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    path = tmp_path / "weights"
    write(path, b"former")
    monkeypatch.setattr(os, "fsync", interrupt)

    with pytest.raises(KeyboardInterrupt):
        write(path, b"newer")

    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"former")
    (tmp_path / "link").symlink_to("file")

    write(tmp_path / "link", b"newer")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"newer"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write(pipe, b"content")

    assert pipe.is_fifo()
    assert os.read(reader, 100) == b"content"
    os.close(reader)


def test_folders_on_the_way_are_made(tmp_path: Path):
    write(tmp_path / "a" / "b", b"x")

    assert read(tmp_path / "a" / "b") == b"x"


def test_a_file_where_a_folder_is_needed_is_said(tmp_path: Path):
    write(tmp_path / "a", b"x")

    with pytest.raises(Problem, match=r"cannot write .*b: "):
        write(tmp_path / "a" / "b", b"x")


def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(Problem, match=r"cannot read .*gone: there is no such file"):
        read(tmp_path / "gone")


def test_a_folder_in_place_of_a_file_is_said(tmp_path: Path):
    with pytest.raises(Problem, match="it is a folder"):
        read(tmp_path)


def test_numbers_that_are_not_finite_become_null_in_json():
    assert json_line({"a": [float("nan"), (1.5, float("inf"))], "b": "NaN"}) == '{"a": [null, [1.5, null]], "b": "NaN"}'


def test_a_new_file_that_cannot_be_is_told_by_its_own_name(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(Problem) as said:
        create(tmp_path / "file" / "new.net", b"text")
    assert str(said.value).startswith(f"cannot write {tmp_path / 'file' / 'new.net'}: ")
