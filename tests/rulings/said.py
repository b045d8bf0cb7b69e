"""What the tests of the rulings ask of a text."""

import numpy as np
import pytest

from netlang.check import checked, counts
from netlang.diagnostics import NetError
from netlang.interpret import interpret
from netlang.layer import Layer, Weight
from netlang.lower import lower
from netlang.source import Source
from netlang.syntax.parse import parse


def net(text, variant=None, **settings):
    return checked(parse(Source("t.net", text)), variant=variant, settings=settings)[0]


def notes(text, variant=None, **settings):
    return [note.code for note in checked(parse(Source("t.net", text)), variant=variant, settings=settings)[1]]


def layers(text, variant=None, **settings):
    """The layers as text; norms and activations behind a plus."""
    graph = net(text, variant, **settings).graph
    options = {f"{'.'.join(n.path)}" for n in graph}
    return [("" if n.id in options else "+") + str(n.made_by) for n in graph.made_by(Layer)]


def on_image(line, **how):
    return layers(f"input 8x8x4\n{line}\n", **how)


def on_vector(line, **how):
    return layers(f"input 8\n{line}\n", **how)


def shape(text, **how):
    found = net(text, **how).graph
    return found[next(iter(found.outputs.values()))].type.shape[1:]


def weights(text):
    return [n.id for n in net(text).graph.made_by(Weight)]


def errors(text, variant=None, **settings):
    with pytest.raises(NetError) as error:
        net(text, variant, **settings)
    return [problem.code for problem in error.value.diagnostics]


def message(text, variant=None, **settings):
    with pytest.raises(NetError) as error:
        net(text, variant, **settings)
    return str(error.value)


def figures(text, variant=None):
    """Parameters and MACs as run, then of training."""
    found = net(text, variant)
    run = counts.running(found.graph, found.running())
    return (
        counts.parameters(found.graph, run),
        counts.macs(found.graph, run),
        counts.parameters(found.graph),
        counts.macs(found.graph),
    )


def answer(text, x, **weights):
    """What a net makes of x[n, ...], by the NumPy referee; weights by name, with `_` for the dot."""
    lowered = lower(net(text), training=False, dtype="f64")
    feeds = {name.replace("_", "."): np.asarray(w, float) for name, w in weights.items()}
    return interpret(lowered, {"input": np.asarray(x, float), **feeds})[next(iter(lowered.outputs.values()))]
