"""Writes docs/gallery.md and its pictures from the nets of the zoo: `python docs/gallery.py`.

Groups, their order and what was published are those of docs/zoo.md; all else is computed from the files.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from netlang.catalogue import Entry, entry
from netlang.check import check
from netlang.check.counts import macs, parameters, running
from netlang.draw import svg
from netlang.draw.text import text
from netlang.draw.tree import picture
from netlang.graph import Input, Net
from netlang.syntax.parse import parse
from netlang.syntax.read import read
from netlang.types import shown

PAGE = Path(__file__).with_suffix(".md")
PICTURES = PAGE.with_suffix("")
ZOO = PAGE.with_name("zoo.md")
ROW = re.compile(r"^\| \[`([\w.-]+?)\.net(?::(\w+))?`\].*\| ([^|]*) \|$")
WIDEST, TALLEST = 700, 700  # pixels of a picture on the page; a click shows it as large as it is
HEAD = """\
# Gallery

Every net of [the zoo](zoo.md): its drawing as `netlang draw` makes it, what it costs, and what was published for it.
Blocks stand once beside the net, and what repeats is drawn once; a picture opens in full size when it is clicked.
*Lines* are those of the file, without comments and empty ones. `netlang watch zoo/resnet.net` shows one with its table.

This page is made by `python docs/gallery.py`.
"""


@dataclass(frozen=True)
class Hung:
    """A net of the gallery. published: what zoo.md says of each of its variants"""

    file: Entry
    published: dict[str | None, str]

    @property
    def picture(self) -> Path:
        """Where its drawing lies."""
        return PICTURES / f"{self.file.name}.svg"

    @cached_property
    def nets(self) -> dict[str | None, Net]:
        """The net of each variant, in the order of zoo.md; the first is drawn."""
        tree = parse(read(self.file.path))
        return {variant: check(tree, variant=variant) for variant in self.published}

    @property
    def drawn(self) -> Net:
        """The variant that is drawn."""
        return next(iter(self.nets.values()))

    def drawing(self) -> str:
        """The SVG image, signed."""
        return f"{svg(self.drawn).rstrip()}\n<!-- {self.signature()} -->\n"

    def signature(self) -> str:
        """What tells whether a picture is still of this net, without drawing it."""
        return hashlib.sha256(text(picture(self.drawn)).encode()).hexdigest()[:16]

    def part(self) -> str:
        """Its part of the page. The picture must be there."""
        name = self.file.name
        source = f" ({self.file.source})" if self.file.source else ""
        lines = sum(bool(line.partition("#")[0].strip()) for line in self.file.text.splitlines())
        said = f"{self.file.what}{source}. [`{name}.net`](../examples/{name}.net): {lines} lines."
        place = f"gallery/{self.picture.name}"
        image = f'<a href="{place}"><img src="{place}" alt="{name}" width="{_width(self.picture)}"></a>'
        return "\n".join([f"### {name}\n", f"{said}\n", *self.rows(), f"\n{image}\n"])

    def rows(self) -> Iterator[str]:
        """The table of its variants."""
        named = [""] if None in self.published else ["variant | "]
        yield f"| {named[0]}input | parameters | MACs | published |"
        yield f"|{'---|' if named[0] else ''}---|---:|---:|---|"
        for variant, net in self.nets.items():
            run = running(net.graph, net.running())  # side heads are there in training only
            ends = ", ".join(shown(node.type.shape) for node in net.graph.made_by(Input))
            first = f"{variant} | " if variant else ""
            cost = f"{macs(net.graph, run):,}"
            cost = cost if "*" not in cost else f"`{cost}`"
            yield f"| {first}{ends} | {parameters(net.graph, run):,} | {cost} | {self.published[variant]} |"


@cache
def groups() -> tuple[tuple[str, list[Hung]], ...]:
    """The groups of zoo.md with their nets."""
    return tuple(_groups())


def _groups() -> Iterator[tuple[str, list[Hung]]]:
    table = ZOO.read_text(encoding="utf8").split("## All nets")[1].split("\n## ")[0]
    for part in table.split("\n### ")[1:]:
        title, *lines = part.splitlines()
        published: dict[str, dict[str | None, str]] = {}
        for name, variant, said in (found.groups() for line in lines if (found := ROW.match(line))):
            published.setdefault(name, {})[variant] = said.strip()
        yield title, [Hung(entry(name), said) for name, said in published.items()]


def page() -> str:
    """The whole page, as Markdown."""
    contents = [f"- {title}: " + ", ".join(f"[{h.file.name}](#{_anchor(h)})" for h in nets) for title, nets in groups()]
    parts = [HEAD, "\n".join(contents) + "\n"]
    for title, nets in groups():
        parts += [f"## {title}\n", *(hung.part() for hung in nets)]
    return "\n".join(parts)


def _anchor(hung: Hung) -> str:
    return hung.file.name.replace(".", "")


def _width(picture: Path) -> int:
    """How wide a picture is shown, in pixels."""
    root = re.search(r"<svg[^>]*>", picture.read_text(encoding="utf8"))
    assert root is not None
    size = {
        k: float(v) * (4 / 3 if unit == "pt" else 1)
        for k, v, unit in re.findall(r'(width|height)="([\d.]+)(\w*)"', root[0])
    }
    return round(size["width"] * min(1, WIDEST / size["width"], TALLEST / size["height"]))


def hang() -> None:
    """Write the pictures and the page."""
    PICTURES.mkdir(exist_ok=True)
    for _, nets in groups():
        for hung in nets:
            hung.picture.write_text(hung.drawing(), encoding="utf8")
    PAGE.write_text(page(), encoding="utf8")


if __name__ == "__main__":
    hang()
