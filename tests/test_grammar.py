"""The tables that a wheel carries make the parser that the grammar makes."""

import json
import shutil
from pathlib import Path

import lark
import pytest
from lark import UnexpectedInput

from netlang.syntax import grammar
from netlang.syntax.layout import Layout, LayoutError

GRAMMARS = Path(__file__).parents[1] / "grammars"
FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.net"))
WRONG = [
    "input 28x28x\n",
    "netlang 1\nconv3-\n",
    "dense-10 relu)\n",
    "block a(\n  relu\n",
    "]\n",
    "a = {\n",
    "cell c\n",
]


@pytest.fixture
def carried(tmp_path):
    """A folder with the grammar and its tables, as a wheel has it."""
    shutil.copy(GRAMMARS / "netlang.lark", tmp_path)
    (tmp_path / grammar.TABLES).write_text(grammar.tables(tmp_path))
    return tmp_path


def read(parser, text):
    """The tree, or what was wrong with the text, where, and what would have been right."""
    try:
        return parser.parse(text)
    except LayoutError as error:
        return error.kind, error.token, error.token.start_pos
    except UnexpectedInput as error:
        expected = (
            getattr(error, "accepts", None) or getattr(error, "expected", None) or getattr(error, "allowed", None)
        )
        return type(error), error.line, error.column, expected


def test_a_parser_from_tables_reads_as_the_grammar_does(carried, monkeypatch):
    fresh = grammar.made(carried, Layout())
    with monkeypatch.context() as nothing_made:
        nothing_made.delattr(grammar, "made")
        kept = grammar._kept(carried, tokens := Layout())
    for text in [path.read_text() + "\n" for path in FILES] + WRONG:
        assert read(kept, text) == read(fresh, text)
    assert kept.options.postlex is tokens
    assert tokens.last is not None


def test_positions_are_those_of_the_text(carried):
    text = FILES[0].read_text() + "\n"
    trees = [parser.parse(text) for parser in (grammar._kept(carried, Layout()), grammar.made(carried, Layout()))]
    ends = [[(tree.meta.start_pos, tree.meta.end_pos) for tree in t.iter_subtrees() if tree.children] for t in trees]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("wrong", ["missing", "cut", "changed", "nothing", "other grammar", "other lark"])
def test_tables_of_something_else_are_not_used(carried, monkeypatch, wrong):
    path = carried / grammar.TABLES
    if wrong == "missing":
        path.unlink()
    elif wrong == "cut":
        path.write_text(path.read_text()[:1000])
    elif wrong == "changed":
        path.write_text(path.read_text().replace("Rule", "Role", 1))
    elif wrong == "nothing":
        path.write_text("[]")
    elif wrong == "other grammar":
        with (carried / "netlang.lark").open("a") as file:
            file.write("\n// another line\n")
    else:
        monkeypatch.setattr(lark, "__version__", "1.0.0")
    assert grammar._kept(carried, Layout()) is None


def test_tables_are_plain_json(carried):
    assert json.loads((carried / grammar.TABLES).read_text().partition("\n")[2]).keys() == {"data", "memo"}
