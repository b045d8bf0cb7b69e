"""Gradients of whole graphs: what is built, what it is called, and that it is right."""

import cases
import numpy as np
import pytest

import netlang
from netlang.differentiate import differentiate, updates
from netlang.graph import Graph, Input, Node, State
from netlang.interpret import interpret, stepped
from netlang.layer import find
from netlang.layers import optimizer
from netlang.lower import lower
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Update
from netlang.primitives.reference import Run
from netlang.source import NOWHERE, Source, Span
from netlang.types import Tensor


def net(*words, shape=(6, 5, 3)):
    return cases.chain(*(w if not isinstance(w, str) else find(w)() for w in words), shape=shape)


SMALL = net(find("conv")((3, 3), 4), "relu", find("fc")(3), "softmax")


def test_every_weight_has_a_gradient_of_its_type():
    graph = differentiate(lower(SMALL, training=True))

    for weight in ("conv1.w", "conv1.b", "fc1.w", "fc1.b"):
        assert graph[graph.outputs[f"d:{weight}"]].type == graph[weight].type
    assert graph.outputs["loss"] == "loss"


def test_no_gradient_by_the_input_is_built_unless_asked_for():
    plain = differentiate(lower(SMALL, training=True))
    asked = differentiate(lower(SMALL, training=True), wrt=["input"])

    assert sum(n.made_by.role == "data" for n in plain.made_by(Contraction)) == 1
    assert asked[asked.outputs["d:input"]].type == asked["input"].type
    assert not any(n.made_by.role == "weight" for n in asked.made_by(Contraction))


def test_gradients_read_the_output_of_an_activation_and_not_its_input():
    for word in ("relu", "tanh", "sigmoid"):
        graph = differentiate(lower(net(find("fc")(4), word, find("fc")(3), "softmax"), training=True))
        reads = graph[f"d:{word}1.0"].inputs
        assert f"{word}1" in reads, word
        assert "fc1" not in reads, word


def test_gradient_nodes_lead_to_the_line_of_their_layer():
    span = Span(Source("a.net", "conv3-4"), 0, 7)
    layers = Graph(dict(SMALL.graph.outputs))
    for node in SMALL.graph:
        layers.add(
            Node(node.id, node.made_by, node.inputs, node.type, span if node.id == "conv1" else NOWHERE, node.path)
        )
    made = type(SMALL)("a", None, layers, {}, {}, "")

    graph = differentiate(lower(made, training=True))
    assert graph["d:conv1.w"].span == span
    assert graph["d:conv1.w"].path == ("conv1",)
    assert graph["d:fc1.w"].path == ("fc1",)


def test_a_value_read_twice_adds_up_its_gradients():
    graph = Graph()
    x = graph.add(Node("input", Input("input"), (), Tensor("f32", ("n", 5)), NOWHERE))
    first = cases.append(graph, find("tanh")(), x)
    graph.outputs["output"] = cases.append(graph, find("mul")(), first, first).id
    made = type(SMALL)("twice", None, graph, {}, {}, "")

    lowered = differentiate(cases.scored(lower(made, training=True, dtype="f64", scored=False)), wrt=["input"])
    feeds = cases.feeds(lowered)
    y = np.tanh(feeds["input"])
    values = interpret(lowered, feeds)
    np.testing.assert_allclose(values[lowered.outputs["d:input"]], feeds["dy"] * 2 * y * (1 - y * y), rtol=1e-12)


def test_a_weight_that_the_loss_does_not_depend_on_has_the_gradient_zero():
    made = net(find("fc")(4), "step", find("fc")(3), "softmax")
    graph = differentiate(lower(made, training=True))
    values = interpret(graph, cases.feeds(graph))

    assert not values[graph.outputs["d:fc1.w"]].any()
    assert values[graph.outputs["d:fc2.w"]].any()


def test_the_perceptron_loss_gives_rosenblatts_rule():
    made = net(find("fc")(2), "step", shape=(3,))
    graph = lower(made, training=True, loss=cases.LOSSES[-1].what, dtype="f64")
    graph = updates(differentiate(graph), optimizer.find("sgd")())
    x, target = np.array([[1.0, -2.0, 0.5]]), np.array([[1.0, 0.0]])
    w, b = np.array([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]]), np.array([0.0, 0.0])

    run = Run(examples=1, rate=0.5)
    feeds = {"input": x, "target": target, "fc1.w": w, "fc1.b": b}
    after = stepped(graph, interpret(graph, feeds, run), run)
    error = target - (x @ w + b > 0)
    np.testing.assert_allclose(after["fc1.w"], w + 0.5 * x.T @ error)
    np.testing.assert_allclose(after["fc1.b"], b + 0.5 * error[0])


def test_updates_add_a_state_for_each_weight_and_keep_the_outputs():
    graph = updates(differentiate(lower(SMALL, training=True)), optimizer.find("adam")())

    assert [n.id for n in graph.made_by(State)][:2] == ["conv1.w.mean", "conv1.w.square"]
    assert len({n.made_by for n in graph.made_by(Update)}) == 1
    assert graph["update:fc1.b"].inputs == ("fc1.b", "d:fc1.b", "fc1.b.mean", "fc1.b.square")
    assert "loss" in graph.outputs


def test_gradients_and_updates_share_no_name_with_a_label():
    """A block called `d` has weights `d.fc1.w`, and what is stored of a layer called `update` is `update.w`."""
    text = "block b: fc-3\ninput 2 @w\nfc-4, fc-4 @update\nb @d\nb @next\nfc-3 @weights\nfc-2, softmax"
    primitives = lower(netlang.from_text(text).checked, training=True)

    graph = updates(differentiate(primitives, wrt=["w", "update.w", "fc1.w", "d.fc1.w"]), optimizer.find("sgd")())

    assert set(graph.outputs) > {"d:w", "d:update.w", "d:fc1.w", "d:d.fc1.w"}
    assert not {node.id for node in primitives} & {node.id for node in graph if node.id not in primitives}


def test_a_whole_net_agrees_with_a_central_difference():
    made = net(
        find("conv")((3, 3), 4, stride=(2, 1)), "tanh", "maxpool", find("dropout")(0.3), find("fc")(5), "softplus",
        find("fc")(3), "softmax",
    )  # fmt: skip
    graph = differentiate(lower(made, training=True, dtype="f64"))
    feeds = cases.feeds(graph, n=4, reach=1.0)
    values = interpret(graph, feeds)
    rng = np.random.default_rng(0)

    for weight in ("conv1.w", "conv1.b", "fc1.w", "fc1.b", "fc2.w", "fc2.b"):
        along = rng.standard_normal(feeds[weight].shape)
        up, down = (interpret(graph, feeds | {weight: feeds[weight] + s * along})["loss"] for s in (1e-6, -1e-6))
        found = np.sum(values[graph.outputs[f"d:{weight}"]] * along)
        assert found == pytest.approx((up - down) / 2e-6, rel=1e-6)  # 1e-12 of curvature, 1e-10 of rounding
