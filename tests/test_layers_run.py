"""Layers beyond LeNet's, compiled: what the kernels compute is what the interpreter does, forward and backward."""

import cases
import numpy as np
import pytest

from netlang.backend import cache
from netlang.diagnostics import NetError
from netlang.differentiate import differentiate
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.layer import Weight, find
from netlang.layers import initial
from netlang.lower import lower
from netlang.net import Net, from_text
from netlang.pipeline import compile_plan
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run
from netlang.types import Tensor


def of(word, **settings):
    return find(word)(**settings)


def net(shape, *layers):
    return cases.chain(*layers, shape=shape)


NETS = {
    "towers": net(
        (9, 8, 4),
        of("conv", kernel=(3, 3), width=32, groups=2),
        of("prelu"),
        of("lrn", alpha=0.3),
        of("maxpool", kernel=(3, 3), stride=(2, 2), ceil=True),
        of("gn", groups=4),
        of("gelu"),
        of("channelpool", kernel=4),
        of("gap"),
        of("maxout", kernel=2, width=3),
    ),
    "decoder": net(
        (4, 3, 3),
        of("deconv", kernel=(4, 4), width=5, stride=(2, 2)),
        of("ln"),
        of("scale", factor=0.5),
        of("upsample", kernel=(2, 2)),
        of("avgpool", kernel=(3, 3), stride=(2, 2), count_padding=True),
        of("local", kernel=(3, 3), width=4),
        of("in"),
        of("pad", by=(1, 2), channels=2),
        of("crop", by=(2, 1)),
        of("globalmaxpool"),
    ),
    "sequence": net(
        (10, 3),
        of("conv", kernel=(3, 3), width=18, stride=(2, 2)),
        of("ln"),
        of("tanh"),
        of("deconv", kernel=(2, 2), width=4, stride=(2, 2)),
        of("maxpool"),
        of("local", kernel=(3, 3), width=4),
        of("reshape", shape=(2, 10)),
        of("last"),
    ),
}


def autoencoder():
    """A decoder whose matrix is the encoder's, transposed."""
    graph = cases.chain(of("fc", width=3), of("tanh"), shape=(20,)).graph
    w = Weight("w", Tensor("f32", (3, 20)), "xavier", transposes="fc1.w")
    graph.add(cases.Node("fc2.w", w, ("fc1.w",), w.type, cases.NOWHERE, ("fc2",)))
    inputs, y = (graph.outputs["output"], "fc2.w"), Tensor("f32", ("n", 20))
    graph.add(cases.Node("fc2", of("fc", width=20, bias=False), inputs, y, cases.NOWHERE, ("fc2",)))
    graph.outputs["output"] = "fc2"
    return cases.Net("autoencoder", None, graph, {}, {}, "")


NETS["autoencoder"] = autoencoder()


def test_a_transposed_weight_is_no_weight_of_its_own_and_shares_its_gradient():
    graph = differentiate(lower(NETS["autoencoder"], training=True, dtype="f64"))
    feeds = cases.feeds(graph)
    assert {name for name in feeds if name.endswith(".w")} == {"fc1.w"}

    found = interpret(graph, feeds)[graph.outputs["d:fc1.w"]]

    step = np.zeros((20, 3))
    step[4, 1] = 1e-5
    up, down = (interpret(graph, feeds | {"fc1.w": feeds["fc1.w"] + s * step})["loss"] for s in (1, -1))
    assert found[4, 1] == pytest.approx((up - down) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("batch", "n"), [(16, 16), (6, 5)])  # examples in the lanes, or channels
def test_gradients_and_loss_agree_with_the_interpreter_in_float64(name, batch, n):
    """Only the order of sums differs."""
    net = NETS[name]
    prog = Net(net).compile(batch=batch, training=True, dtype="f64")
    rng = np.random.default_rng(0)
    x, target = (rng.normal(size=t.arrayed(n)) for t in (Net(net).input, Net(net).output))
    graph = compile_plan(net, "gradients", Target("float64", "f64", prog.target.tiles, 1), batch).optimised
    feeds = {w: prog.weights[w] for w in prog.weights}
    given = {"input": x, "target": target}  # a pass may have given them another shape of the same numbers
    feeds |= {node.id: given[node.id].reshape(node.type.arrayed(n)) for node in graph.made_by(Input)}
    values = interpret(graph, feeds, Run(examples=n))

    loss, grads = prog.gradients(x, target)

    assert loss == pytest.approx(float(values[graph.outputs["loss"]]), rel=1e-10)
    largest = max(np.linalg.norm(g) for g in grads.values())
    for weight, grad in grads.items():
        wanted = values[graph.outputs[f"d:{weight}"]].reshape(grad.shape)
        assert np.linalg.norm(grad - wanted) <= 1e-9 * max(np.linalg.norm(wanted), 1e-6 * largest), weight
    prog.close()


def test_an_initialisation_may_say_its_number():
    rng = initial.generator(0, "w")
    assert initial.array("normal(2)", (400, 50), (1, 1), rng).std() == pytest.approx(2, rel=0.05)
    assert 0.28 < np.abs(initial.array("uniform(0.3)", (40, 50), (1, 1), rng)).max() <= 0.3
    assert (initial.array("constant(0.25)", (4,), (1, 1), rng) == 0.25).all()


def test_open_sizes_are_chosen_and_another_one_needs_no_other_kernel():
    open_net = from_text("input HxWx3\nconv3-8, maxpool, conv3-8, upsample2, conv1-4, softmax\n")
    with pytest.raises(NetError, match="the size `H` is chosen before a net is compiled"):
        open_net.compile(batch=2)
    open_net.compile(batch=2, sizes={"H": 8, "W": 8})(np.zeros((2, 8, 8, 3)))
    before = cache.counts.compiled

    for high, wide in ((16, 8), (6, 12)):
        x = np.random.default_rng(0).normal(size=(2, high, wide, 3))
        y = open_net.compile(batch=2, sizes={"H": high, "W": wide})(x)
        assert y.shape == (2, high, wide, 4)
    assert cache.counts.compiled == before


def test_sizes_that_do_not_suit_are_told():
    open_net = from_text("input Hx4x3\nadd[ maxpool, upsample2 | identity ]\n")

    with pytest.raises(NetError, match="do not agree"):
        open_net.compile(batch=2, sizes={"H": 5})
    with pytest.raises(NetError, match="has no size `T`"):
        open_net.compile(batch=2, sizes={"T": 5})
