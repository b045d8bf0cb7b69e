"""`netlang layers [WORD]`: what the language knows, read off the layers themselves."""

import inspect
import json
from dataclasses import MISSING, fields
from typing import Any

import click

from netlang.cli.file import json_option, told
from netlang.files import Problem


@click.command("layers")
@click.argument("word", required=False)
@json_option
def command(word: str | None, as_json: bool) -> None:
    """List the layers with their settings; with a WORD, tell all about one."""
    from netlang.check import words
    from netlang.diagnostics import closest
    from netlang.layer import find

    if word is None:
        click.echo(json.dumps(_all()) if as_json else "\n".join(_listing()))
        return
    cls = find(word)
    if cls is None:
        near = closest(word, words.names())
        advice = f"did you mean `{near}`?" if near else "`netlang layers` lists them all"
        with told(as_json):
            raise Problem(f"there is no layer called `{word}`; {advice}")
    click.echo(json.dumps(_data(cls)) if as_json else "\n".join(_page(cls)))


def _all() -> dict[str, Any]:
    """The layers, and the words that `train:` takes."""
    from netlang.layer import all_layers
    from netlang.layers import loss, optimizer

    return {
        "layers": [_data(cls) for cls in all_layers()],
        "losses": loss.words(),
        "optimizers": optimizer.words(),
    }


def _listing() -> list[str]:
    known = _all()
    others = [f"{name:<10}  {' '.join(words)}" for name, words in known.items() if name != "layers"]
    return [*_lines(known["layers"]), "", *others]


def _data(cls: Any) -> dict[str, Any]:
    doc = inspect.getdoc(cls) or ""
    return {
        "word": cls.word,
        "aliases": list(cls.aliases),
        "about": doc.splitlines()[0],
        "doc": doc,
        "activation": cls.activation,
        "merge": cls.merge,
        "settings": [_setting(cls, f) for f in fields(cls)],
    }


def _setting(cls: Any, f: Any) -> dict[str, Any]:
    from netlang.check.kinds import described
    from netlang.check.settings import hints
    from netlang.layer import setting

    required = f.default is MISSING
    return {
        "name": f.name,
        "takes": described(hints(cls)[f.name]),
        "default": None if required or f.default is None else setting(f.default),
        "required": required,
        "positional": f.name == cls.positional,
    }


def _lines(known: list[dict[str, Any]]) -> list[str]:
    rows = [(" ".join([k["word"], *k["aliases"]]), " ".join(map(_written, k["settings"]))) for k in known]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {options}".rstrip() for name, options in rows]


def _written(setting: dict[str, Any]) -> str:
    suffix = {"kernel": "KERNEL", "width": "-WIDTH", "stride": "/STRIDE"}
    if setting["name"] in suffix:
        return suffix[setting["name"]]
    if setting["positional"]:
        value = setting["default"] or setting["name"].upper()
        return value if setting["required"] else f"[{value}]"
    return f"{setting['name']}={setting['default']}"


def _page(cls: Any) -> list[str]:
    data = _data(cls)
    lines = [
        ", ".join([data["word"], *data["aliases"]]),
        "",
        *(f"  {line}".rstrip() for line in data["doc"].split("\n")),
    ]
    if data["settings"]:
        width = max(len(s["name"]) for s in data["settings"])
        lines += ["", "settings"]
    for s in data["settings"]:
        default = "must be given" if s["required"] else f"default {s['default'] or 'see above'}"
        lines.append(f"  {s['name']:<{width}}  {s['takes']}; {default}")
    return lines
