"""Promises about the source itself."""

import ast
import re
from pathlib import Path

import pytest

from netlang import layers as _registered  # noqa: F401  importing it makes the layers known
from netlang.layer import words

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "netlang").rglob("*.py"))
LINES, FUNCTION = 400, 40


def named(path):
    return str(path.relative_to(ROOT))


def docstrings(tree):
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr):
            yield node.body[0].value


def test_the_grammar_names_no_layer():
    grammar = (ROOT / "grammars" / "netlang.lark").read_text(encoding="utf8")
    rules = re.sub(r"//.*", "", grammar)

    assert words()
    assert not [word for word in words(aliases=True) if re.search(rf'["/]{re.escape(word)}\b', rules)]


FRONT = (
    "check",
    "syntax",
    "draw",
    "cli",
    "export",
    "report",
    "lower.py",
    "differentiate.py",
    "passes",
    "plan.py",
    "diagnostics.py",
)
# Words that mean something else too: `max` is how a sum or window is taken, `step` an optimizer's step, ...
OTHER_MEANINGS = {"max", "add", "mul", "sub", "step", "abs", "pad", "last", "in"}


@pytest.mark.parametrize("path", [p for p in SOURCES if p.relative_to(ROOT / "netlang").parts[0] in FRONT], ids=named)
def test_no_stage_names_a_layer(path):
    tree = ast.parse(path.read_text(encoding="utf8"))
    prose = set(map(id, docstrings(tree)))
    texts = {
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in prose
    }

    assert not texts & (set(words(aliases=True)) - OTHER_MEANINGS)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_files_and_functions_stay_short(path):
    text = path.read_text(encoding="utf8")
    long = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= FUNCTION
    ]

    assert len(text.splitlines()) <= LINES
    assert not long


def test_nothing_is_called_utils_or_helpers():
    assert not [path for path in SOURCES if path.stem in ("utils", "helpers", "common", "misc")]


def test_the_tour_names_every_file_and_folder_of_the_package_and_no_other():
    table = (ROOT / "docs" / "tour.md").read_text(encoding="utf8").split("## The files")[1].split("\n## ")[0]
    named_there = {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    }
    here = {p.name if p.is_file() else f"{p.name}/" for p in (ROOT / "netlang").iterdir()}

    assert named_there == {name for name in here if not name.startswith(("__pycache__", "__init__", "."))}
