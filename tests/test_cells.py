"""Cells: what a `cell` statement says, and what its layer makes of it."""

import numpy as np
import pytest

import netlang
from netlang.check import check
from netlang.check.cells import cells_of
from netlang.diagnostics import NetError
from netlang.formula import Name, evaluate, names, sigmoid, tanh
from netlang.layer import Weight, find
from netlang.layers.recurrent import text as written
from netlang.layers.recurrent.cell import before
from netlang.layers.recurrent.library import FILE, shipped
from netlang.layers.recurrent.op import Recurrent, layer_of
from netlang.source import Source
from netlang.syntax.format import formatted
from netlang.syntax.parse import parse
from netlang.syntax.read import read
from netlang.types import Tensor

X = Tensor("f32", ("n", 5, 4))


def net(text):
    return check(parse(Source("t.net", text)))


def own(lines, head="cell mine(n, k=2):", use="mine-6", states="h=n"):
    """The layer of a cell of these equations."""
    rows = "".join(f"    {line}\n" for line in lines.split("; "))
    graph = net(f"{head}\n    state {states}\n{rows}    output h\ninput 5x4\n{use}\n").graph
    return next(node.made_by for node in graph if isinstance(node.made_by, Recurrent))


def terms(layer):
    return {one.name: one.term for one in layer.body().equations}


def test_equations_are_formulas_of_what_stands_above_and_of_the_step_before():
    found = terms(own("f = sigmoid(W[x, h] + b); h = f * h + (1 - f) * tanh(W[x, k * h])"))
    f, old = Name("f"), Name(before("h"))

    assert found["f"] is sigmoid(Name("f.W") + Name("f.b"))
    assert found["h"] is f * old + (1 - f) * tanh(Name("h.W"))


def test_behind_its_line_a_state_is_what_the_line_says():
    layer = own("c = tanh(W[x, c]); h = c * h", states="h=n, c=n")

    assert names(terms(layer)["h"]) == ("c", before("h"))


def test_an_outer_product_is_numbered_before_the_inner_one():
    (one,) = own("h = tanh(W[W[x] * h, h] + W[h])").body().equations

    assert [(o.name, [str(term) for term in o.operands]) for o in one.owned] == [
        ("h.W1", ["h.W2 * h'", "h'"]),
        ("h.W2", ["x"]),
        ("h.W3", ["h'"]),
    ]


def test_weights_stand_in_the_order_of_the_text():
    weights = own("g = tanh(b + W[x] + w * h); h = g + W[h, x] + b").weights(X)

    assert [(w.name, w.type.shape, w.init) for w in weights] == [
        ("g.b", (6,), "zeros"),
        ("g.W", (4, 6), "xavier"),
        ("g.w", (6,), "normal"),
        ("h.W", (10, 6), "xavier"),
        ("h.b", (6,), "zeros"),
    ]
    assert [w.decays for w in weights] == [False, True, True, True, False]


def test_constants_of_the_file_are_numbers_in_equations():
    graph = net("s = 1.0/8\ncell m(n):\n    state h=n\n    h = s * h + W[x]\n    output h\ninput 5x4\nm-6\n").graph
    (one,) = graph["m1"].made_by.body().equations

    assert one.term is 0.125 * Name(before("h")) + Name("h.W")


def test_a_parameter_stays_a_name_until_the_cell_is_used():
    layer = own("h = tanh(W[x] + k * h)", use="mine(6, 0.5)")

    assert terms(layer)["h"] is tanh(Name("h.W") + Name("k") * Name(before("h")))
    assert layer.values() == {"n": 6, "k": 0.5}
    assert layer.of(X).equations[0].term is tanh(Name("h.W") + 0.5 * Name(before("h")))


def test_functions_are_the_activations_at_their_usual_settings():
    words = sorted(written.functions())

    assert {"tanh", "sigmoid", "relu", "leaky", "gelu", "step"} <= set(words)
    for word in words:
        assert terms(own(f"h = {word}(W[x, h])"))["h"] is find(word)().formula(Name("h.W"))


def test_a_cell_written_again_is_the_same_cell():
    values = dict(zip("acdefgijlmop", written.functions(), strict=True))
    lines = "; ".join(f"{v} = {word}(W[x, w * {v}] - 0.25 * b)" for v, word in values.items())
    states = "h=n/2*2, " + ", ".join(f"{v}=n" for v in values)
    layer = own(f"{lines}; h = -(h - 1.5) * (-2) - ({' + '.join(values)}) * step(h) * k", states=states)
    text = "\n".join(written.statement(layer.body()))

    again = net(f"{text}\ninput 5x4\nmine-6\n").graph["mine1"].made_by
    assert again == layer
    assert type(again) is type(layer)


def test_equal_cells_have_one_layer_and_different_ones_have_two():
    assert type(own("h = tanh(W[x, h])")) is type(own("h = tanh( W[x,h] )"))
    assert own("h = tanh(W[x, h])") != own("h = tanh(W[h, x])")
    assert layer_of(shipped("rnn")) is not find("rnn")


def test_a_net_with_other_equations_has_another_identity():
    cell = "cell m(n):\n    state h=n\n    h = tanh(W[x, h]){}\n    output h\ninput 5x4\nm-6\n"

    assert netlang.from_text(cell.format("")).identity == netlang.from_text(cell.format(" # so")).identity
    assert netlang.from_text(cell.format("")).identity != netlang.from_text(cell.format(" + h")).identity


@pytest.mark.parametrize(
    ("word", "settings", "cell"),
    [
        ("rnn", {}, "rnn"),
        ("rnn", {"act": "relu"}, "rnn_relu"),
        ("rnn", {"act": "sigmoid"}, "rnn_sigmoid"),
        ("lstm", {}, "lstm"),
        ("lstm", {"peephole": True}, "lstm_peephole"),
        ("gru", {}, "gru"),
        ("gru", {"reset": "before"}, "gru_before"),
    ],
)
def test_shipped_layers_are_cells_of_the_library(word, settings, cell):
    layer = find(word)(width=6, **settings)
    mine = layer_of(shipped(cell))(width=6)

    assert layer.body() is shipped(cell)
    assert [(w.name, w.type, w.fans) for w in layer.weights(X)] == [(w.name, w.type, w.fans) for w in mine.weights(X)]
    assert (layer.macs(X, X), layer.flops(X, X)) == (mine.macs(X, X), mine.flops(X, X))


def test_the_library_is_text_that_the_package_carries():
    import tomllib
    from pathlib import Path

    root = Path(__file__).parents[1]
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert formatted(read(FILE)) == FILE.read_text(encoding="utf8")
    assert set(cells_of(FILE)) == {"rnn", "rnn_relu", "rnn_sigmoid", "lstm", "lstm_peephole", "gru", "gru_before"}
    assert any(FILE.is_relative_to(root / package) for package in wheel["packages"])


def test_macs_and_flops_are_those_of_the_equations():
    layer = own("f = sigmoid(W[x, h] + b); h = f * h + W[f * h, x]")
    macs = (4 + 6) * 6 + (6 + 4) * 6
    others = 2 * 6 + 2 * 6 + 6  # + b and the sigmoid; a product and a sum; f * h inside the brackets

    assert layer.macs(X, X) == 5 * macs
    assert layer.flops(X, X) == 5 * (2 * macs + others)


def test_a_step_of_the_shipped_gru_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=3) for name in ("z.W", "z.b", "r.W", "r.b", "g.W1", "g.b1", "g.W2", "g.b2", "h'")}
    for one in shipped("gru").equations:
        numbers[one.name] = evaluate(one.term, numbers)

    def s(v):
        return 1 / (1 + np.exp(-v))

    z, r = s(numbers["z.W"] + numbers["z.b"]), s(numbers["r.W"] + numbers["r.b"])
    g = np.tanh(numbers["g.W1"] + numbers["g.b1"] + r * (numbers["g.W2"] + numbers["g.b2"]))
    np.testing.assert_allclose(numbers["h"], z * numbers["h'"] + (1 - z) * g, rtol=1e-14)  # some roundings of float64


def test_a_cell_takes_the_settings_of_all_layers_with_weights():
    graph = net(
        "cell m(n):\n    state h=n\n    h = tanh(W[x, h] + b)\n    output h\ninput 5x6\n"
        "m-6 freeze lr=0.5 l2=0.1 init=orthogonal @a, m-6 tie=@a\n"
    ).graph
    weights = [node.made_by for node in graph.made_by(Weight)]

    assert [w.name for w in weights] == ["h.W", "h.b"]
    assert [(w.frozen, w.rate, w.l2) for w in weights] == [(True, 0.5, 0.1), (True, 0.5, 0.0)]
    assert weights[0].init == "orthogonal"


def test_defaults_hold_for_a_users_own_cells():
    cell = "cell m(n, k=1):\n    state h=n\n    h = tanh(W[x] + k * h)\n    output h\n"

    assert str(net(f"{cell}default m: last k=3\ninput 5x4\nm-6\n").graph["m1"].made_by) == "m-6 k=3 last=yes"


def test_parameters_keep_their_case():
    text = "cell m(n, K, k=1):\n    state h=n\n    h = tanh(K * W[x] + k * h)\n    output h\ninput 5x4\nm-6 K=3\n"

    assert str(net(text).graph["m1"].made_by) == "m-6 K=3"


def test_arguments_may_be_lists_and_parameters_of_blocks():
    cell = "cell m(n):\n    state h=n\n    h = tanh(W[x, h] + b)\n    output h\n"

    assert [
        str(n.made_by) for n in net(f"{cell}input 5x4\nm([6, 3]) x2\n").graph if n.id[0] == "m" and "." not in n.id
    ] == [
        "m-6",
        "m-3",
    ]
    assert net(f"{cell}block b(w): m-w, m(2*w)\ninput 5x4\nb(3)\n").graph["b1.m2"].type.shape == ("n", 5, 6)


def test_use_brings_the_cells_of_another_file(tmp_path):
    (tmp_path / "cells.net").write_text("cell m(n):\n    state h=n\n    h = tanh(W[x, h] + b)\n    output h\n")
    main = tmp_path / "main.net"
    text = 'use "cells.net"\ninput 5x4\nm-6\n'

    assert "m1.h.W" in [node.id for node in check(parse(Source(str(main), text))).graph]
    (tmp_path / "other.net").write_text("cell m(n):\n    state h=n\n    h = relu(W[x, h] + b)\n    output h\n")
    with pytest.raises(NetError, match="two used files have a cell `m`"):
        check(parse(Source(str(main), f'use "other.net"\n{text}')))


def test_what_a_cell_may_not_call_its_parameters():
    for name in ("init", "reverse", "weights", "l2", "macs", "lambda", "width", "kernel"):
        with pytest.raises(NetError, match="cannot be a parameter"):
            own(f"h = tanh({name} * W[x, h])", head=f"cell mine(n, {name}=1):")
    assert own("h = tanh(W[x, h])", head="cell mine(width):", states="h=width").values() == {"width": 6}


def test_several_mistakes_of_one_cell_are_told_at_once():
    with pytest.raises(NetError) as error:
        own("f = sigmid(W[x]); g = f + q; h = f * g / 2")

    assert [d.code for d in error.value.diagnostics] == ["unknown-function", "unknown-name", "equation"]


@pytest.mark.parametrize(
    "line",
    [
        "h = W[x] + " + "-" * 5000 + "h",
        "h = W[x] + " + "(" * 50 + "h" + ")" * 50,
        "h = " + "W[" * 55 + "x, h" + "]" * 55,
    ],
    ids=("signs", "brackets", "products"),
)
def test_deep_equations_are_read(line):
    assert own(line).weights(X)


@pytest.mark.parametrize("line", ["h = " + "+".join(["x"] * 5000), "h = x" + "; y = x" * 100], ids=("long", "many"))
def test_long_equations_and_many_are_refused(line):
    with pytest.raises(NetError) as error:
        own(line)

    assert [d.code for d in error.value.diagnostics][:1] == ["too-many"]
