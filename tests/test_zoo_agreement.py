"""Nets of the zoo at their full size: loss and gradients beside PyTorch's.

NETLANG_ZOO=all takes every net that compiles and has one input of numbers; the ordinary run the smallest.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import netlang
from netlang.graph import Input
from netlang.lower import loss_of
from netlang.pipeline import refuse_uncompiled

torch = pytest.importorskip("torch", reason="the extra `reference` is not installed")
from netlang.layers.twin import twin  # noqa: E402 (needs torch)

pytestmark = pytest.mark.reference
EXAMPLES = Path(__file__).parents[1] / "examples"
USUAL = ("squeezenet",)
MATHEMATICS = 1e-8  # relative, in float64: the order of sums, through fifty layers
FLOOR = 1e-6  # of the largest gradient: smaller ones are noise
# A pixel that rounding moves across a ReLU's corner changes every gradient in front of it: PyTorch's float32 is 7e-4
# from its float64 on SqueezeNet. All gradients together:
FLIPS = 0.02


def plain(path):
    """The net of a file without dropout, whose masks PyTorch draws otherwise, and without heads at the side."""
    text = re.sub(r"dropout( [\d.]+)?", "identity", path.read_text("utf8"))
    lines = [line for line in text.split("\n") if not re.match(r"expect|@.*side", line)]
    net = netlang.from_text("\n".join(lines).replace(", output\n", "\n"))
    sizes = {letter: 64 for letter in ("H", "W", "T") if letter in str(net.input)}
    return netlang.net.Net(netlang.check.sized(net.checked, sizes)) if sizes else net


def nets():
    for path in sorted(EXAMPLES.glob("*.net")):
        if os.environ.get("NETLANG_ZOO") != "all" and path.stem not in USUAL:
            continue
        net = plain(path)
        try:
            refuse_uncompiled(net.checked, "gradients")
        except netlang.NetError:
            continue
        if len(list(net.graph.made_by(Input))) == 1 and not net.input.classes:
            yield path.stem, net


def by_pytorch(net, weights, x, target, dtype):
    made = twin(net.checked, dtype).load(weights)
    loss = made.score(loss_of(net.checked), torch.as_tensor(target), torch.as_tensor(x, dtype=made_type(dtype)))
    loss.backward()
    return float(loss.detach()), made.gradients()


def made_type(dtype):
    return torch.float64 if dtype == "f64" else torch.float32


def tamed(net, weights):
    """The last scale of each residual block at 0.2: else PyTorch's own float32 is off by percents."""
    ends = {i for node in net.graph if getattr(node.made_by, "skips", False) for i in node.inputs}
    for node in net.graph:
        if node.id in ends and getattr(node.made_by, "norm", False):
            name = f"{node.id}.scale"
            weights[name] = np.full_like(weights[name], 0.2)
    return weights


def target_of(net, n, rng):
    places = int(np.prod(net.output.arrayed(n)[1:-1]))
    if loss_of(net.checked).target == "labels":
        return rng.integers(0, net.output.channels, (n, *net.output.arrayed(n)[1:-1], 1))
    assert places
    return rng.uniform(0, 1, net.output.arrayed(n))


EACH = pytest.mark.parametrize("net", [pytest.param(net, id=name) for name, net in nets()])


def compiled(net, dtype):
    """A program with weights that float32 holds, a batch of two, and what is to come out."""
    rng = np.random.default_rng(0)
    program = net.compile(batch=2, seed=1, dtype=dtype)
    for key, value in tamed(net, {k: np.array(program.weights[k]) for k in program.weights}).items():
        program.weights[key] = value.astype(np.float32)
    x = rng.normal(size=net.input.arrayed(2)).astype(np.float32)
    return program, {k: program.weights[k] for k in program.weights}, x, target_of(net, 2, rng)


@EACH
def test_the_mathematics_are_pytorchs(net):
    program, weights, x, target = compiled(net, "f64")

    loss, grads = program.gradients(x, target)
    wanted_loss, wanted = by_pytorch(net, weights, x, target, "f64")
    largest = max(np.linalg.norm(g) for g in wanted.values())
    assert loss == pytest.approx(wanted_loss, rel=MATHEMATICS)
    for key, gradient in wanted.items():
        scale = max(np.linalg.norm(gradient), FLOOR * largest)
        assert np.linalg.norm(grads[key] - gradient) <= MATHEMATICS * scale, key


@EACH
def test_float32_is_near_float64(net):
    program, weights, x, target = compiled(net, "f32")

    loss, grads = program.gradients(x, target)
    wanted_loss, wanted = by_pytorch(net, weights, x, target, "f64")
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    away = sum(np.linalg.norm(grads[k] - wanted[k]) ** 2 for k in wanted)
    assert away <= FLIPS**2 * sum(np.linalg.norm(g) ** 2 for g in wanted.values())
