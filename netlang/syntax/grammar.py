"""The LALR parser of grammars/netlang.lark.

Its tables take 0.1 s. A wheel carries them, made when it was built, as JSON beside the grammar; a checkout, and a wheel
whose grammar or Lark is another one by now, makes them.
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

TABLES = "netlang.json"


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
    return json.dumps({"of": _mark(folder), "data": data, "memo": memo})


def _kept(folder: Path, tokens: Layout) -> lark.Lark | None:
    """The parser from the tables beside a grammar; None where there are none, or of another grammar or Lark."""
    try:
        found = json.loads((folder / TABLES).read_text(encoding="utf8"), object_hook=_numbered)
    except (OSError, ValueError):
        return None
    if found.pop("of", None) != _mark(folder):
        return None
    found["data"]["options"]["postlex"] = tokens
    return lark.Lark.load(found)


def _numbered(found: dict[str, Any]) -> dict[int, Any] | dict[str, Any]:
    """An object of JSON, whose keys are numbers again where they were."""
    return {int(key): value for key, value in found.items()} if next(iter(found), "").isdigit() else found


def _mark(folder: Path) -> str:
    """What tables depend on."""
    return hashlib.sha256(f"{lark.__version__}\n{_text(folder)}".encode()).hexdigest()


def _text(folder: Path) -> str:
    return (folder / "netlang.lark").read_text(encoding="utf8")
