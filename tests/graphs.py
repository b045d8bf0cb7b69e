"""Small graphs of primitives for the tests of the passes, and the law that holds for all of them."""

import numpy as np

import netlang
from netlang.differentiate import differentiate, updates
from netlang.interpret import interpret
from netlang.lower import lower
from netlang.pipeline import optimizer_of

SMALL_CONV = "input 6x6x2\nconv3-5 tanh, maxpool, conv3-4 valid\nFC-3, soft-max"
MLP = "input 4x4x1\nFC-7 sigmoid, dropout 0.3, FC-2, soft-max"


def trained(text, dtype="f64"):
    """The graph of a training step of a net."""
    net = netlang.from_text(text).checked
    return updates(differentiate(lower(net, training=True, dtype=dtype)), optimizer_of(net.train))


def evaluated(text, dtype="f64"):
    return lower(netlang.from_text(text).checked, training=False, dtype=dtype)


def feeds_of(graph, n=3):
    rng = np.random.default_rng(0)
    feeds = {node.id: np.abs(rng.normal(size=node.type.arrayed(n))) * 0.3 for node in graph if not node.inputs}
    for node in graph:
        if getattr(node.made_by, "kind", "") == "labels":
            feeds[node.id] = rng.integers(0, 2, node.type.arrayed(n))
    return feeds


def assert_computes_the_same(before, after):
    """Every output is what it was: the passes move and merge, they do not round differently."""
    feeds = feeds_of(before)
    fitting = {
        node.id: np.reshape(feeds[node.id], node.type.arrayed(3)) for node in after if not node.inputs
    }  # `fold` reshapes inputs
    old, new = interpret(before, feeds), interpret(after, fitting)
    assert after.outputs.keys() == before.outputs.keys()
    for name, of in before.outputs.items():
        np.testing.assert_allclose(new[after.outputs[name]], old[of], rtol=1e-12, atol=1e-15)
