"""The table of activations in the documentation is true."""

import re
from pathlib import Path

import pytest

from netlang.check import check
from netlang.layer import Layer
from netlang.source import Source
from netlang.syntax.parse import parse

DOCS = Path(__file__).parents[1] / "docs"


def net(text):
    return check(parse(Source("doc.net", text)))


def first_activation(line):
    graph = net(f"input {'8x8x1' if 'conv' in line else '8'}\n{line}\n").graph
    found = [n for n in graph.made_by(Layer) if n.path == next(graph.made_by(Layer)).path]
    return str(found[1].made_by) if len(found) > 1 else None


def rows():
    for row in re.findall(r"^\| (`.*) \| ([^|]+) \|$", (DOCS / "language.md").read_text(encoding="utf8"), re.MULTILINE):
        lines = re.findall(r"`([^`]+)`", row[0].replace("\\|", "|"))
        yield from ((line, row[1]) for line in lines)


@pytest.mark.parametrize(("line", "said"), list(rows()))
def test_the_table_of_activations_is_true(line, said):
    expected = {"R": "relu", "t": "tanh", "n": None}[said[0]]

    assert first_activation(line) in (expected, "linear" if "linear" in line else expected)
