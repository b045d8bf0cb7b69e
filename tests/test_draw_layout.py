"""Where things stand in a drawing: text in its box, nothing on top of anything, lines around all of it."""

import functools
import io
import os
import re
import shutil
import subprocess
import zlib
from xml.etree import ElementTree

import pytest
from pictures import assert_clear

from netlang import catalogue
from netlang.check import check
from netlang.draw import Look, drawn, page
from netlang.draw.boxes import Boxes
from netlang.draw.fold import steps, told_apart
from netlang.draw.parts import every
from netlang.draw.scene import Face, Group, Line, Words, flat
from netlang.draw.tree import picture
from netlang.draw.volumes import Volumes, gathered, number, sized
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

NAMES = catalogue.names()
DEEP = [0, 1, 9] if os.environ.get("NETLANG_ZOO") == "all" else [0]


@functools.cache
def net(name, variant=None):
    entry = catalogue.entry(name)
    return check(parse(read(entry.path)), variant=variant or next(iter(entry.variants), None))


def written(source):
    return check(parse(Source("t.net", source)))


def scene(found, style="boxes", depth=0, unroll=0, legend=False):
    seen = picture(found, depth)
    if style == "volumes":
        seen = gathered(told_apart(seen, sized))
        return page.scene(seen, Volumes.of(seen), legend=legend)
    return page.scene(seen, Boxes(unroll), legend=legend)


@pytest.mark.parametrize("depth", DEEP)
@pytest.mark.parametrize("style", ["boxes", "volumes"])
@pytest.mark.parametrize("name", NAMES)
def test_no_text_overlaps_and_no_line_runs_through_a_box(name, style, depth):
    assert_clear(scene(net(name), style, depth))


RECURRENT = "input 9x6\nlstm-16 bidirectional\ngru-12 last reverse\nFC-3, softmax\n"
TWO_INPUTS = (
    "input 8x8x3 @left\ninput 8x8x1 @right\nconcat[ @left, conv3-4 | @right, conv3-4 x2 | @left ]\nFC-3, softmax\n"
)
SYMBOLS = "input HxWx3\nmaxpool, conv3-4/2 @a, conv3-4\nadd[ identity | @a ] relu\n"
REPEATED = "input 8x8x3\n[conv3-4 x2, dropout] x3\n[residual[conv3-4] relu, lrn] x2\nconcat[FC-3 | identity], softmax\n"


BRANCHES = (f"conv1-{k}, conv3-{8 * k}" if k % 5 else f"maxpool3/1, conv5-{k} x3" for k in range(1, 25))
MANY = f"input 32x32x3\nmaxpool\nconcat[ {' | '.join(BRANCHES)} ]\nFC-3, softmax\n"


@pytest.mark.parametrize(("style", "broad"), [("boxes", Boxes.broad), ("volumes", Volumes.broad)])
def test_many_branches_stand_in_ranks_that_fit_a_page(style, broad):
    found = scene(written(MANY), style)

    assert_clear(found)
    assert (
        found.width if style == "boxes" else found.height
    ) < 1.4 * broad  # the branches of a rank are not all as broad
    assert max(found.width, found.height) < 2 * min(found.width, found.height)


@pytest.mark.parametrize("unroll", [0, 1, 4])
def test_steps_of_recurrent_layers_stand_apart(unroll):
    found = scene(written(RECURRENT), unroll=unroll)
    times = [item.text for item in flat(found.items) if isinstance(item, Words) and item.text.startswith("t = ")]

    assert_clear(found)
    assert times == [f"t = {t}" for t in range(1, unroll + 1)] * 3  # there, back, and the gru's


@pytest.mark.parametrize("style", ["boxes", "volumes"])
@pytest.mark.parametrize("source", [RECURRENT, TWO_INPUTS, SYMBOLS, REPEATED])
@pytest.mark.parametrize("depth", [0, 1])
def test_drawings_of_odd_nets_are_clear_too(source, style, depth):
    assert_clear(scene(written(source), style, depth, legend=True))


def test_every_tensor_that_is_read_elsewhere_has_its_line():
    for name in ("unet", "googlenet", "inception-v3"):
        found = scene(net(name))
        skips = [item for item in flat(found.items) if isinstance(item, Line) and item.role == "skip" and item.dashed]
        assert len(skips) == {"unet": 5, "googlenet": 2, "inception-v3": 1}[name]


def test_nets_of_many_blocks_fit_a_page_with_letters_of_five_points():
    for name, variant in (("googlenet", None), ("inception-v3", None), ("resnet", "152"), ("densenet121", None)):
        found = scene(net(name, variant))
        short, long = sorted((found.width, found.height))
        shrunk = min(1.0, 595 / short, 842 / long)
        assert 12 * shrunk > 5.0, name


def test_gaps_between_the_lines_of_a_file_are_even():
    found = scene(net("lenet"))
    upright = [i for i in found.items if isinstance(i, Line) and i.heads[0]]

    assert len(upright) > 4
    assert {i.bounds.height for i in upright} == {Boxes.arrow}


def test_volumes_are_to_scale():
    found = scene(net("vgg"), "volumes")
    fronts = {}
    for group in (item for item in found.items if isinstance(item, Group)):
        faces = [item for item in group.items if isinstance(item, Face)]
        fronts[group.step.sizes] = faces[0].bounds, len(faces)
    full, _ = fronts[224, 224, 64]
    half, _ = fronts[112, 112, 128]
    bar, faces = fronts[(4096,)]

    assert half.height == pytest.approx(full.height / 2)
    assert half.width == pytest.approx(full.width * 2**0.5)
    assert faces == 2  # a bar has no depth, and there are two of these
    assert bar.height == pytest.approx(fronts[(1000,)][0].height * 4.096**0.5)
    assert any("224 at most" in item.text for item in found.items if isinstance(item, Words))


def sizes_of_bodies(found):
    """Of each step the heights and widths of the bodies that stand for it."""
    groups = [item for item in found.items if isinstance(item, Group) and item.step]
    return {
        (group.step.text, group.step.sizes): [face.bounds for face in group.items if isinstance(face, Face)][::3]
        for group in groups
    }


def test_copies_of_several_steps_that_differ_in_size_are_volumes_of_their_own():
    shown = sizes_of_bodies(scene(net("vgg"), "volumes"))

    assert {sizes for text, sizes in shown if text == "conv3-512"} == {(28, 28, 512), (14, 14, 512)}
    assert [len(shown["conv3-512", (side, side, 512)]) for side in (28, 14)] == [3, 3]


def test_copies_of_a_step_that_grow_are_bodies_of_their_own_sizes_from_the_first_to_the_last():
    found = scene(net("densenet121"), "volumes")
    bodies = sizes_of_bodies(found)["grow", (56, 56, 256)]

    assert [round((body.width / bodies[-1].width) ** 2 * 256) for body in bodies] == [96, 192, 256]
    assert {"56x56x96 ..", "56x56x256"} <= {item.text for item in flat(found.items) if isinstance(item, Words)}


def test_sizes_that_are_not_fixed_are_drawn_as_a_number_and_the_drawing_says_so():
    found = scene(written(SYMBOLS), "volumes")

    assert any("H, W drawn as 224" in item.text for item in found.items if isinstance(item, Words))
    assert number("H") == 224


def test_a_layer_that_leaves_the_shape_stands_in_the_caption_before_it():
    found = gathered(picture(net("alexnet")))
    shown = {step.written for step in steps(every(found)[0])}

    assert "fc-4096  relu  dropout" in shown
    assert not any(text.startswith(("dropout", "lrn", "softmax")) for text in shown)


def test_the_legend_explains_the_colours_that_a_drawing_has():
    texts = [item.text for item in scene(net("lenet"), legend=True).items if isinstance(item, Words)]

    assert {"windows with weights", "all to all, with weights", "windows without weights"} <= set(texts)
    assert "blocks" not in texts
    assert "blocks" in [i.text for i in scene(net("resnet"), legend=True).items if isinstance(i, Words)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_image_has_the_ground_of_its_theme_and_reads_well_on_it(theme):
    from netlang.draw.theme import THEMES

    colours = THEMES[theme]
    root = ElementTree.fromstring(drawn(net("lenet"), "svg", Look(theme=theme)))
    (ground, *_) = [element for element in root if element.tag.endswith("rect")]

    assert ground.get("fill") == colours["ground"]
    for family in colours.fills:
        assert contrast(colours[family], colours["ink"]) > 7  # the contrast that WCAG asks of text, level AAA
    assert contrast(colours["ground"], colours["quiet"]) > 4.5


def contrast(one, other):
    """WCAG 2.1: (L1 + 0.05) / (L2 + 0.05), L the relative luminance."""

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_pdf_holds_text_and_says_where_its_parts_stand():
    data = drawn(net("unet"), "pdf", Look())
    start = int(re.search(rb"startxref\n(\d+)", data)[1])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", data[start:])]
    packed = data[data.index(b"stream\n") + 7 : data.index(b"\nendstream")]

    assert data[start:].startswith(b"xref")
    assert [data[place:].split(b" ")[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]
    assert b"(conv3-64 valid   relu   x2) Tj" in zlib.decompress(packed)
    assert b"\\(512, @e4\\)" in zlib.decompress(packed)


def test_pixels_are_twice_the_size_of_the_drawing():
    from PIL import Image

    found = scene(net("lenet"))
    with Image.open(io.BytesIO(drawn(net("lenet"), "png", Look(theme="dark")))) as image:
        assert image.size == (2 * found.width, 2 * found.height)
        assert image.convert("RGB").getpixel((0, 0)) == (0x14, 0x19, 0x1F)


TEX = re.compile(
    r"\\(path|fill)\[[\w =,.]*\] \([-\d.]+,[-\d.]+\)( (--|rectangle|\.\.|controls|and|cycle|\([-\d.]+,[-\d.]+\)))*;"
    r"|\\node\[anchor=[a-z ]+, text=nl[0-9A-F]{6}\] at \([-\d.]+,[-\d.]+\) \{.*\};"
    r"|\\useasboundingbox \(0,0\) rectangle \([-\d.]+,[-\d.]+\);"
)


@pytest.mark.parametrize("style", ["boxes", "volumes"])
@pytest.mark.parametrize("name", ["unet", "googlenet", "lstm"])
def test_tikz_is_a_document_that_parses(name, style, tmp_path):
    text = drawn(net(name), "tex", Look(style=style, theme="dark", legend=True)).decode()
    head, _, rest = text.partition(r"\begin{document}")
    body = rest.partition(r"\end{document}")[0].strip().split("\n")
    colours = set(re.findall(r"nl[0-9A-F]{6}", rest))

    assert colours == set(re.findall(r"\\definecolor\{(\w+)\}", head))
    assert [line for line in body[2:-1] if not TEX.fullmatch(line)] == []
    assert body[-1] == r"\end{tikzpicture}"
    assert all(line.count("{") == line.count("}") for line in body)
    if shutil.which("pdflatex") and os.environ.get("NETLANG_ZOO") == "all":
        (tmp_path / "x.tex").write_text(text)
        done = subprocess.run(
            ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "x.tex"], cwd=tmp_path, capture_output=True
        )
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
        assert b"(1 page" in done.stdout


def test_letters_that_mean_something_to_tex_are_written_out():
    text = drawn(written("input 8\nw_1 = 4\nFC-w_1 @a_b\nFC-3\nadd[identity | @a_b, FC-3], softmax\n"), "tex", Look())

    assert not re.search(rb"(?<!\\)[_#%&](?!\s)", text.partition(b"begin{document}")[2])


@pytest.mark.parametrize("style", ["boxes", "volumes"])
def test_a_long_net_stands_in_pieces_that_a_line_joins(style):
    found = scene(net("googlenet"), style, depth=1 if style == "boxes" else 0)
    turns = [i for i in found.items if isinstance(i, Line) and i.role == "line" and not i.dashed and len(i.points) > 4]

    assert_clear(found)
    assert len(turns) == 1
    assert turns[0].of.endswith("concat1" if style == "boxes" else "maxpool3")  # not from where `aux1` branches off
    assert max(found.width, found.height) < 1500


def test_a_net_with_lines_from_end_to_end_stays_in_one_piece():
    tall = scene(net("unet"), depth=1)

    assert tall.height > 1250
    assert {item.role for item in tall.items if isinstance(item, Line) and item.dashed} == {"skip"}
