"""An exported net in ONNX Runtime, beside netlang's own evaluation in slow NumPy."""

import numpy as np
import onnx
import onnxruntime

from netlang.export import export
from netlang.export.onnx import Form
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.lower import lower
from netlang.start import shapes

onnxruntime.set_default_logger_severity(3)  # its remarks on sizes that are open
NEAR = 1e-5  # relative L2 against float64: sums of a few hundred float32 products, each off by 1e-7


def numbers(net, n=3, seed=0, reach=2.0):
    """Inputs by name, and what the net stores, such that float32 holds them: variances above 0, tokens whole."""
    rng = np.random.default_rng(seed)
    weights = {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes(net).items()}
    for name in weights:
        if name.endswith(".variance"):
            weights[name] = np.abs(weights[name]) + np.float32(0.1)
    inputs = {}
    for node in net.graph.made_by(Input):
        shape, classes = node.type.arrayed(n), node.type.classes
        values = rng.integers(0, classes, shape) if classes else rng.uniform(-reach, reach, shape).astype(np.float32)
        inputs[node.id] = values
    return inputs, weights


def written(net, weights, path, form=None):
    """The path of the exported net, which onnx.checker found right."""
    export(net, "identity", path, weights, form or Form(), {})
    onnx.checker.check_model(path, full_check=True)
    return path


def by_runtime(path, inputs):
    """The outputs by name."""
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, dict(inputs)), strict=True))


def by_netlang(net, inputs, weights):
    """The outputs of its evaluation by name, in float64."""
    graph = lower(net, training=False, dtype="f64")
    given = {k: x[..., None] if net.graph[k].type.classes else x for k, x in inputs.items()}
    values = interpret(graph, {**given, **weights})
    n = len(next(iter(inputs.values())))
    return {
        name: values[node].reshape(net.graph[net.graph.outputs[name]].type.arrayed(n))
        for name, node in graph.outputs.items()
    }


def assert_near(found, expected):
    """The same outputs, in the same shapes, and the same numbers."""
    assert found.keys() == expected.keys()
    for name, y in expected.items():
        assert found[name].shape == y.shape
        assert np.linalg.norm(found[name] - y) <= NEAR * max(np.linalg.norm(y), 1e-6), name
