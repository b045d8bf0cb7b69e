"""The documentation as a folder of HTML pages: `python docs/site.py FOLDER` (package: `netlang[docs]`).

Pages lie as their Markdown does, so that links of the one are links of the other: README.md is index.html, docs/zoo.md
is docs/zoo.html. What they link to comes along: pictures as they are, texts such as examples/lenet.net as pages.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import count
from os.path import relpath
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf8"))
PICTURES = (".svg", ".png")
SECTIONS = {  # of the menu: patterns of pages, in order
    "": ("README.md",),
    "Learn": (
        "docs/tutorial/README.md",
        "docs/tutorial/[0-9]*.md",
        "docs/coming-from.md",
        "docs/gallery.md",
        "docs/zoo.md",
    ),
    "Look up": ("docs/language.md", "docs/layers.md", "docs/commands.md", "docs/training.md", "docs/errors"),
    "Look inside": ("docs/tour.md", "docs/adding-a-layer.md", "docs/design", "docs/measurements/README.md"),
    "News": ("docs/CHANGELOG.md",),
}
FOLDERS = {"errors": "Messages", "design": "Design", "examples": "The files of the zoo"}
LINK = re.compile(r'(?<=\s)(href|src)="([^"]*)"')
HEADING = re.compile(r"(?<=<h)([1-6])>(.*?)(?=</h\1>)", re.DOTALL)


class BrokenLinkError(Exception):
    """A link of a page that leads nowhere."""


@dataclass
class Site:
    """The pages that are made. wanted: what of the repository is to have its page or copy; it grows with their links"""

    folder: Path
    wanted: list[Path] = field(default_factory=lambda: pages())

    def build(self) -> None:
        """Make all pages of the documentation, and what they lead to. Raises BrokenLinkError."""
        for path in self.wanted:
            place = self.folder / address(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self.made(path))

    def made(self, path: Path) -> bytes:
        """The page or copy of a file or folder."""
        if path.suffix in PICTURES:
            return path.read_bytes()
        if path.suffix == ".md":
            return self.page(path, MARKDOWN.render(path.read_text(encoding="utf8")))
        if path.is_dir():
            return self.page(path, "".join(_listing(path)))
        return self.page(path, f"<h1>{escape(path.name)}</h1>\n<pre>{_code(path)}</pre>")

    def page(self, path: Path, content: str) -> bytes:
        """A whole page of a content, whose links it turns to those of the site."""
        content = LINK.sub(lambda found: f'{found[1]}="{self.link(path, found[2])}"', content)
        whole = TEMPLATE.substitute(title=title(path), menu=_menu(path), content=_anchored(content))
        return whole.encode()

    def link(self, page: Path, text: str) -> str:
        """A link of a page as the site has it, and what it leads to is made too. Raises BrokenLinkError."""
        found = urlsplit(text)
        if found.scheme or found.netloc or not found.path:
            return text
        base = page if page.is_dir() else page.parent
        target = (base / unquote(found.path)).resolve()
        if not target.is_relative_to(ROOT) or not target.exists():
            raise BrokenLinkError(f"{page.relative_to(ROOT)}: {text}")
        target = _readme(target)
        if target not in self.wanted:
            self.wanted.append(target)
        return _between(page, target) + (f"#{found.fragment}" if found.fragment else "")


def pages() -> list[Path]:
    """The documentation: its Markdown, and the folders that the menu shows."""
    folders = [path for _, found in menu() for path in found if path.is_dir()]
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *folders]


def address(path: Path) -> Path:
    """Where the page or copy of a file or folder stands in the site."""
    known = path.relative_to(ROOT)
    if path.is_dir() or path.name == "README.md":
        return (known if path.is_dir() else known.parent) / "index.html"
    if path.suffix in PICTURES:
        return known
    return known.with_suffix(".html") if path.suffix == ".md" else known.with_name(f"{known.name}.html")


@cache
def title(path: Path) -> str:
    """The first heading of a page, or the name of what is no Markdown."""
    if path.suffix != ".md":
        return FOLDERS.get(path.name, path.name)
    found = re.search(r"(?m)^# (.*)", path.read_text(encoding="utf8"))
    return found[1].replace("`", "") if found else path.stem


def menu() -> Iterator[tuple[str, list[Path]]]:
    """The sections of the menu, and the pages in each."""
    for section, patterns in SECTIONS.items():
        yield section, [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _menu(page: Path) -> str:
    return "\n".join(
        f"<p>{section}</p>\n<ul>{''.join(_entry(page, path) for path in found)}</ul>"
        for section, found in menu()
        if found
    )


def _entry(page: Path, path: Path) -> str:
    here = ' aria-current="page"' if path == page else ""
    name = title(path).split(":")[0]
    return f'<li><a href="{_between(page, path)}"{here}>{escape(name)}</a></li>'


def _between(page: Path, target: Path) -> str:
    return Path(relpath(address(target), address(page).parent)).as_posix()


def _readme(path: Path) -> Path:
    """What stands for a folder."""
    return path / "README.md" if (path / "README.md").is_file() else path


def _listing(folder: Path) -> Iterator[str]:
    """What a folder holds. Links are those of the repository: they are turned with those of other pages."""
    yield f"<h1>{escape(title(folder))}</h1>\n<ul>"
    for path in sorted(folder.iterdir()):
        if path.suffix in (".md", ".net", *PICTURES):
            yield f'<li><a href="{path.name}">{escape(title(path))}</a></li>\n'
    yield "</ul>"


def _anchored(content: str) -> str:
    """With names for headings, as forges give them."""
    taken: set[str] = set()

    def named(found: re.Match[str]) -> str:
        text = re.sub(r"<[^>]*>|&\w+;", "", found[2]).lower()
        plain = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        name = next(name for k in count() if (name := f"{plain}-{k}" if k else plain) not in taken)
        taken.add(name)
        return f'{found[1]} id="{name}">{found[2]}'

    return HEADING.sub(named, content)


def _highlighted(text: str, kind: str, _: Any) -> str:
    """Of a net, comments stand back; markdown-it escapes what is left as it is."""
    return re.sub(r"(?m)#.*$", r"<i>\g<0></i>", escape(text)) if kind == "net" else ""


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf8")
    return _highlighted(text, path.suffix[1:], None) or escape(text)


MARKDOWN = MarkdownIt("commonmark", {"html": True, "highlight": _highlighted}).enable("table")

if __name__ == "__main__":
    Site(Path(sys.argv[1])).build()
