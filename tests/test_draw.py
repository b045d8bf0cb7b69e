"""Pictures: what is drawn, in letters, as DOT and as images."""

import pytest

from netlang import catalogue
from netlang.check import check
from netlang.draw import Look, drawn, svg
from netlang.draw.dot import dot
from netlang.draw.fold import steps
from netlang.draw.parts import Fork, Frame, Repeat, Step, Tap
from netlang.draw.render import RenderError
from netlang.draw.text import text
from netlang.draw.tree import picture
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

NET = """input 8x8x1
[conv3-4 x3, maxpool] x2
concat[ conv1-4 | conv1-2,
        conv3-2 ]
FC-3, softmax
"""


BLOCKS = """input 8x8x4
block inner(w): conv3-w
block unit(w, s=1):
    residual[ inner(w), conv3-w/s ] relu
unit(4) x3 @half
unit(8, s=2)
FC-3, softmax, output
@half, FC-2, softmax, output other side
"""
SKIPS = """input 8x8x2
block up(w, @skip):
    deconv2-w/2
    concat[ @skip | identity ]
conv3-4 @fine
maxpool, conv3-8
up(4, @fine)
"""


def net(source=NET):
    return check(parse(Source("t.net", source)))


def main_series(source=NET, depth=0):
    """What stands below the input."""
    first, *rest = picture(net(source), depth).ends[0].series

    assert first.family == "input"
    return rest


def test_repeats_are_folded_as_the_file_writes_them():
    first, fork, *rest = main_series()

    assert isinstance(first, Repeat)
    assert first.times == 2
    assert isinstance(first.series[0], Repeat)
    assert first.series[0].times == 3
    assert isinstance(fork, Fork)
    assert [len(branch) for branch in fork.branches] == [1, 2]
    assert [part.text for part in rest if isinstance(part, Step)] == ["fc-3", "softmax"]


def test_copies_with_other_settings_are_not_folded():
    series = main_series("input 8\nw = [5, 4]\nFC-w tanh x3\n")

    assert [type(part).__name__ for part in series] == ["Step", "Repeat"]


def test_repeated_branches_are_folded():
    (repeat,) = main_series("input 8\n[add[identity | FC-8] relu] x4\n")

    assert isinstance(repeat, Repeat)
    assert repeat.times == 4


def test_branches_that_are_removed_leave_a_straight_line():
    (fork,) = main_series("input 8\nadd[FC-8 x0 | FC-8]\n")

    assert isinstance(fork, Fork)
    assert [len(branch) for branch in fork.branches] == [0, 1]
    assert text(picture(net("input 8\nadd[FC-8 x0 | FC-8]\n")))


def test_a_block_is_a_box_with_its_copies_and_is_drawn_once_beside():
    drawn = picture(net(BLOCKS))
    unit, strided, *_ = main_series(BLOCKS)

    assert (unit.series[0].text, unit.times, unit.series[0].shape) == ("unit(4)", 3, "8x8x4")
    assert strided.text == "unit(8, s=2)"
    assert [key.title for key in drawn.keys] == ["unit(4)   x3", "unit(8, s=2)", "inner(w)"]
    assert [key.input for key in drawn.keys] == ["8x8x4"] * 3


STAGES = """input 16x16x4
block unit(w, s=1): residual[ conv3-w/s, conv3-w ] relu
block grow: concat[ identity | conv3-2 ]
unit(8, s=[2,1]) x3
grow x4
[conv3-4, maxpool] x2
FC-2, softmax
"""


def test_a_first_copy_with_a_projection_or_a_stride_stands_apart_and_both_forms_are_drawn_beside():
    first, others, *_ = main_series(STAGES)
    strided, plain, grow = picture(net(STAGES)).keys

    assert (first.text, first.shape, others.times) == ("unit(8, s=[2,1])", "8x8x8", 2)
    assert (strided.title, strided.input) == ("unit(8, s=[2,1])", "16x16x4")
    assert (plain.title, plain.input) == ("unit(8, s=[2,1])   x2", "8x8x8")
    assert [len(key.series[0].branches[1]) for key in (strided, plain)] == [1, 0]
    assert (grow.title, grow.input) == ("grow   first of 4", "8x8x8")


def test_the_block_beside_copies_that_read_other_sizes_is_the_first_of_them():
    (key,) = picture(net("input 4x4x2\nblock b: conv3-8\nb x3\nFC-2, softmax\n")).keys

    assert (key.title, key.input) == ("b   first of 3", "4x4x2")


def test_copies_of_different_sizes_drawn_as_one_tell_those_of_the_first_and_of_the_last():
    grow, stages = [part for part in main_series(STAGES) if isinstance(part, Repeat)][1:]

    assert grow.series[0].shape == "8x8x10 .. 8x8x16"
    assert [step.shape for step in stages.series] == ["8x8x4 .. 4x4x4", "4x4x4 .. 2x2x4"]
    assert 'label="  2x2x4  "' in dot(picture(net(STAGES)))


def test_what_leads_into_a_block_beside_its_skips_is_called_in():
    (up,) = picture(net(SKIPS)).keys
    (fork,) = (part for part in up.series if isinstance(part, Fork))

    assert [branch[0].name for branch in fork.branches] == ["fine", "in"]


def test_depth_opens_blocks_one_level_at_a_time():
    unit, strided, *_ = main_series(BLOCKS, depth=1)
    body, shortcut = strided.series[0].branches

    assert isinstance(unit.series[0], Frame)
    assert [len(branch) for branch in unit.series[0].series[0].branches] == [2, 0]
    assert [part.text for part in (*body, *shortcut)] == ["inner(w)", "conv3-8/2", "conv1-8/2"]
    assert [key.step.text for key in picture(net(BLOCKS), depth=1).keys] == ["inner(w)"]
    assert not picture(net(BLOCKS), depth=2).keys


def test_an_output_of_training_begins_at_the_tensor_it_reads():
    main, other = picture(net(BLOCKS)).ends

    assert (main.name, main.side, other.name, other.side) == ("output", False, "other", True)
    assert other.series[0].name == "half"
    assert "output other, in training only" in text(picture(net(BLOCKS)))
    assert "style=dashed" in dot(picture(net(BLOCKS)))


@pytest.mark.parametrize("depth", [0, 1])
def test_what_skips_over_layers_is_an_arrow_of_its_own(depth):
    up = main_series(SKIPS, depth)[-1]
    taps = up.also if depth == 0 else [b[0] for part in up.series if isinstance(part, Fork) for b in part.branches]

    assert "fine" in [tap.name for tap in taps if isinstance(tap, Tap)]
    assert "8x8x4 of fine" in text(picture(net(SKIPS), depth))


@pytest.mark.parametrize("name", catalogue.names())
def test_every_layer_of_the_zoo_is_drawn_once(name):
    variant = next(iter(catalogue.entry(name).variants), None)
    found = check(parse(read(catalogue.entry(name).path)), variant=variant)
    for depth in (0, 1, 2, 9):
        drawn = picture(found, depth)
        ids = [step.id for end in drawn.ends for step in steps(end.series)]

        assert len(ids) == len(set(ids))
        assert set(found.graph.outputs.values()) <= set(ids)
        assert dot(drawn).startswith("digraph")
        assert text(drawn)


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
    assert 'label="  8x8x1  "' in found
    assert "relu   x3" in found
    assert found == dot(picture(net()))
    assert found.isascii()


def test_long_shapes_on_the_edges_have_more_room_around_them():
    found = dot(picture(check(parse(Source("t.net", "input HxWx3\nmaxpool, conv3-4/2, deconv4-4/2\n")))))

    assert 'label="  HxWx3  "' in found
    assert 'label="     (2*ceil(H/4))x(2*ceil(W/4))x4     "' in found


RECURRENT = "input 9x6\nlstm-16 bidirectional\ngru-12 last reverse\nFC-3, softmax\n"


def recurrent():
    return picture(check(parse(Source("t.net", RECURRENT))))


def test_a_recurrent_layer_has_its_loop_with_the_states_it_carries():
    assert "│ lstm-16 bidirectional  ↻ h, c │" in text(recurrent())
    loops = [line.split() for line in dot(recurrent()).splitlines() if ":e -> " in line]
    assert [(line[0], line[2]) for line in loops] == [("step2:e", "step2:e"), ("step3:e", "step3:e")]


def test_unrolled_a_recurrent_layer_is_a_row_of_steps_for_each_direction():
    found = dot(recurrent(), 4)

    assert found.count("t = 1") == found.count("t = 4") == 3  # there, back, and the gru's
    assert found.count('label=" h, c "') == 2 * 3
    assert found.count("dir=back") == 2 * 3
    assert "t = 5" not in found
    assert ":e -> " not in found
    steps_of_gru = [line.split()[0] for line in found.splitlines() if "t = " in line][-4:]
    given = [line.split()[0] for line in found.splitlines() if "-> step3" in line]
    assert given == steps_of_gru[:1]  # it reads backwards: its last step is the first of the sequence


def test_a_machine_without_resvg_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)

    assert "maxpool2" in svg(net())
    assert drawn(net(), "pdf", Look()).startswith(b"%PDF")
    with pytest.raises(RenderError, match="pip install resvg-py"):
        drawn(net(), "png", Look())
