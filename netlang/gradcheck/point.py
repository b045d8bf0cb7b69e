"""Where gradients are compared with differences: sizes that take little time, and random numbers for everything."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.check import letters, refitted, sized
from netlang.check.counts import data, macs
from netlang.diagnostics import NetError
from netlang.files import Problem
from netlang.graph import Input, Net
from netlang.layer import Layer
from netlang.layers import initial
from netlang.lengths import is_sequence
from netlang.lower import loss_of
from netlang.record import dataclass
from netlang.types import Tensor, shown

Array = NDArray[Any]
SIDES = (32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 299, 331, 572)  # pixels of an image's shorter side, tried in turn
LENGTHS = (7, 16, 32, 64)  # of a sequence
WORK = 40e6  # multiply-adds of a batch on its way forward, up to which a net is taken as it is
NUMBERS = 4e5  # that its layers make; every corner of a ReLU between them makes differences harder
BATCHES = 4, 2, 1  # examples of a net that is light, or not; or not, and without norms, which compare examples
CROWD = 16  # numbers that a norm takes the mean of, at least: of two it makes -1 and 1, whatever they are
SPREAD = 0.2  # of the random change of each weight, relative to the weights beside it
STILL = 0.1  # size of weights that start at zero
ASIDE = (
    3.0  # standard deviations that a norm moves its channels, up or down, so that few numbers lie at a ReLU's corner
)


@dataclass(frozen=True)
class Point:
    """Inputs and targets by name, for one batch. lengths: of the examples of each sequence, where they differ"""

    inputs: Mapping[str, Array]
    targets: Mapping[str, Array]
    lengths: Mapping[str, Array]


def small(net: Net, size: tuple[int, ...] | None, batch: int) -> Net:
    """The net, for smaller inputs where it is large; its open sizes chosen. Nothing is read from files of weights.

    size: of the inputs, as the user wants it: height and width of images, length of sequences
    Raises NetError or Problem where the size does not suit.
    """
    net = replace(net, pretrained={})
    if size is not None:
        return refitted(net, _shapes(net, size))
    if letters(net) or not _light(net, batch):
        fitting = list(_fitting(net))
        return next((n for n in fitting if _crowded(n, batch)), fitting[0] if fitting else net)
    return net


def usual_batch(net: Net, size: tuple[int, ...] | None) -> int:
    """How many examples to take where nobody says: fewer of a net that stays large."""
    most, few, one = BATCHES
    if _light(small(net, size, most), most):
        return most
    return few if any(node.made_by.norm for node in net.graph.made_by(Layer)) else one


def _shapes(net: Net, size: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The inputs' shapes for a size that the user gave. Raises Problem."""
    found = {}
    for node in net.graph.made_by(Input):
        places = _places(node.type)
        if len(places) == len(size):
            channels = (d for d in node.type.shape[1 + len(places) :] if isinstance(d, int))  # tokens have none
            found[node.id] = (*size, *channels)
    if not found:
        there = " and ".join(shown(node.type.shape) for node in net.graph.made_by(Input))
        raise Problem(f"--size {'x'.join(map(str, size))}: the input is {there}; HxW is for images, T for sequences")
    return found


def _places(type_: Tensor) -> tuple[Any, ...]:
    """Height and width of an image, the length of a sequence; nothing of a vector."""
    return type_.shape[1:] if type_.classes else type_.shape[1:-1]


def _light(net: Net, batch: int) -> bool:
    count = macs(net.graph)
    assert isinstance(count, int), "sizes are fixed"
    return count * batch <= WORK and sum(n.type.size for n in net.graph.made_by(Layer)) * batch <= NUMBERS


def _fitting(net: Net) -> Iterator[Net]:
    """The net for smaller inputs, the smallest first, where its layers fit."""
    open_ = letters(net)
    whole = [node for node in net.graph.made_by(Input) if _places(node.type)]
    image = any(len(_places(node.type)) == 2 for node in whole)
    for side in SIDES if image else (*LENGTHS, *SIDES):
        try:
            if open_:
                yield sized(net, dict.fromkeys(open_, side))
                continue
            shortest = min((min(_places(node.type)) for node in whole), default=0)
            if side < shortest:
                yield refitted(net, {n.id: _shrunk(n.type, side, shortest) for n in whole})
        except NetError:
            continue


def _shrunk(type_: Tensor, side: int, shortest: int) -> tuple[int, ...]:
    """The shape with its places in proportion, the shortest of all inputs' sides as long as `side`."""
    places = _places(type_)
    return (*(-(-place * side // shortest) for place in places), *type_.shape[1 + len(places) :])


def _crowded(net: Net, batch: int) -> bool:
    """Whether every norm has enough numbers for each channel."""
    norms = (node for node in net.graph.made_by(Layer) if node.made_by.norm)
    return all(batch * data(net.graph, node)[0].type.positions >= CROWD for node in norms)


def point(net: Net, batch: int, seed: int, *, lengths: bool = False) -> Point:
    """Random inputs and targets. Raises Misfit where the loss does not go with the net.

    lengths: whether sequences get lengths, the first of a batch as long as there is room. Raises Problem without any
    """
    rng = np.random.default_rng((seed, 1))
    inputs = {node.id: _input(node.type, batch, rng) for node in net.graph.made_by(Input)}
    targets = {}
    for name, of in net.graph.outputs.items():
        loss, made = loss_of(net, name), net.graph[of].type
        shape = loss.expects(made).arrayed(batch)
        labelled = loss.target == "labels"
        targets[name] = rng.integers(0, made.channels, shape) if labelled else rng.uniform(0, 1, shape)
    steps = {node.id: node.type.arrayed(0)[1] for node in net.graph.made_by(Input) if is_sequence(node.type)}
    if lengths and not steps:
        raise Problem(f"{net.name} reads no sequence whose examples could have different lengths")
    ends = {name: np.array([last, *rng.integers(1, last + 1, batch - 1)]) for name, last in steps.items() if lengths}
    return Point(inputs, targets, ends)


def _input(type_: Tensor, batch: int, rng: np.random.Generator) -> Array:
    shape = (batch, *type_.arrayed(batch)[1:])
    return rng.integers(0, type_.classes, shape) if type_.classes else rng.normal(size=shape)


def moved(net: Net, name: str, weight: Array, seed: int) -> Array:
    """A weight away from where it starts: biases of 0 and scales of 1 hide what is wrong with them.

    The shift of a norm takes each channel ASIDE, up or down: where it is 0, numbers crowd at the corner of a ReLU
    behind it, and in a deep net every step carries some of them across.
    """
    rng = initial.generator(seed, f"{name} moved")
    size = float(np.sqrt(np.mean(weight**2)))
    noise = rng.normal(size=weight.shape)
    if size:
        return weight + noise * SPREAD * size
    return noise * STILL + (ASIDE * rng.choice((-1.0, 1.0), weight.shape) if _shifts(net, name) else 0.0)


def _shifts(net: Net, name: str) -> bool:
    """Whether a norm adds this weight to its channels."""
    return name in net.graph and any(n.made_by.norm for n in net.graph.readers(name) if isinstance(n.made_by, Layer))
