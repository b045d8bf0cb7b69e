"""SVG images that say the line and the arithmetic of a box, and open blocks."""

import os
import re
import shutil
import subprocess
from xml.etree import ElementTree

import pytest
from pictures import assert_clear

import netlang
from netlang import catalogue
from netlang.check import check
from netlang.draw import Look, drawn, page, svg
from netlang.draw.boxes import Boxes
from netlang.draw.markup import SCRIPT
from netlang.draw.theme import DARK, LIGHT, THEMES
from netlang.draw.tree import picture
from netlang.draw.unfold import unfolded
from netlang.draw.volumes import Volumes, gathered
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
USES = [  # blocks in branches, that read labels, at two ends, in blocks, and with recurrent layers
    "block a(w): conv3-w\ninput 8x8x4\nconcat[ a(3) x2 | a(4), maxpool3/1 | identity ]\nresidual[a(11)]\n",
    "block up(w, @s): concat[ identity | @s ], conv3-w\ninput 8x8x4\nconv3-8 @p\nup(8, @p) x3\nup(8, @p)\n",
    "block aux: gap, FC-3, softmax\ninput 8x8x4\nconv3-8 @p\nconv3-8\naux, output\n@p, aux, output s side\n",
    "block a: conv3-4\nblock b: a x3, maxpool\nblock c: b, b\ninput 64x64x3\nc, c\nFC-3, softmax\n",
    "block l(n): lstm-n, dropout 0.5\ninput Tx4\nl(5) x2\nl(6), last\nFC-3, softmax\n",
]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def net(name, variant=None):
    entry = catalogue.entry(name)
    return check(parse(read(entry.path)), variant=variant or next(iter(entry.variants), None))


def image(found, **look):
    return ElementTree.fromstring(drawn(found, "svg", Look(live="script", **look)))


def said(root):
    """What each step says, by the first text in its box."""
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "step" and g.find(f"{SVG}title") is not None]
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


def views(root):
    """The drawings of an image by number: the first is shown, the others have a block opened."""
    return {int(g.get("data-view")): g for g in root.iter(f"{SVG}g") if g.get("data-view")}


def opening(view):
    """What each block of a drawing that can be clicked opens, by its text; of an open one what stands on its frame."""
    steps = [g for g in view.iter(f"{SVG}g") if g.get("data-opens")]
    return {(g.find(f".//{SVG}text").text, "data-closes" in g.attrib): int(g.get("data-opens")) for g in steps}


def test_each_block_opens_in_its_place():
    found = views(image(net("googlenet")))
    opens = opening(found[0])
    fifth = found[opens["inception(160, 112, 224, 24, 64, 64)", False]]
    texts = [text.text for text in fifth.iter(f"{SVG}text")]

    assert {g.get("data-opens") for g in found[0].iter(f"{SVG}g")} - {None} == {str(k) for k in range(1, 12)}
    assert sorted(found) == list(range(12))
    assert [number for number, view in found.items() if view.get("display") != "none"] == [0]
    assert texts.count("inception(160, 112, 224, 24, 64, 64)") == 0
    assert {"inception", "conv1-160   relu", "conv3-224   relu", "14x14x512"} <= set(texts)
    assert opening(fifth)["inception", True] == opens["inception(160, 112, 224, 24, 64, 64)", False]


def test_what_opens_closes_again():
    for name in ("googlenet", "resnet", "inception-resnet-v2", "mobilenet-v2"):
        for number, view in list(views(image(net(name))).items())[1:]:
            closing = [g for g in view.iter(f"{SVG}g") if g.get("data-closes")]
            assert str(number) in [g.get("data-opens") for g in closing]
            assert {g.get("data-closes") for g in closing if g.get("data-opens") == str(number)} == {
                view.get("data-above")
            }


def test_blocks_inside_blocks_open_too():
    found = check(parse(Source("t.net", NESTED)))
    every = list(unfolded(found, picture(found)))

    assert [(each.path, each.above) for each in every] == [
        (("outer2",), ()),
        (("outer3",), ()),
        (("outer2", "inner1"), ("outer2",)),
        (("outer3", "inner1"), ("outer3",)),
    ]
    assert [view.get("data-above") for view in views(image(found)).values()] == [None, "0", "0", "1", "2"]


@pytest.mark.parametrize("style", ["boxes", "volumes"])
@pytest.mark.parametrize("name", catalogue.names() if ALL else ["resnet", "unet", "mobilenet-v2"])
def test_a_drawing_with_a_block_opened_is_clear(name, style):
    found = picture(net(name))
    volumes = Volumes.of(found)

    for each in unfolded(net(name), found):
        assert_clear(
            page.scene(gathered(each.picture), volumes) if style == "volumes" else page.scene(each.picture, Boxes())
        )


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("source", [NESTED, *USES])
def test_blocks_open_wherever_they_are_used(source, depth):
    net = check(parse(Source("t.net", source)))
    found = picture(net, depth)
    volumes = Volumes.of(found)

    for each in unfolded(net, found):
        assert_clear(page.scene(each.picture, Boxes(unroll=2)))
        assert_clear(page.scene(gathered(each.picture), volumes))


def test_what_stands_above_an_opened_block_stays_where_it_is():
    found = views(image(net("resnet")))

    def where(view):
        return [
            (text.get("x"), text.get("y")) for text in view.iter(f"{SVG}text") if text.text == "conv7-64/2   bn   relu"
        ]

    assert len({tuple(y for _, y in where(view)) for view in found.values()}) == 1


def test_an_image_of_both_themes_has_the_colours_of_each():
    texts = {theme: drawn(net("lenet"), "svg", Look(style="volumes", theme=theme)).decode() for theme in THEMES}
    style = re.search(r"<style>@media \(prefers-color-scheme:dark\)\{(.*)\}</style>\n", texts["auto"])

    assert texts["auto"].replace(style[0], "") == texts["light"]
    turned = texts["light"]
    rules = re.findall(r'\[(\w+)="(#\w+)"\]\{\1:(#\w+)\}', style[1])
    assert "".join(f'[{name}="{one}"]{{{name}:{other}}}' for name, one, other in rules) == style[1]
    changed = {(name, one): other for name, one, other in rules}
    turned = re.sub(r'\b(fill|stroke)="(#\w+)"', lambda m: f'{m[1]}="{changed[m[1], m[2]]}"', turned)
    assert turned == texts["dark"]


def test_a_light_colour_has_one_dark_one():
    roles = [*LIGHT.fills, *LIGHT.roles]

    for role in roles:
        assert {DARK[other] for other in roles if LIGHT[other] == LIGHT[role]} == {DARK[role]}


def test_pixels_of_both_themes_are_light():
    assert drawn(net("xor-mlp"), "png", Look(theme="auto")) == drawn(net("xor-mlp"), "png", Look(theme="light"))


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


CLICKS = """
var svg = document.documentElement, told = [];
function view() {
  var shown = [...svg.querySelectorAll("[data-view]")].filter((g) => g.getAttribute("display") !== "none");
  told.push(shown.map((g) => g.dataset.view) + " " + svg.getAttribute("height"));
  return shown[0];
}
function click(step) { step.dispatchEvent(new MouseEvent("click", { bubbles: true })); }
click(view().querySelector('[data-opens="4"]'));
click(view().querySelector('[data-opens="7"]'));
click(view().querySelector('[data-closes="0"]'));
click(view().querySelector('[data-opens="1"]'));
document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
view();
svg.querySelector("title").textContent = "told: " + told.join(" / ");
"""

if ALL and BROWSER:

    @pytest.mark.parametrize("style", ["boxes", "volumes"])
    @pytest.mark.parametrize("name", catalogue.names())
    def test_a_browser_shows_every_net_without_a_complaint(name, style, tmp_path):
        (tmp_path / "x.svg").write_bytes(drawn(net(name), "svg", Look(style=style, live="script")))

        assert not complaints(tmp_path)

    def test_a_click_opens_a_block_and_another_one_closes_it(tmp_path):
        text = drawn(net("googlenet"), "svg", Look(live="script")).decode()
        (tmp_path / "x.svg").write_text(text.replace("</svg>", f"<script><![CDATA[{CLICKS}]]></script></svg>"))
        asked = [BROWSER, "--headless", "--no-sandbox", "--dump-dom", f"--user-data-dir={tmp_path}/profile"]
        done = subprocess.run([*asked, str(tmp_path / "x.svg")], capture_output=True, text=True, check=True)

        first, second, third, last, escaped = re.search(r"told: (.*?)<", done.stdout)[1].split(" / ")
        assert first.split()[0] == last.split()[0] == escaped.split()[0] == "0"
        assert second.split()[0] == "4"
        assert third.split()[0] == "7"
        assert first.split()[1] == last.split()[1] != second.split()[1]

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
