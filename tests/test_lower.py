"""Graph of layers to graph of primitives."""

import cases
import numpy as np
import pytest

from netlang.graph import Input
from netlang.interpret import interpret
from netlang.layer import Misfit, Weight, find
from netlang.layers import loss
from netlang.lower import loss_of, lower
from netlang.primitives.map.op import Map
from netlang.primitives.reference import Run


def net(*words, shape=(6, 5, 3), **train):
    made = [w if not isinstance(w, str) else find(w)() for w in words]
    return cases.chain(*made, shape=shape, **train)


CLASSIFIER = net(find("conv")((3, 3), 4), "relu", "dropout", find("fc")(3), "softmax")


def test_nodes_keep_the_names_and_paths_of_their_layers():
    graph = lower(CLASSIFIER, training=True)

    assert [n.id for n in graph] == [
        "input", "conv1.w", "conv1.b", "conv1.0", "conv1", "relu1", "dropout1",
        "fc1.w", "fc1.b", "fc1.0", "fc1.1", "fc1", "softmax1.0", "softmax1.1", "softmax1",
        "target", "loss.0", "loss.1", "loss.2", "loss",
    ]  # fmt: skip
    assert graph["fc1.0"].path == ("fc1",)
    assert graph.outputs == {"output": "softmax1", "loss": "loss"}


def test_evaluation_has_no_dropout_and_no_target():
    graph = lower(CLASSIFIER, training=False)

    assert "dropout1" not in graph
    assert graph["fc1.0"].inputs == ("relu1",)
    assert [n.id for n in graph.made_by(Input)] == ["input"]
    assert graph.outputs == {"output": "softmax1"}


def test_training_drops_the_named_share_and_scales_the_rest():
    graph = lower(net(find("dropout")(0.25), shape=(40, 40, 3)), training=True, scored=False)
    x = {"input": np.ones((2, 40, 40, 3))}

    y = interpret(graph, x, Run(examples=2, step=1))[graph.outputs["output"]]
    assert np.unique(y).tolist() == [0.0, np.float32(4 / 3)]
    assert np.mean(y == 0) == pytest.approx(0.25, abs=0.02)  # 9,600 draws: five standard errors
    assert (interpret(graph, x, Run(examples=2, step=2))[graph.outputs["output"]] != y).any()


def test_two_dropouts_draw_different_numbers():
    graph = lower(net("dropout", "identity", "dropout"), training=True, scored=False)
    first, second = (str(n.made_by.term) for n in graph.made_by(Map))
    assert first != second


def test_the_float_type_is_that_asked_for():
    graph = lower(CLASSIFIER, training=True, dtype="f64")
    assert {n.type.dtype for n in graph} == {"f64"}


def test_weights_start_as_suits_the_activation_behind_them():
    graph = lower(net(find("fc")(8), "relu", find("fc")(8), "tanh", find("fc")(3, init="ones")), training=False)
    assert [n.made_by.init for n in graph.made_by(Weight)] == ["he", "zeros", "xavier", "zeros", "ones", "zeros"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy"), ("tanh", "squared_error")],
)
def test_the_last_layer_tells_the_loss(last, expected):
    assert loss_of(net(find("fc")(3), last)).word == expected


def test_the_train_statement_names_the_loss():
    assert loss_of(net(find("fc")(3), "step", loss="perceptron")).word == "perceptron"
    assert loss_of(net(find("fc")(3), "softmax", loss="MSE")).word == "squared_error"


@pytest.mark.parametrize(
    ("last", "word", "targets", "message"),
    [
        ("step", None, "values", "`step` has no gradient"),
        ("step", "mse", "values", "`step` has no gradient for `loss=mse`"),
        (
            "relu", "bce", "labels",
            "`loss=bce` reads the input of `sigmoid`, which must be the last layer",
        ),
        ("relu", None, "labels", "the data has classes, and the net does not end in `softmax` or `sigmoid`"),
        (
            "relu", "hinges", "values",
            "there is no loss called `hinges`; "
            "there are binary_cross_entropy, cross_entropy, hinge, mae, perceptron, smooth_l1, squared_error",
        ),
    ],
)  # fmt: skip
def test_a_loss_that_does_not_go_with_the_last_layer_is_refused_in_words(last, word, targets, message):
    with pytest.raises(Misfit) as refused:
        loss.chosen(word, find(last)(), targets)
    assert str(refused.value) == message


def test_losses_of_several_outputs_add_up():
    made = net(find("fc")(3), "softmax")
    made.graph.outputs["side"] = cases.append(made.graph, find("sigmoid")(), made.graph["fc1"]).id
    graph = lower(made, training=True, dtype="f64")
    feeds = cases.feeds(graph)

    values = interpret(graph, feeds)
    assert {n.id for n in graph.made_by(Input)} == {"input", "target.output", "target.side"}
    assert values["loss"] == values["loss.output"] + values["loss.side"]
