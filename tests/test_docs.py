"""What the documentation shows is true: its nets check, its commands are taken and print what stands below them.

Commands that compile are parsed only, unless NETLANG_DOCS=all. tests/test_readme.py has the README's Python.
"""

import os
import re
import shlex
from itertools import groupby

import numpy as np
import pytest
from click.testing import CliRunner
from fences import KINDS, PAGES, ROOT, fences, indented, of_page

from netlang import layer
from netlang.check import checked, words
from netlang.cli import main
from netlang.diagnostics import NetError
from netlang.source import Source
from netlang.syntax.parse import parse

ALL = os.environ.get("NETLANG_DOCS") == "all"
SLOW = {"train", "curves", "evaluate", "run", "gradcheck", "profile", "bench", "export"}
STAGES_OF_TEXT = {"ast", "graph", "primitives", "gradient", "optimised", "plan", "kernels"}
ERRORS = [page for page in PAGES if "\nWrong:\n" in page.read_text(encoding="utf8")]
COMMANDS = [(fence, line) for fence in fences("sh", "console") for line, _ in fence.commands()]


def named(value):
    return getattr(value, "place", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_code_says_what_it_is(page):
    assert [fence.place for fence in of_page(page) if fence.kind not in KINDS] == []
    assert indented(page) == []


@pytest.mark.parametrize("fence", fences("net"), ids=named)
def test_the_nets_check(fence):
    try:
        found = [("note", note.code) for note in checked(parse(Source("doc.net", fence.content)))[1]]
    except NetError as error:
        found = [("error", problem.code) for problem in error.diagnostics]

    assert found == [(kind, fence.setting(kind)) for kind in ("error", "note") if fence.setting(kind)]


@pytest.mark.parametrize("page", ERRORS, ids=lambda page: page.stem)
def test_the_pages_of_errors_show_a_wrong_file_and_a_right_one(page):
    shown = [fence.setting("error") or fence.setting("note") for fence in of_page(page)]

    assert shown == [page.stem, None]


@pytest.mark.parametrize(("fence", "line"), COMMANDS, ids=named)
def test_the_commands_are_taken(fence, line):
    if "installs" in fence.told:
        assert re.match(r"python3 -m venv \.venv && \.venv/bin/pip install (\.|'\.\[\w+\]') && ", line)
        return
    name, arguments = divided(line)

    command = main.get_command(None, name)
    assert command is not None
    command.make_context(name, arguments)  # raises for what it does not take


def divided(line):
    """The command of a line and its arguments."""
    program, name, *arguments = shlex.split(line)
    assert program == "netlang", line
    return name, arguments


def slow(line):
    name, arguments = divided(line)
    if name == "compile":
        return not STAGES_OF_TEXT & set(arguments)
    return name in SLOW


def runs(fence, line):
    """Whether a command is run: one that serves a page would not end."""
    return "installs" not in fence.told and not line.startswith("netlang watch") and (ALL or not slow(line))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the examples, as a checkout has them, and the picture of a seven."""
    from PIL import Image

    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    seven = np.load(ROOT / "netlang" / "train" / "data" / "digits.npz")["x"][7]
    Image.fromarray((seven.reshape(8, 8) * 15).astype(np.uint8)).resize((28, 28)).save(tmp_path / "seven.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")  # it makes a training of seconds one of minutes
    return tmp_path


@pytest.fixture
def own_layers(monkeypatch):
    """The table of layers, to be put back: a page adds some."""
    monkeypatch.setattr(layer, "_LAYERS", dict(layer._LAYERS))
    yield
    for cached in (words.names, words.elsewhere):
        cached.cache_clear()


SHOWN = [f for f in fences("net", "sh", "console", "python") if f.kind != "python" or f.page.name != "README.md"]
BY_PAGE = [list(found) for _, found in groupby(SHOWN, key=lambda fence: fence.page)]


@pytest.mark.parametrize("page", BY_PAGE, ids=lambda found: found[0].page.name)
def test_what_a_page_shows_happens_from_top_to_bottom(page, folder, own_layers):
    names = {"__name__": "__main__"}
    for fence in page:
        if fence.kind == "net":
            for name in (word for word in fence.told if word.endswith(".net")):
                (folder / name).write_text(fence.content)
        elif fence.kind == "python":
            if ALL or "slow" not in fence.told:
                exec(compile(fence.content, fence.place, "exec"), names)
        else:
            for line, printed in fence.commands():
                if runs(fence, line):
                    prints(fence, line, printed)


def prints(fence, line, printed):
    """Run a command; it ends as the page says, and prints what the page shows."""
    done = CliRunner().invoke(main, list(shlex.split(line)[1:]))

    assert done.exit_code == int(fence.setting("exit") or 0), f"{fence.place}: {done.output}"
    if printed is not None:
        assert re.fullmatch(pattern(printed), done.output.strip("\n") + "\n"), f"{fence.place}: {done.output}"


def pattern(printed):
    """What an output looks like: a line `...` is any lines, and `...` within one any text."""
    return "".join("(?:.*\n)*?" if line.strip() == "..." else f"{anything(line)} *\n" for line in printed.splitlines())


def anything(line):
    return ".*".join(re.escape(part) for part in line.rstrip().split("..."))
