"""SVG images that say the line and the arithmetic of a box, and open blocks."""

import os
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest

import netlang
from netlang import catalogue
from netlang.check import check
from netlang.draw import Look, drawn, svg
from netlang.draw.fold import steps
from netlang.draw.markup import SCRIPT
from netlang.draw.tree import insides, picture
from netlang.report import summary
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

ALL = os.environ.get("NETLANG_ZOO") == "all"
SVG = "{http://www.w3.org/2000/svg}"
NESTED = """input 8x8x4
block inner(w): conv3-w
block outer(w): residual[ inner(w), conv3-w ] relu
outer(4) x2
outer(8)
FC-3, softmax
"""
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def net(name, variant=None):
    entry = catalogue.entry(name)
    return check(parse(read(entry.path)), variant=variant or next(iter(entry.variants), None))


def image(found, **look):
    return ElementTree.fromstring(drawn(found, "svg", Look(live="script", **look)))


def said(root):
    """What each step says, by the first text in its box."""
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "step"]
    return {g.find(f".//{SVG}text").text: g.findtext(f"{SVG}title") for g in groups}


def test_a_box_says_its_line_and_its_arithmetic():
    texts = said(image(net("lenet")))

    assert texts["conv5-16 valid   relu"].startswith(
        "lenet.net:6   conv5-16 valid, maxpool     -> 5x5x16\nconv2   conv5-16"
    )
    assert "  height and width  floor((14 - 5)/1) + 1 = 10\n" in texts["conv5-16 valid   relu"]
    assert "parameters        2400 + 16 = 2,416" in texts["conv5-16 valid   relu"]
    assert "numbers  28*28*1 = 784" in texts["input"]


@pytest.mark.parametrize("style", ["boxes", "volumes"])
def test_what_boxes_say_adds_up_to_the_summary(style):
    texts = "\n".join(said(image(net("lenet"), style=style)).values())
    each = re.findall(r"parameters .*?([\d,]+)$", texts, re.M)

    assert sum(int(number.replace(",", "")) for number in each) == summary(net("lenet")).parameters


def test_each_block_opens_its_own_inside():
    found = net("googlenet")
    root = image(found)
    opens = {g.get("data-opens"): g.find(f".//{SVG}text").text for g in root.iter(f"{SVG}g") if g.get("data-opens")}
    panels = {g.get("data-panel"): g for g in root.iter(f"{SVG}g") if g.get("data-panel")}
    fifth = panels[next(k for k, text in opens.items() if text == "inception(160, 112, 224, 24, 64, 64)")]
    texts = [text.text for text in fifth.iter(f"{SVG}text")]

    assert len(opens) == len(panels) == 11
    assert all(panel.get("display") == "none" for panel in panels.values())
    assert {"conv1-160   relu", "conv3-224   relu", "14x14x512"} <= set(texts)


def test_blocks_inside_blocks_open_too():
    found = check(parse(Source("t.net", NESTED)))
    shown = [step for end in picture(found).ends for step in steps(end.series)]
    keys = [key.step.block for key in insides(found, shown)]
    panels = [g for g in image(found).iter(f"{SVG}g") if g.get("data-panel")]

    assert keys == [("outer2",), ("outer3",), ("outer2", "inner1"), ("outer3", "inner1")]
    assert len(panels) == len(keys)


def test_without_scripts_an_image_is_the_picture_alone():
    plain = ElementTree.fromstring(svg(net("resnet")))
    live = image(net("resnet"))

    def shapes(root):
        hidden = {id(e) for g in root.iter() if g.get("display") == "none" for e in g.iter()}
        return [
            ElementTree.tostring(e)
            for e in root.iter()
            if id(e) not in hidden and e.tag in (f"{SVG}rect", f"{SVG}path", f"{SVG}text", f"{SVG}polygon")
        ]

    assert shapes(plain) == shapes(live)
    assert not list(plain.iter(f"{SVG}script"))
    assert len(list(live.iter(f"{SVG}script"))) == 1


def test_an_image_with_titles_has_no_script():
    root = ElementTree.fromstring(svg(net("resnet"), live="titles"))

    assert said(root)["maxpool3/2"].startswith("resnet.net:")
    assert not list(root.iter(f"{SVG}script"))
    assert not [g for g in root.iter() if g.get("display") == "none"]


def test_a_notebook_shows_the_image_with_titles():
    shown = netlang.load(catalogue.entry("lenet").path)._repr_svg_()

    assert shown == svg(net("lenet"), live="titles")


def test_an_image_loads_nothing():
    text = drawn(net("unet"), "svg", Look(live="script")).decode()

    assert re.findall(r"https?://[^\"' ]+", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\b(href|src|url|import|fetch|XMLHttpRequest|eval)\b", text)
    assert "]]>" not in SCRIPT


def test_cells_and_gradients_say_what_they_compute():
    cell = said(image(net("lstm"), cell="lstm"))
    back = said(image(net("lenet"), backward=True))

    assert cell["f = sigmoid(W[x, h] + b)"].startswith("f = sigmoid(W[x, h] + b): 128 = W 156x128")
    assert any("Contraction[role=weight" in text for text in back.values())


def complaints(folder):
    """What the console of a browser says of an image."""
    asked = [BROWSER, "--headless", "--no-sandbox", "--enable-logging=stderr", f"--user-data-dir={folder}/profile",
             f"--screenshot={folder}/x.png", str(folder / "x.svg")]  # fmt: skip
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


if ALL and BROWSER:

    @pytest.mark.parametrize("style", ["boxes", "volumes"])
    @pytest.mark.parametrize("name", catalogue.names())
    def test_a_browser_shows_every_net_without_a_complaint(name, style, tmp_path):
        (tmp_path / "x.svg").write_bytes(drawn(net(name), "svg", Look(style=style, live="script")))

        assert not complaints(tmp_path)

    def test_a_browser_that_complains_is_heard(tmp_path):
        (tmp_path / "x.svg").write_text(f'<svg xmlns="{SVG[1:-1]}"><script>throw "wrong"</script></svg>')

        assert complaints(tmp_path)


def test_names_and_comments_of_any_letters_make_an_image(tmp_path):
    source = "input 8x8x3   # <b> & \x0c \ufffe ]]> \U0001f600\nconv3-4, FC-3, softmax\n"
    path = tmp_path / "a & <b>\n\udcff.net"
    found = check(parse(Source(str(path), source)))
    root = ElementTree.fromstring(drawn(found, "svg", Look(live="script")))
    tex = drawn(found, "tex", Look()).decode()

    assert root.findtext(f"{SVG}title") == "a & <b>\n?"
    assert "# <b> & ? ? ]]> \U0001f600" in said(root)["input"]
    assert tex.split("\n")[:2] == ["% a & <b>??", r"\documentclass{article}"]
