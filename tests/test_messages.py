"""What the user reads when a file is wrong. The text is the contract.

Each tests/messages/*.net holds one mistake (some hold several), and in its last line what is wrong. The message
stands beside it; NETLANG_UPDATE=1 writes the messages anew, to be read in the diff.
"""

import os
from pathlib import Path

import pytest

from netlang.check import checked
from netlang.diagnostics import NetError, render
from netlang.source import Source
from netlang.syntax import messages, situations
from netlang.syntax.parse import parse, parser

FOLDER = Path(__file__).parent / "messages"
FILES = sorted(FOLDER.glob("*.net"))
DOCS = Path(__file__).parents[1] / "docs" / "errors"


def problems(path):
    source = Source(path.name, path.read_text(encoding="utf8"))
    with pytest.raises(NetError) as error:
        checked(parse(source))
    return error.value.diagnostics


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_message_is_the_one_agreed_on(path):
    text = "\n\n".join(map(render, problems(path))) + "\n"
    golden = path.with_suffix(".txt")
    if os.environ.get("NETLANG_UPDATE"):
        golden.write_text(text, encoding="utf8")

    assert text == golden.read_text(encoding="utf8")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_caret_stands_under_what_is_wrong(path):
    wrong = path.read_text(encoding="utf8").rsplit("# wrong: ", 1)[1].rstrip("\n")
    span = problems(path)[0].at.span

    assert span.text == ("" if wrong == "<end>" else wrong)


def test_no_two_mistakes_share_a_message():
    said = {}
    for path in FILES:
        first = problems(path)[0]
        said.setdefault((first.title, first.at.text, first.help), []).append(path.stem)

    assert not [names for names in said.values() if len(names) > 1]


def test_every_state_of_the_parser_has_its_message():
    reader, _ = parser()
    states = reader.parser.parser._parse_table.states.values()
    accepted = {frozenset(terminal for terminal in state if terminal.isupper()) for state in states}
    accepted.discard(frozenset())

    assert len(accepted) > 30
    assert not [sorted(a) for a in accepted if situations.situation(situations.State(a)) is None]


# No text leads there: the lexer reads an `x` as a repeat only before a number or `(`, and the others are states
# the parser passes through with the next token already known to fit.
UNREACHABLE = {
    "after the `x` of a repeat comes",
    "behind a setting in `( )` comes",
    "in a list stands",
    "behind this comes",
    "behind the steps of a line comes",
}


def test_every_message_of_the_parser_is_shown_by_a_file():
    said = "".join(path.with_suffix(".txt").read_text(encoding="utf8") for path in FILES)

    assert not [
        f"{s.where} {s.wanted}"
        for s in situations.SITUATIONS
        if f"{s.where} {s.wanted}" not in said and s.where not in UNREACHABLE
    ]
    assert not [title for title, _ in (*messages.LAYOUT.values(), *messages.CHARACTERS.values()) if title not in said]


def test_every_code_has_its_page():
    import re

    root = Path(__file__).parents[1] / "netlang"
    found = set()
    for path in root.rglob("*.py"):
        found |= set(re.findall(r'(?:error|Diagnostic|note|_no_file)\(\s*"([a-z-]+)"', path.read_text(encoding="utf8")))
    found |= {problem.code for path in FILES for problem in problems(path)}

    assert {"syntax", "shape", "unknown-layer", "equation"} <= found
    assert not {code for code in found if not (DOCS / f"{code}.md").is_file()}
    assert not {page.stem for page in DOCS.glob("*.md")} - found - {"README"}
