"""`netlang layers [WORD]`: what the language knows, read off the layers themselves."""

import inspect
import json
import re
import textwrap
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import click

from netlang.cli.file import json_option, told
from netlang.files import Problem


def _begun(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The layers that begin so, for a shell."""
    from netlang.check import words

    return [word for word in sorted(words.names()) if word.startswith(incomplete)]


@click.command("layers")
@click.argument("word", required=False, shell_complete=_begun)
@json_option
def command(word: str | None, as_json: bool) -> None:
    """List the layers with their settings; with a WORD, tell all about one."""
    from netlang.check import words
    from netlang.diagnostics import closest

    if word is None:
        click.echo(json.dumps(_all()) if as_json else "\n".join(_listing()))
        return
    cls = _found(word)
    if cls is None:
        near = closest(word, words.names())
        advice = f"did you mean `{near}`?" if near else "`netlang layers` lists them all"
        with told(as_json):
            raise Problem(f"there is no layer called `{word}`; {advice}")
    click.echo(json.dumps(told_of(cls)) if as_json else "\n".join(_page(cls)))


def _found(word: str) -> Any:
    from netlang import layer
    from netlang.layers import loss, optimizer

    return layer.find(word) or loss.find(word) or optimizer.find(word)


def _all() -> dict[str, Any]:
    """The layers, and the words that `train:` takes."""
    from netlang.layer import all_layers
    from netlang.layers import loss, optimizer

    return {
        "layers": [told_of(cls) for cls in all_layers()],
        "losses": loss.words(),
        "optimizers": optimizer.words(),
    }


def _listing() -> list[str]:
    known = _all()
    others = [f"{name:<10}  {' '.join(words)}" for name, words in known.items() if name != "layers"]
    return [*_lines(known["layers"]), "", *others]


def told_of(cls: Any) -> dict[str, Any]:
    """What a layer, a loss or an optimizer says of itself: the parts of its docstring, and its fields."""
    doc = inspect.getdoc(cls) or ""
    text, _, example = doc.partition("For example:\n")
    formula, *paragraphs = text.strip().split("\n\n")
    of_settings = "" if not fields(cls) else next((p for p in paragraphs if p.startswith(fields(cls)[0].name)), "")
    meanings = _meanings(of_settings)
    return {
        "word": cls.word,
        "aliases": list(getattr(cls, "aliases", ())),
        "about": doc.splitlines()[0],
        "doc": doc,
        "formula": formula,
        "notes": [p for p in paragraphs if p != of_settings],
        "example": textwrap.dedent(example).strip("\n") + "\n" if example else None,
        "activation": getattr(cls, "activation", False),
        "merge": getattr(cls, "merge", False),
        "settings": [
            *(_setting(cls, f, meanings) for f in fields(cls)),
            *(_reference(name, meanings) for name in getattr(cls, "references", ())),
        ],
    }


def _meanings(paragraph: str) -> dict[str, str]:
    """What each setting means: `pad: zeros around the image`, perhaps over several lines."""
    found: dict[str, str] = {}
    for line in paragraph.splitlines():
        named = re.match(r"(\w+): +(.*)", line)
        name, text = (named[1], named[2]) if named else (next(reversed(found)), line.strip())
        found[name] = f"{found[name]} {text}" if name in found else text
    return found


def _setting(cls: Any, f: Any, meanings: dict[str, str]) -> dict[str, Any]:
    from netlang.check.kinds import described
    from netlang.layer import setting

    required = f.default is MISSING
    return {
        "name": f.name,
        "takes": described(get_type_hints(cls)[f.name]),
        "default": None if required or f.default is None else setting(f.default),
        "required": required,
        "positional": f.name == getattr(cls, "positional", None),
        "meaning": meanings[f.name],
    }


def _reference(name: str, meanings: dict[str, str]) -> dict[str, Any]:
    rest = {"default": None, "required": False, "positional": False, "meaning": meanings[name]}
    return {"name": name, "takes": "a label such as @a", **rest}


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
    return f"{setting['name']}={setting['default'] or '@LABEL'}"


def _page(cls: Any) -> list[str]:
    data = told_of(cls)
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
