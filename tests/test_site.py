"""The documentation as HTML pages: every link leads somewhere."""

import re
import runpy
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
SITE = runpy.run_path(str(ROOT / "docs" / "site.py"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    SITE["Site"](folder).build()
    return folder


def texts(built):
    return {path: path.read_text(encoding="utf8") for path in built.rglob("*.html")}


def test_every_link_leads_to_a_page_and_a_heading_of_it(built):
    pages = texts(built)
    names = {path: set(re.findall(r' id="([^"]*)"', text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for link in re.findall(r'(?:href|src)="([^":]*)"', text):
            file, _, name = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or (name and name not in names[target]):
                broken.append(f"{path.relative_to(built)}: {link}")

    assert broken == []


def test_all_of_the_documentation_is_there_and_its_pages_are_in_the_menu(built):
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    listed = {path for _, found in SITE["menu"]() for path in found}

    assert all((built / SITE["address"](path)).is_file() for path in pages)
    assert {path for path in pages if path.parent in (ROOT, ROOT / "docs")} <= listed


def test_pages_load_nothing_from_the_network(built):
    for text in texts(built).values():
        assert not re.findall(r'src="[a-z]+:|<link[^>]*href="(?!data:,")|@import|url\(', text)


def test_a_broken_link_stops_the_build(tmp_path):
    site = SITE["Site"](tmp_path)

    for link in ("missing.md", "../outside.md", "../../etc/passwd"):
        with pytest.raises(SITE["BrokenLinkError"], match=re.escape(f"README.md: {link}")):
            site.link(ROOT / "README.md", link)


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("README.md", "index.html"),
        ("docs/zoo.md", "docs/zoo.html"),
        ("docs/measurements/README.md", "docs/measurements/index.html"),
        ("docs/errors", "docs/errors/index.html"),
        ("examples/lenet.net", "examples/lenet.net.html"),
        ("docs/lenet.svg", "docs/lenet.svg"),
    ],
)
def test_pages_lie_as_their_markdown_does(markdown, page):
    assert SITE["address"](ROOT / markdown) == Path(page)


def test_headings_are_called_as_on_forges(built):
    text = (built / "docs" / "language.html").read_text(encoding="utf8")

    assert '<h3 id="examples-of-different-lengths">' in text
    assert (
        SITE["_anchored"]("<h2>A `b` c, d</h2><h2>A b c d</h2>")
        == '<h2 id="a-b-c-d">A `b` c, d</h2><h2 id="a-b-c-d-1">A b c d</h2>'
    )
