"""The inside of cells, and the gradients of nets, as drawings."""

import itertools
import os

import pytest
from pictures import assert_clear

from netlang import catalogue
from netlang.check import check
from netlang.differentiate import differentiate
from netlang.draw import backward, cell
from netlang.draw.fold import steps
from netlang.draw.layered import JOG, Vertex, layered
from netlang.draw.markup import HEAD
from netlang.draw.parts import every
from netlang.draw.route import crosses
from netlang.draw.scene import Box, Group, Line, Rect, Words, around, flat
from netlang.draw.tree import picture
from netlang.files import Problem
from netlang.layer import Layer, Weight
from netlang.lower import lower
from netlang.sizes import letters
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.syntax.read import read

RECURRENT = ["lstm", "lstm-peephole", "gru", "gru-before", "rnn", "mgu", "bidirectional", "stacked"]
DRAWN = catalogue.names() if os.environ.get("NETLANG_ZOO") == "all" else ["lenet", "googlenet", "resnet", "unet", "mgu"]
ODD = """input Tx8
cell odd(n, k=2):
    state h=n, s=n
    a = step(W[x] + b) * relu(s)
    s = -s + a * k
    u = w * x
    h = relu(0.5 * h + W[u, a, W[h]] - s)
    y = tanh(h) * W[h]
    output y
odd-8
"""


def net(name, **sizes):
    entry = catalogue.entry(name)
    settings = {size: str(value) for size, value in sizes.items()}
    return check(parse(read(entry.path)), variant=next(iter(entry.variants), None), settings=settings)


def fixed(name):
    """The net with a number for each size that is open."""
    found = net(name)
    return net(name, **dict.fromkeys(letters(*(d for node in found.graph for d in node.type.shape[1:])), 32))


def written(source):
    return check(parse(Source("t.net", source)))


def first_recurrent(found):
    return next(n for n in found.graph.made_by(Layer) if n.made_by.recurrence() is not None)


NESTED_W = """input 5x8
cell nested(n):
    state h=n
    z = sigmoid(W[x, h])
    r = tanh(W[z])
    h = tanh(W[W[z], r*h])
    output h
nested-6 last
FC-2, softmax
"""


def rows(found):
    """The texts of each box."""
    return [
        tuple(each.text for each in group.items if isinstance(each, Words))
        for group in found.items
        if isinstance(group, Group)
    ]


@pytest.mark.parametrize("name", RECURRENT)
def test_the_inside_of_a_cell_is_clear_and_leads_each_state_back(name):
    layer = first_recurrent(net(name)).made_by
    found = cell.scene(net(name), layer.word)
    back = [item for item in flat(found.items) if isinstance(item, Line) and item.dashed]

    assert_clear(found)
    assert len(back) == len(layer.recurrence().states)


@pytest.mark.parametrize("name", ["lstm", "gru", "mgu", "nested"])
def test_states_are_led_past_arrowheads_and_edges_have_no_small_jogs(name):
    found = cell.scene(written(NESTED_W) if name == "nested" else net(name), name)
    lines = [item for item in flat(found.items) if isinstance(item, Line)]
    edges = [line for line in lines if not line.dashed]

    for (x, y), back in itertools.product([edge.points[-1] for edge in edges], [line for line in lines if line.dashed]):
        assert not any(crosses(part, Rect(x - 2, y - HEAD, 4, HEAD)) for part in itertools.pairwise(back.points))
    for (x, _), (to_x, _) in (part for edge in edges for part in itertools.pairwise(edge.points)):
        assert x == to_x or abs(x - to_x) > JOG


def test_the_title_of_a_cell_says_settings_as_the_file_does():
    texts = [item.text for item in cell.scene(net("bidirectional"), "lstm").items if isinstance(item, Words)]

    assert "one step of lstm-128 bidirectional" in texts


def test_gates_are_named_with_the_shapes_of_their_weights():
    texts = rows(cell.scene(net("lstm"), "lstm"))

    for gate in "fio":
        assert (f"{gate} = sigmoid(W[x, h] + b)", "W 156x128, b 128") in texts
    assert ("g = tanh(W[x, h] + b)", "W 156x128, b 128") in texts
    assert texts.count(("[x, h]", "156")) == 1
    assert texts.count(("*",)) == 3
    assert texts.count(("+",)) == 1
    assert texts.count(("h", "128")) == texts.count(("c", "128")) == 2  # of the step before, and of this one


def test_an_equation_of_any_form_is_drawn():
    found = cell.scene(written(ODD), "odd")
    texts = [row[0] for row in rows(found)]

    assert_clear(found)
    assert "0.5 *" in texts
    assert "y = *" in texts
    assert "[u, a, W[h]]" in texts
    assert [text for text in texts if text.startswith("a = step(W[x] + b) * ")]


def test_a_cell_is_found_by_a_line_of_its_equations_or_of_its_use():
    of_cell, of_use = (cell.scene(net("mgu"), line) for line in ("5", "12"))

    assert rows(of_cell) == rows(of_use) == rows(cell.scene(net("mgu"), "MGU"))


def test_what_is_no_recurrent_layer_is_told_with_those_there_are():
    with pytest.raises(Problem, match=r"`lstm` has no recurrent layer `gru`: it has `lstm` \(line 4\)"):
        cell.scene(net("lstm"), "gru")
    with pytest.raises(Problem, match="`lenet` has no recurrent layer `7`: it has none"):
        cell.scene(net("lenet"), "7")


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("name", DRAWN)
def test_both_passes_are_clear_and_boxes_stand_level(name, depth):
    found = fixed(name)
    seen = picture(found, depth, keys=depth == 0)
    drawn = backward.scene(found, seen)
    boxes = [item.items[0].rect for item in drawn.items if isinstance(item, Group) and isinstance(item.items[0], Box)]
    places = sorted(round(rect.y, 3) for rect in boxes)

    assert_clear(drawn)
    assert places[::2] == places[1::2]


def test_each_trained_weight_has_its_gradient_in_one_box():
    found = net("googlenet")
    told = backward.Gradients(found)
    shown = [step for end in picture(found, 9).ends for step in steps(end.series)]
    made = [f"d:{'.'.join(step.layers[0])}.{name}" for step in shown for name in told.of(step).gradients if name != "x"]

    assert sorted(made) == sorted(f"d:{weight.id}" for weight in found.graph.made_by(Weight))


def test_gradients_say_what_they_are_made_from():
    found = written(
        "input 8x8x3\nconv3-4 tanh, conv3-4 linear, dropout, avgpool\nadd[FC-5 sigmoid | FC-5 bias=no], softmax\n"
    )
    told = backward.Gradients(found)
    made = {step.text: told.of(step).rows for series in every(picture(found)) for step in steps(series)}

    assert made["conv3-4"] in (("dw, db", "from dy, x, y"), ("dx, dw, db", "from dy, x, w"))
    assert made["dropout"] == ("dx", "from dy")
    assert made["fc-5 bias=no"] == ("dx, dw", "from dy, x, w")
    assert made["fc-5"] == ("dx, dw, db", "from dy, x, w, y")
    assert made["softmax"] == ("dx", "from x, target")


def test_what_they_are_made_from_is_what_the_graph_of_primitives_reads():
    found = net("lenet")
    graph = lower(found, training=True)
    behind = [node for node in differentiate(graph) if node.id not in graph]
    (step,) = [s for s in steps(every(picture(found))[0]) if s.text == "maxpool2" and s.line == 5]
    read = {i for node in behind if node.path == step.layers[0] for i in node.inputs}

    assert backward.Gradients(found).of(step).reads == ("dy", "x")
    assert {"conv1.relu"} == {i for i in read if i in graph}


def test_copies_whose_gradients_differ_stand_apart():
    found = net("vgg16")
    said = [row[0] for row in rows(backward.scene(found, picture(found)))]

    assert (said.count("conv3-64   relu"), said.count("dw, db")) == (2, 1)
    assert "dx, dw, db   x2" in said


def test_the_gradients_of_a_projection_are_told_once_in_its_own_box():
    found = written("input 8\nFC-6\nresidual[ FC-4 ] relu\nFC-2, softmax\n")
    merge = next(step for step in steps(every(picture(found))[0]) if step.text.startswith("residual"))
    told = backward.Gradients(found)
    made = [name for step in steps(every(picture(found))[0]) for name in told.of(step).gradients]

    assert told.of(merge).rows == ("dx", "from dy, y")
    assert made.count("w") == len([node for node in found.graph if node.id.endswith(".w")]) == 4


def test_a_sum_hands_its_gradient_on_as_it_is():
    found = written("input 8\nFC-8\nresidual[ FC-8, FC-8 ]\nFC-2, softmax\n")
    said = rows(backward.scene(found, picture(found)))

    assert ("dx = dy",) in said
    assert ("no gradient",) not in said


def test_nothing_leads_to_layers_below_the_last_that_is_trained():
    found = written("input 8\nFC-6 freeze=yes, FC-5 freeze=yes\nFC-4\nFC-3, softmax\n")
    drawn = backward.scene(found, picture(found))
    lines = [item for item in drawn.items if isinstance(item, Line) and item.heads[0]]
    up = [line for line in lines if line.points[-1][1] < line.points[0][1]]

    assert rows(drawn).count(("no gradient",)) == 2
    assert len(up) == 2  # from the loss, and between the lines that train
    assert "6" not in [w.text for w in drawn.items if isinstance(w, Words) and w.x > drawn.width / 2]


def test_the_line_to_the_next_piece_of_a_net_crosses_no_line_to_an_output_at_the_side():
    found = net("googlenet")
    lines = [item for item in flat(backward.scene(found, picture(found)).items) if isinstance(item, Line)]
    aside = [line for line in lines if line.role == "skip" and line.dashed]
    along = [line for line in lines if line.role == "line" and len(line.points) > 4]

    assert (len(aside), len(along)) == (4, 2)
    for line, other in itertools.product(aside, along):
        for part in itertools.pairwise(line.points):
            across = around(part).grown(1)
            assert not any(crosses(each, across) for each in itertools.pairwise(other.points)), line


def test_sums_stand_where_branches_divide():
    found = written("input 8\nFC-8\nresidual[FC-8] relu\nFC-3, softmax\n")
    drawn = backward.scene(found, picture(found))

    assert [w.text for w in drawn.items if isinstance(w, Words)].count("+") == 1


def test_nets_without_gradients_are_told_why():
    for source, why in (
        ("input 8\nFC-3 freeze=yes, softmax\n", "no weights to train"),
        ("input HxWx3\nconv999-2 valid\nconv1-3, softmax\n", "the size `H` is to be chosen here: `--set H=64`"),
    ):
        found = written(source)
        with pytest.raises(Problem, match=why.replace("(", r"\(")):
            backward.scene(found, picture(found))


def test_a_block_and_the_last_step_in_it_each_have_their_own_gradients():
    found = written("block b(w): FC-w, FC-w\ninput 8\nb(4)\nb(4)\nFC-3, softmax\n")
    texts = [item.text for item in flat(backward.scene(found, picture(found)).items) if isinstance(item, Words)]

    assert texts.count("dx, dw, db, dw, db") == 1
    assert texts.count("dx, dw, db") == 2


def test_open_sizes_have_the_gradients_of_chosen_ones():
    opened, chosen = (written(f"input {size}x8\nlstm-4 last\nFC-3, softmax\n") for size in ("T", "64"))
    texts = [
        {words.text for words in flat(backward.scene(found, picture(found)).items) if isinstance(words, Words)}
        for found in (opened, chosen)
    ]

    assert texts[0] - texts[1] == {"Tx8", "gradients of T = 64"}
    assert texts[1] - texts[0] == {"64x8"}


def test_edges_of_a_layered_graph_pass_no_vertex_and_end_at_their_own():
    vertices = [Vertex(name, 30 + 7 * k, 20) for k, name in enumerate("abcdefgh")]
    edges = [
        ("a", "c"),
        ("b", "c"),
        ("a", "h"),
        ("c", "d"),
        ("c", "e"),
        ("d", "f"),
        ("e", "f"),
        ("b", "g"),
        ("f", "h"),
        ("g", "h"),
    ]
    found = layered(vertices, edges)
    rects = list(found.places.values())

    assert not [1 for k, r in enumerate(rects) for other in rects[k + 1 :] if r.meets(other)]
    for (source, to), line in zip(edges, found.lines, strict=True):
        assert line[0][1] == found.places[source].bottom
        assert line[-1][1] == found.places[to].y
        assert found.places[to].x < line[-1][0] < found.places[to].right
        for (x, y), (to_x, to_y) in itertools.pairwise(line):
            assert x == to_x or y == to_y
            for r in rects:
                assert not (
                    min(x, to_x) < r.right and max(x, to_x) > r.x and min(y, to_y) < r.bottom and max(y, to_y) > r.y
                )
