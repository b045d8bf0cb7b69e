"""`netlang zoo` and `netlang new`, and where the zoo's files are found."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from netlang import catalogue
from netlang.cli import main
from netlang.files import Problem, create
from netlang.syntax.read import read

ROOT = Path(__file__).parents[1]


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_new_copies_a_net_of_the_zoo_to_the_letter(tmp_path):
    done = run("new", str(tmp_path / "mine.net"), "--from", "lenet")

    assert done.exit_code == 0
    assert (tmp_path / "mine.net").read_bytes() == catalogue.entry("lenet").path.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.net"]


@pytest.mark.parametrize("name", ["zoo/lenet.net", "lenet.net", "zoo/lenet"])
def test_new_takes_a_net_by_its_path_too(tmp_path, name):
    assert run("new", str(tmp_path / "mine.net"), "--from", name).exit_code == 0


def test_new_never_overwrites(tmp_path):
    path = tmp_path / "mine.net"
    path.write_text("my work")
    done = run("new", str(path), "--from", "lenet")

    assert done.exit_code == 1
    assert "is there already" in done.stderr
    assert path.read_text() == "my work"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    path = tmp_path / "mine.net"

    def late(draft, target):
        path.write_text("their work")
        raise FileExistsError

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(Problem, match="is there already"):
        create(path, b"mine")

    assert path.read_text() == "their work"
    assert [found.name for found in tmp_path.iterdir()] == ["mine.net"]


def test_new_names_the_nearest_net_for_a_typo(tmp_path):
    done = run("new", str(tmp_path / "mine.net"), "--from", "lente")

    assert done.exit_code == 1
    assert "did you mean `lenet`?" in done.stderr
    assert not list(tmp_path.iterdir())


def test_new_as_json_tells_what_is_wrong_as_one_object(tmp_path):
    done = run("new", str(tmp_path / "mine.net"), "--from", "lenett", "--json")

    assert done.exit_code == 1
    assert "did you mean `lenet`?" in json.loads(done.stdout)["errors"][0]["title"]


def test_new_wants_the_name_of_a_net(tmp_path):
    done = run("new", str(tmp_path / "mine"), "--from", "lenet")

    assert done.exit_code == 2
    assert "mine.net`" in done.stderr


def test_a_path_of_the_zoo_is_read_where_no_such_file_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = read("zoo/lenet.net").text
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "lenet.net").write_text("input 8\n")

    assert shipped == catalogue.entry("lenet").text
    assert read("zoo/lenet.net").text == "input 8\n"


def test_what_ships_is_laid_out_for_reading_and_never_written(tmp_path, monkeypatch):
    (tmp_path / "vgg.net").write_text("input  8\nFC-2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)

    assert run("fmt", "--stdout", "zoo/vgg.net").stdout == "input 8\nFC-2\n"
    for command in ("fmt", "annotate"):
        done = run(command, "zoo/vgg.net")
        assert (done.exit_code, "`netlang new NAME.net --from vgg` copies it" in done.stderr) == (1, True)
    assert (tmp_path / "vgg.net").read_text() == "input  8\nFC-2\n"
    assert not (tmp_path / "zoo").exists()


def test_the_wheel_carries_what_the_checkout_has():
    carried = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert carried["force-include"]["examples"] == "netlang/zoo"
    assert catalogue.folder() == ROOT / "examples"


def test_every_net_says_what_it_is_and_where_it_was_published():
    for entry in catalogue.entries():
        assert 3 < len(entry.what) < 80, entry.name
        assert entry.source, entry.name


def test_the_list_as_json_has_what_the_table_has():
    rows = json.loads(run("zoo", "--json").stdout)
    table = run("zoo").stdout

    assert {row["name"] for row in rows} == set(catalogue.names())
    for row in rows:
        assert row["what"] in table
        assert not isinstance(row["macs"], int) or f"{row['macs']:,}" in table
        assert f"{row['parameters']:,}" in table
    assert [row["parameters"] for row in rows if row["name"] == "googlenet"] == [6_998_552]  # without its side heads
