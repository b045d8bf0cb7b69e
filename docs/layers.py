"""Writes docs/layers.md from what the layers say of themselves: `python docs/layers.py`.

Formula, settings, notes and example are those of their docstrings and fields, as `netlang layers WORD --json` has them;
shapes and counts are those of the examples, computed.
"""

import inspect
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import netlang
from netlang.cli.layers import told_of
from netlang.layer import Common, Weight, all_layers
from netlang.layers import initial, loss, optimizer
from netlang.types import shown

FAMILIES = (
    *("conv", "deconv", "local", "pool", "dense", "maxout", "activation", "softmax"),
    *("norm", "random", "merge", "scale", "shape", "tokens", "recurrent", "sequence"),
)
PAGE = Path(__file__).with_suffix(".md")
HEAD = """\
# The layers

Every layer, loss and optimizer: what it computes, its settings, where it was published, and an example that runs. This
page is made by `python docs/layers.py` from what the layers say of themselves; `netlang layers conv` prints the same in
a terminal. How lines are written is in [the language](language.md).

**Formulas.** x is what goes in, y what comes out, w and b are weights. n is the example, i and j row and column, u and
v the same within a window, t the step of a sequence, c the channel that is read, f the one that is made. Shapes are
height x width x channels, time x features, or one number for a vector; the batch is never written.

**Settings.** `kernel`, `width` and `stride` are written behind the word, `conv3-64/2`, all others behind a blank:
`pad=valid`. Where *default* is empty, the setting may be left out; its meaning says what then holds.

**Examples** are whole files: save one as `x.net`, and `netlang summary x.net` prints the figures that stand below it. A
MAC is one multiply-add, per example. T is a length that the data tell.
"""
LOSSES = """\
One number that says how far the answers are from the targets: `train: loss=hinge`. Without a word, `softmax` has
`cross_entropy`, `sigmoid` has `binary_cross_entropy`, and the rest `squared_error`; `step` needs `loss=perceptron`.
All are averages over the examples and places of a batch.
"""
OPTIMIZERS = """\
How a weight w follows its gradient g: `train: optimizer=momentum lr=0.05 momentum=0.95`. Without a word it is `adam`.
"""
SETTINGS = ("| setting | takes | default | meaning |", "|---|---|---|---|")


def page() -> str:
    """The whole page, as Markdown."""
    families = [(title, list(classes)) for title, classes in groupby(_sorted(), _family)]
    contents = [f"| [{title}](#{_anchor(title)}) | {_links(classes)} |" for title, classes in families]
    parts = [HEAD, "\n".join(["| family | layers |", "|---|---|", *contents]) + "\n"]
    for title, classes in families:
        parts += [f"## {title}\n", *map(_layer, classes)]
    parts += ["## Settings of all layers with weights\n", _common()]
    parts += ["## How weights start\n", _initial()]
    parts += ["## Losses\n", LOSSES, *map(_loss, loss.LOSSES)]
    parts += ["## Optimizers\n", OPTIMIZERS, *map(_optimizer, optimizer.OPTIMIZERS)]
    return "\n".join(parts)


def _sorted() -> list[Any]:
    """The layers in the order of FAMILIES; a family that is not there comes last."""
    return sorted(all_layers(), key=lambda cls: ((*FAMILIES, _folder(cls)).index(_folder(cls)), _folder(cls), cls.word))


def _folder(cls: Any) -> str:
    return str(cls.__module__.split(".")[-2])


def _family(cls: Any) -> str:
    """What the module of a family calls itself: "Convolutions"."""
    doc = sys.modules[f"netlang.layers.{_folder(cls)}.op"].__doc__ or ""
    return doc.split("\n")[0].split(":")[0].split(". ")[0].split(", ")[0].rstrip(".")


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")


def _links(classes: list[Any]) -> str:
    return " ".join(f"[`{cls.word}`](#{cls.word})" for cls in classes)


def _entry(cls: Any) -> str:
    """A layer, loss or optimizer without its example."""
    data = told_of(cls)
    also = f"Also written {', '.join(f'`{word}`' for word in data['aliases'])}.\n\n" if data["aliases"] else ""
    formula, _, source = data["formula"].partition(" " * 8)
    parts = [f"### {data['word']}\n\n{also}```text\n{formula}\n```\n"]
    if source:
        parts.append(f"Published: {source.strip('()')}.\n")
    if data["settings"]:
        parts.append("\n".join([*SETTINGS, *_settings(data)]) + "\n")
    return "\n".join([*parts, *(note + "\n" for note in data["notes"])])


def _settings(data: dict[str, Any]) -> Iterator[str]:
    for setting in data["settings"]:
        default = "must be given" if setting["required"] else f"`{setting['default']}`" if setting["default"] else ""
        name = f"`{setting['name']}`" + (" (the name may be left out)" if setting["positional"] else "")
        yield f"| {name} | {setting['takes']} | {default} | {_cell(setting['meaning'])} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _layer(cls: Any) -> str:
    example = told_of(cls)["example"]
    return f"{_entry(cls)}\n```net\n{example}```\n\n" + "\n".join(_figures(example)) + "\n"


def _figures(example: str) -> Iterator[str]:
    """A row for each layer of a net: its output, its weights and its counts."""
    net = netlang.from_text(example)
    yield "| name | layer | act | output | weights | parameters | MACs |"
    yield "|---|---|---|---|---|---:|---:|"
    for row in net.summary().layers:
        own = [node for node in net.graph.made_by(Weight) if node.path == row.path]
        weights = ", ".join(f"`{node.id.rsplit('.', 1)[1]}` {shown(node.type.shape)}" for node in own)
        layer, act = _cell(row.layer), row.activation or ""
        counts = f"{_number(row.parameters)} | {_number(row.macs)}"
        yield f"| {row.name} | `{layer}` | {act} | {'x'.join(map(str, row.output))} | {weights} | {counts} |"


def _number(count: Any) -> str:
    return f"{count:,}"


def _common() -> str:
    doc = inspect.getdoc(Common) or ""
    told, settings = doc.split("\n\n")
    rows = [line.split(":", 1) for line in settings.splitlines()]
    return "\n".join(
        [
            f"{told}\n",
            "| setting | default | meaning |",
            "|---|---|---|",
            *(f"| `{name.strip()}` | `{_default(name)}` | {_cell(text.strip())} |" for name, text in rows),
            "| `tie` |  | a label: the weights are those of the layer that made it (`tie=@a`, `tie=@a transposed`) |",
            '| `weights` |  | a file they are read from: `weights="file.safetensors"` |',
            "",
            "[The language](language.md#weights) says how weights are called.\n",
        ]
    )


def _default(name: str) -> str:
    from netlang.layer import setting

    return setting(getattr(Common(), name.strip()))


INITIAL = """\
`init=` says how the matrix or the filters of a layer start; biases start at zero. *Fan in* is how many numbers an
output sums over, *fan out* how many outputs an input feeds.
"""


def _initial() -> str:
    """The table in the docstring of `initial.array`, without the word that no user writes."""
    doc = inspect.getdoc(initial.array) or ""
    words = inspect.cleandoc(doc.split("word:\n")[1].split("\nfans:")[0])
    kept = words.replace("constant(s)  all s", "").replace(": `lower` has replaced it", "")
    lines = "\n".join(line.rstrip() for line in kept.splitlines())
    return f"{INITIAL}\n```text\n{lines}\n```\n"


def _loss(cls: Any) -> str:
    before = f"For a net that ends in `{cls.of}`. " if cls.of else ""
    targets = {"labels": "class numbers", "values": "numbers, as many as the net answers"}[cls.target]
    return f"{_entry(cls)}\n{before}Targets: {targets}.\n"


def _optimizer(cls: Any) -> str:
    kept = ", ".join(cls.states) or "nothing"
    return f"{_entry(cls)}\nLearning rate where none is given: {cls.rate:g}. Kept for each weight: {kept}.\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf8")
