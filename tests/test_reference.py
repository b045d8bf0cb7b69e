"""The mathematics: netlang's primitives in float64 agree with PyTorch in float64 (relative L2, 1e-8)."""

from pathlib import Path

import cases
import numpy as np
import pytest

import netlang
from netlang.differentiate import differentiate, updates
from netlang.interpret import interpret, stepped
from netlang.layer import find
from netlang.layers import loss
from netlang.lower import loss_of, lower
from netlang.pipeline import refuse_unready
from netlang.primitives.reference import Run

torch = pytest.importorskip("torch", reason="the extra `reference` is not installed")
from netlang.layers.optimizer.torch import twin as optimizer_twin  # noqa: E402 (needs torch)
from netlang.layers.twin import twin  # noqa: E402

pytestmark = pytest.mark.reference


def layers(*words):
    return [word if not isinstance(word, str) else find(word)() for word in words]


def conv(kernel, width, **settings):
    return find("conv")((kernel, kernel), width, **settings)


NETS = {
    "lenet": cases.chain(
        *layers(conv(5, 6), "tanh", "avgpool", conv(5, 16, pad="valid"), "tanh", "avgpool"),
        *layers(find("fc")(120), "tanh", find("fc")(84), "tanh", find("fc")(10), "softmax"),
        shape=(28, 28, 1),
    ),
    "lenet with dropout": cases.chain(
        *layers(conv(5, 6), "relu", "maxpool", conv(3, 18, stride=(2, 2)), "relu", "maxpool", find("dropout")(0.25)),
        *layers(find("fc")(33), "relu", "dropout", find("fc")(10), "softmax"),
        shape=(14, 13, 2),
    ),
    "mlp": cases.chain(*layers(find("fc")(30), "relu", find("fc")(10), "softmax"), shape=(64,)),
    "perceptron": cases.chain(*layers(find("fc")(3), "step"), shape=(7,)),
    "logistic": cases.chain(*layers(find("fc")(3), "sigmoid"), shape=(7,)),
    "regression": cases.chain(*layers(find("fc")(3)), shape=(7,)),
    "segmentation": cases.chain(*layers(conv(3, 8), "leaky", conv(1, 4), "softmax"), shape=(6, 5, 3)),
}


def compiled(path):
    """The net of an example that this version trains; None for those that it checks and counts only."""
    if "train:" not in path.read_text("utf8"):
        return None
    net = netlang.load(path).checked
    try:
        refuse_unready(net, "train")
    except netlang.NetError:
        return None
    return net


EXAMPLES = {path.name: compiled(path) for path in sorted(Path(__file__).parents[1].glob("examples/*.net"))}
NETS |= {name: net for name, net in EXAMPLES.items() if net is not None}
LOSSES = {"perceptron": loss.find("perceptron")()}


def assert_close(found, expected, floor=0.0):
    """Relative L2, above a floor for gradients that are all rounding."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert np.linalg.norm(found - expected) <= 1e-8 * max(np.linalg.norm(expected), floor)


def tensor(x):
    return torch.tensor(np.asarray(x), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("case", cases.LAYERS, ids=str)
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_each_layer_and_its_gradients_agree_with_pytorch(case, layout):
    graph = cases.primitives(case, training=False)
    graph = cases.scored(graph)
    graph = differentiate(graph, wrt=cases.differentiable(graph))
    feeds = cases.feeds(graph, reach=case.reach)
    values = interpret(graph, feeds)
    inputs = [n for n in feeds if n.startswith("x")]
    made = twin(cases.net(case), "f64", layout).eval().load(feeds)

    x = [tensor(feeds[n]) for n in inputs]
    y = made(*x)
    if y.requires_grad:  # not where tokens are all that is read
        (y * tensor(feeds["dy"])).sum().backward()

    assert_close(y.detach(), values[graph.outputs["output"]])
    for name, source in zip(inputs, x, strict=True):
        if f"d:{name}" not in graph.outputs:
            continue
        grad = np.zeros(source.shape) if source.grad is None else source.grad
        assert_close(grad, values[graph.outputs[f"d:{name}"]])
    for name, gradient in made.gradients().items():
        assert_close(gradient, values[graph.outputs[f"d:{name}"]])
    assert set(made.gradients()) == {n for n in feeds if n not in (*inputs, "dy")}


@pytest.mark.parametrize("name", NETS)
def test_loss_and_all_gradients_of_a_net_agree_with_pytorch(name):
    net = NETS[name]
    graph = differentiate(lower(net, training=True, loss=LOSSES.get(name), dtype="f64"))
    feeds = cases.feeds(graph, n=4, reach=1.0)
    values = interpret(graph, feeds)
    made = twin(net, "f64").load(feeds)
    hand_over_masks(made, values)

    score = made.score(LOSSES.get(name) or loss_of(net), tensor(feeds["target"]), tensor(feeds["input"]))
    score.backward()

    assert_close(score.detach(), values["loss"])
    gradients = made.gradients()
    floor = max(np.linalg.norm(g) for g in gradients.values()) * 1e-6
    for weight in gradients:
        assert_close(values[graph.outputs[f"d:{weight}"]], gradients[weight], floor)
    assert len(gradients) == sum(output.startswith("d:") for output in graph.outputs)


def hand_over_masks(made, values):
    """The twin drops what netlang dropped: where a dropout's output is not zero, or its input is."""
    for node in made.layers:
        if node.made_by.word == "dropout":
            kept = (values[node.id] != 0) | (values[node.inputs[0]] == 0)
            mask = torch.tensor(kept, dtype=torch.float64)
            made.parts[node.id].kept = mask.permute(0, 3, 1, 2) if mask.dim() == 4 else mask


@pytest.mark.parametrize("case", cases.LOSSES, ids=str)
def test_each_loss_agrees_with_pytorch(case):
    graph = cases.primitives(case)
    graph = differentiate(graph, wrt=["x0"])
    feeds = cases.feeds(graph)
    if case.what.word == "binary_cross_entropy":
        feeds["target"] = 1 / (1 + np.exp(feeds["target"]))
    values = interpret(graph, feeds)
    made = twin(cases.net(case), "f64")

    x = tensor(feeds["x0"])
    score = made.score(case.what, tensor(feeds["target"]), x)
    score.backward()
    assert_close(score.detach(), values["loss"])
    assert_close(x.grad, values[graph.outputs["d:x0"]])


@pytest.mark.parametrize("rule", cases.OPTIMIZERS, ids=lambda rule: rule.word)
def test_ten_steps_of_each_optimizer_agree_with_pytorch(rule):
    net = NETS["mlp"]
    graph = updates(differentiate(lower(net, training=True, dtype="f64")), rule)
    made = twin(net, "f64").load(cases.feeds(graph, n=4))
    theirs = optimizer_twin(rule, made.parameters(), rate=0.01)
    kept = {}

    for step in range(1, 11):
        feeds = cases.feeds(graph, n=4, seed=step, reach=1.0)
        batch = {name: feeds[name] for name in ("input", "target")}
        kept = kept or {name: w for name, w in cases.feeds(graph, n=4).items() if name not in batch}
        run = Run(examples=4, step=step, rate=0.01)
        kept |= stepped(graph, interpret(graph, kept | batch, run), run)

        theirs.zero_grad()
        made.score(loss_of(net), tensor(batch["target"]), tensor(batch["input"])).backward()
        theirs.step()
    for name, parameter, _, back in made.named_weights():
        assert_close(kept[name], back(parameter.detach().numpy()))
