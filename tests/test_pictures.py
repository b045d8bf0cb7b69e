"""The pictures of README and tutorial show the nets of today."""

import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from netlang.cli import main

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = runpy.run_path(str(DOCS / "pictures.py"))


def texts(picture):
    """What is written in a picture, sorted: where it stands may change."""
    return sorted(text.strip() for text in ElementTree.parse(picture).getroot().itertext() if text.strip())


@pytest.mark.parametrize(("picture", "command"), PICTURES["DRAWN"].items(), ids=lambda value: value.split()[-1])
def test_a_drawing_says_what_netlang_draws_now(picture, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(DOCS.parent / "examples")
    for name, text in PICTURES["nets"]().items():
        (tmp_path / name).write_text(text)

    done = CliRunner().invoke(main, [*command.split(), "-o", "now.svg"])

    assert done.exit_code == 0, done.output
    assert texts(DOCS / picture) == texts(tmp_path / "now.svg"), "run `python docs/pictures.py`"


@pytest.mark.parametrize(("picture", "commands"), PICTURES["TRAINED"].items(), ids=lambda value: str(value)[:30])
def test_a_picture_of_trainings_names_its_runs(picture, commands):
    runs = [word.removeprefix("runs/") for word in commands[-1].split() if word.startswith("runs/")]

    assert runs
    assert [text.split(":")[0] for text in texts(DOCS / picture) if " epochs" in text] == sorted(runs)
