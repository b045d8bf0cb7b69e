"""The LALR parser of grammars/netlang.lark.

Its tables take 0.1 s. A wheel carries them beside the grammar, a mark and JSON, made when it was built; a checkout, and
a wheel whose grammar or Lark is another one by now, makes them.
"""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from netlang.syntax.layout import Layout

TABLES = "netlang.tables"


@cache
def parser() -> tuple[lark.Lark, Layout]:
    """The parser, and what it saw last."""
    here = Path(__file__).parents[1]
    for folder in (here / "grammars", here.parent / "grammars"):  # a wheel carries it inside, a checkout beside
        if (folder / "netlang.lark").is_file():
            tokens = Layout()
            return _kept(folder, tokens) or made(folder, tokens), tokens
    raise FileNotFoundError("this installation of netlang lacks grammars/netlang.lark: install it again")


def made(folder: Path, tokens: Layout) -> lark.Lark:
    """The parser of the grammar in a folder."""
    return lark.Lark(
        _text(folder),
        parser="lalr",
        lexer="contextual",
        postlex=tokens,
        propagate_positions=True,
        maybe_placeholders=True,
    )


def tables(folder: Path) -> str:
    """The tables of the grammar in a folder, for a file TABLES beside it."""
    data, memo = made(folder, Layout()).memo_serialize([TerminalDef, Rule])
    del data["options"]["postlex"]
    text = json.dumps({"data": data, "memo": memo})
    return f"{_mark(folder, text)}\n{text}"


def _kept(folder: Path, tokens: Layout) -> lark.Lark | None:
    """The parser from the tables beside a grammar; None where none are whole and of this grammar and Lark."""
    try:
        mark, _, text = (folder / TABLES).read_text(encoding="utf8").partition("\n")
    except (OSError, ValueError):
        return None
    if mark != _mark(folder, text):
        return None
    found = json.loads(text, object_hook=_numbered)
    found["data"]["options"]["postlex"] = tokens
    return lark.Lark.load(found)


def _numbered(found: dict[str, Any]) -> dict[int, Any] | dict[str, Any]:
    """An object of JSON, whose keys are numbers again where they were."""
    return {int(key): value for key, value in found.items()} if next(iter(found), "").isdigit() else found


def _mark(folder: Path, tables: str) -> str:
    """Of tables and of what they depend on."""
    return hashlib.sha256(f"{lark.__version__}\n{_text(folder)}\n{tables}".encode()).hexdigest()


def _text(folder: Path) -> str:
    return (folder / "netlang.lark").read_text(encoding="utf8")
