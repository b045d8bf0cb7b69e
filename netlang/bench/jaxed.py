"""Small nets written for JAX: chains of convolutions, pools, dense and recurrent layers, a peer beside PyTorch.

Written as its users would: a recurrence is one product for the inputs of all steps and a scan over packed gates; a
training step is one compiled function whose weights and states are given back in place.
"""

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from netlang.backend.limits import thread_count
from netlang.bench.peers import Case, Work
from netlang.check.counts import data
from netlang.graph import Node
from netlang.layer import Layer
from netlang.layers.sliding import windows
from netlang.lower import loss_of
from netlang.pipeline import optimizer_of

NAME = "jax"
GATES = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z"), "rnn": ("h",)}
Array = Any
Weights = dict[str, Array]
Part = Callable[[Weights, Array], Array]


class NoTwinError(Exception):
    """A net, or a way to train it, that has no twin here."""


def available() -> bool:
    """Whether JAX is installed."""
    return importlib.util.find_spec(NAME) is not None


def inference(case: Case, note: Callable[[str], None]) -> dict[str, Work]:
    """A call that computes the output of the batch; none, and a note, for a net without a twin."""
    return _noted(_inference, case, note)


def training(case: Case, note: Callable[[str], None]) -> dict[str, Work]:
    """A call that takes one optimizer step."""
    return _noted(_training, case, note)


def _noted(of: Callable[[Case], Work], case: Case, note: Callable[[str], None]) -> dict[str, Work]:
    if case.threads not in (1, thread_count()):
        note(f"jax: left out, it runs with 1 or {thread_count()} threads, not {case.threads}")
        return {}
    if case.threads == 1:  # read when JAX first computes
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    try:
        return {NAME: of(case)}
    except NoTwinError as reason:
        note(f"jax: left out, {reason}")
        return {}


def _inference(case: Case) -> Work:
    import jax

    parts, weights = _chain(case)
    run = jax.jit(lambda weights, x: jax.nn.softmax(_through(parts, weights, x)))
    x = jax.numpy.asarray(case.x)
    return lambda: run(weights, x).block_until_ready()


def _training(case: Case) -> Work:
    import jax

    if loss_of(case.net.checked).word != "cross_entropy":
        raise NoTwinError("its training is written for cross-entropy")
    parts, weights = _chain(case)
    start, update = _optimizer(case.train)
    x, target = jax.numpy.asarray(case.x), jax.numpy.asarray(case.target.astype(np.int32))

    def loss(weights: Weights) -> Array:
        chances = jax.nn.log_softmax(_through(parts, weights, x))
        return -jax.numpy.take_along_axis(chances, target[:, None], axis=1).mean()

    def step(weights: Weights, state: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(weights)
        return value, *update(weights, slopes, state)

    run = jax.jit(step, donate_argnums=(0, 1))
    held = [weights, start(weights)]

    def work() -> object:
        value, *held[:] = run(*held)
        return value.block_until_ready()

    return work


def _chain(case: Case) -> tuple[list[Part], Weights]:
    """The layers in front of the softmax, one after the other, and their weights as JAX holds them."""
    import jax

    graph = case.net.graph
    nodes = list(graph.made_by(Layer))
    if len(case.inputs) > 1 or len(graph.outputs) > 1 or nodes[-1].made_by.word != "softmax":
        raise NoTwinError("its twins have one input, and end in one softmax")
    parts: list[Part] = []
    weights: Weights = {}
    before = None
    for node in nodes[:-1]:
        read = data(graph, node)
        if len(read) != 1 or (before is not None and read[0].id != before.id):
            raise NoTwinError("its twins are chains of layers")
        make = _PARTS.get(node.made_by.word)
        if make is None:
            raise NoTwinError(f"it has no twin of `{node.made_by.word}`")
        parts.append(make(node, read[0].type, case.weights, weights))
        before = node
    return parts, {name: jax.numpy.asarray(value) for name, value in weights.items()}


def _through(parts: list[Part], weights: Weights, x: Array) -> Array:
    for part in parts:
        x = part(weights, x)
    return x


def _product(node: Node, given: Weights, into: Weights, of: Callable[[Array, Array], Array]) -> Part:
    """A layer that multiplies with its matrix `of(y, w)` and adds its bias, if it has one."""
    w, b = f"{node.id}.w", f"{node.id}.b"
    into.update({name: given[name] for name in (w, b) if name in given})
    return (lambda have, y: of(y, have[w]) + have[b]) if b in given else (lambda have, y: of(y, have[w]))


def _conv(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    from jax import lax

    layer: Any = node.made_by
    at = windows(layer, x)
    if layer.groups != 1 or len(x.shape) != 4:
        raise NoTwinError("it has no twin of convolutions in groups or over sequences")
    top, left, bottom, right = at.pad
    settings = {"window_strides": at.stride, "padding": ((top, bottom), (left, right)), "rhs_dilation": at.dilation}
    axes = ("NHWC", "HWIO", "NHWC")
    return _product(node, given, into, lambda y, w: lax.conv_general_dilated(y, w, dimension_numbers=axes, **settings))


def _maxpool(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    from jax import lax

    at = windows(node.made_by, x, end_first=True)
    top, left, bottom, right = at.pad
    sides = ((0, 0), (top, bottom), (left, right), (0, 0))
    kernel, stride = (1, *at.kernel, 1), (1, *at.stride, 1)
    return _plain(lambda y: lax.reduce_window(y, -np.inf, lax.max, kernel, stride, sides))


def _dense(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    return _product(node, given, into, lambda y, w: y.reshape(len(y), -1) @ w)


def _recurrent(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    """Gates side by side: wx[m, k n], wh[n, k n], b[k n]; behind a gru's product of its candidate `after`[n]."""
    import jax
    from jax import lax

    layer: Any = node.made_by
    kind, m = layer.word, x.channels
    if any(layer.flag(flag) for flag in ("bidirectional", "reverse")) or not _usual(layer):
        raise NoTwinError(f"it has no twin of these settings of `{kind}`")
    gates = [(given[f"{node.id}.{gate}.W"], given[f"{node.id}.{gate}.b"]) for gate in GATES[kind]]
    wx, wh, b = [w[:m] for w, _ in gates], [w[m:] for w, _ in gates], [bias for _, bias in gates]
    after = []
    if kind == "gru":
        wx, wh = [*wx, given[f"{node.id}.g.W1"]], [*wh, given[f"{node.id}.g.W2"]]
        b, after = [*b, given[f"{node.id}.g.b1"]], [given[f"{node.id}.g.b2"]]
    packed = {name: value for name, value in (("wx", wx), ("wh", wh), ("b", b), ("after", after)) if value}
    into.update({f"{node.id}.{name}": np.concatenate(value, axis=-1) for name, value in packed.items()})
    step, last = _STEPS[kind], layer.flag("last")

    def run(have: Weights, y: Array) -> Array:
        wx, wh, b, *rest = (have[f"{node.id}.{name}"] for name in packed)
        entering = jax.numpy.swapaxes(y @ wx + b, 0, 1)  # [t, n, gates]: the inputs of all steps in one product
        zero = jax.numpy.zeros((len(y), layer.width), y.dtype)
        _, made = lax.scan(lambda state, a: step(state, a, state[0] @ wh, *rest), (zero, zero), entering)
        return made[-1] if last else jax.numpy.swapaxes(made, 0, 1)

    return run


def _usual(layer: Any) -> bool:
    settings = {"lstm": ("peephole", False), "gru": ("reset", "after"), "rnn": ("act", "tanh")}
    name, usual = settings[layer.word]
    return bool(getattr(layer, name) == usual)


def _lstm(state: Any, x: Array, h: Array) -> Any:
    import jax

    i, f, g, o = jax.numpy.split(x + h, 4, axis=-1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jax.numpy.tanh(g)
    y = jax.nn.sigmoid(o) * jax.numpy.tanh(c)
    return (y, c), y


def _gru(state: Any, x: Array, h: Array, after: Array) -> Any:
    import jax

    (xr, xz, xg), (hr, hz, hg) = (jax.numpy.split(a, 3, axis=-1) for a in (x, h))
    z = jax.nn.sigmoid(xz + hz)
    y = z * state[0] + (1 - z) * jax.numpy.tanh(xg + jax.nn.sigmoid(xr + hr) * (hg + after))
    return (y, state[1]), y


def _rnn(state: Any, x: Array, h: Array) -> Any:
    import jax

    y = jax.numpy.tanh(x + h)
    return (y, state[1]), y


def _plain(run: Callable[[Array], Array]) -> Part:
    return lambda _, y: run(y)


def _pointwise(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    import jax

    return _plain({"relu": jax.nn.relu, "tanh": jax.numpy.tanh, "sigmoid": jax.nn.sigmoid}[node.made_by.word])


def _flatten(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    return _plain(lambda y: y.reshape(len(y), -1))


def _last(node: Node, x: Any, given: Weights, into: Weights) -> Part:
    return _plain(lambda y: y[:, -1])


_STEPS: dict[str, Callable[..., Any]] = {"lstm": _lstm, "gru": _gru, "rnn": _rnn}
_PARTS: dict[str, Callable[..., Part]] = {
    "conv": _conv,
    "maxpool": _maxpool,
    "fc": _dense,
    "flatten": _flatten,
    "last": _last,
    **dict.fromkeys(_STEPS, _recurrent),
    **dict.fromkeys(("relu", "tanh", "sigmoid"), _pointwise),
}


def _optimizer(settings: dict[str, Any]) -> tuple[Callable[[Weights], Any], Callable[..., Any]]:
    """(weights -> state) and (weights, slopes, state -> weights, state), as the file's `train:` says."""
    import jax

    how: Any = optimizer_of(settings)
    rate = float(settings.get("lr") or how.rate)
    every = jax.tree_util.tree_map
    if how.word == "sgd":
        return (lambda _: ()), lambda w, d, state: (every(lambda a, b: a - rate * b, w, d), state)
    if how.word != "adam":
        raise NoTwinError(f"its training is written for sgd and adam, not for {how.word}")
    one, two = how.beta1, how.beta2

    def start(weights: Weights) -> Any:
        zero = every(jax.numpy.zeros_like, weights)
        return zero, every(jax.numpy.copy, zero), jax.numpy.zeros((), np.float32)

    def update(weights: Weights, slopes: Weights, state: Any) -> Any:
        mean, square, count = state
        count = count + 1
        mean = every(lambda m, d: one * m + (1 - one) * d, mean, slopes)
        square = every(lambda s, d: two * s + (1 - two) * d * d, square, slopes)
        short, long = (-jax.numpy.expm1(count * np.log(beta)) for beta in (one, two))  # 1 - beta^t
        moved = every(
            lambda w, m, s: w - rate * (m / short) / (jax.numpy.sqrt(s / long) + how.eps), weights, mean, square
        )
        return moved, (mean, square, count)

    return start, update
