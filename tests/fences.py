"""The fenced blocks of the documentation. Their first line says what they are:

net                 a whole file that checks without errors and notes
net NAME.net        the same; what stands further down the page finds it by that name
net error=CODE      a file with that error (`note=CODE`: with that note)
sh                  commands
sh installs         commands that fetch packages: .ci/run runs them
console             commands behind `$ `, each with what it prints below it; `...` is whatever stands there
console exit=1      the same, of commands that end so
python              code that runs from top to bottom of the page
python slow         the same, with NETLANG_DOCS=all only: it compiles for seconds
text                anything else, such as what a command prints
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "docs/tutorial", "docs/errors")
PAGES = [ROOT / "README.md", *(page for folder in FOLDERS for page in sorted((ROOT / folder).glob("*.md")))]
KINDS = ("net", "sh", "console", "python", "text")
MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Fence:
    """A block of a page. row: of its first line, from 1; kind and told: the words of that line"""

    page: Path
    row: int
    kind: str
    told: tuple[str, ...]
    content: str

    @property
    def place(self):
        """As test names have it."""
        return f"{self.page.relative_to(ROOT)}:{self.row}"

    def setting(self, name):
        """The value of `name=value` behind the kind, if it is there."""
        return next((word.partition("=")[2] for word in self.told if word.startswith(f"{name}=")), None)

    def commands(self):
        """Each command with the lines that it prints, None where the page does not say."""
        if self.kind == "sh":
            return [(line, None) for line in self.content.splitlines() if line and not line.startswith("#")]
        parts = re.split(r"(?m)^\$ ", self.content)
        assert parts[0] == "", f"{self.place}: a command stands behind `$ `"
        return [(line, printed.strip("\n") or None) for line, _, printed in (p.partition("\n") for p in parts[1:])]


def fences(*kinds):
    """All fenced blocks of some kinds, page by page; of all kinds without any."""
    return [fence for page in PAGES for fence in of_page(page) if not kinds or fence.kind in kinds]


def of_page(page):
    """The fenced blocks of a page."""
    for token in MARKDOWN.parse(page.read_text(encoding="utf8")):
        if token.type == "fence":
            kind, *told = token.info.split() or [""]
            yield Fence(page, token.map[0] + 1, kind, tuple(told), token.content)


def indented(page):
    """The rows of code that stands in no fence."""
    return [token.map[0] + 1 for token in MARKDOWN.parse(page.read_text(encoding="utf8")) if token.type == "code_block"]
