"""docs/gallery.md and its pictures are those of the nets. NETLANG_DOCS=all draws each again."""

import os
import runpy
from pathlib import Path

import pytest

from netlang import catalogue

ROOT = Path(__file__).parents[1]
GALLERY = runpy.run_path(str(ROOT / "docs" / "gallery.py"))
HUNG = [hung for _, nets in GALLERY["groups"]() for hung in nets]
AGAIN = "run `python docs/gallery.py`"


def test_the_gallery_is_what_the_nets_are():
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf8") == GALLERY["page"](), AGAIN


def test_each_net_of_the_zoo_hangs_there_once():
    assert sorted(hung.file.name for hung in HUNG) == catalogue.names()
    assert {path.stem for path in (ROOT / "docs" / "gallery").iterdir()} == set(catalogue.names())


@pytest.mark.parametrize("hung", HUNG, ids=lambda hung: hung.file.name)
def test_each_picture_is_of_its_net(hung):
    found = hung.picture.read_text(encoding="utf8")

    assert found.endswith(f"</svg>\n<!-- {hung.signature()} -->\n"), AGAIN
    if os.environ.get("NETLANG_DOCS") == "all":
        assert found == hung.drawing(), AGAIN
