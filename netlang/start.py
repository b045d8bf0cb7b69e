"""What a net stores, and the numbers it starts with."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang import checkpoint
from netlang.check.counts import data
from netlang.graph import Net, NodeId
from netlang.layer import Layer, Weight
from netlang.layers import initial
from netlang.lower import settled

Array = NDArray[Any]


def shapes(net: Net) -> dict[NodeId, tuple[int, ...]]:
    """The weights of a net, and what is kept beside them, by name; a transpose has no numbers of its own."""
    found = {w.id: w.type.arrayed(0) for w in net.graph.made_by(Weight) if w.made_by.transposes is None}
    for node in net.graph.made_by(Layer):
        for kept in node.made_by.kept(*(source.type for source in data(net.graph, node))):
            found[f"{node.id}.{kept.name}"] = kept.type.arrayed(0)
    return found


def started(net: Net, seed: int) -> Iterator[tuple[NodeId, Array]]:
    """Their numbers before the first step, by name: drawn, or read from the files that `weights=` names.

    Raises Problem for a file that cannot be read or does not fit.
    """
    pretrained = dict(_pretrained(net))
    for node in net.graph.made_by(Weight):
        weight: Weight = node.made_by
        if weight.transposes is None and node.id not in pretrained:
            word = settled(net.graph, node) if weight.init == "auto" else weight.init
            rng = initial.generator(seed, node.id)
            yield node.id, initial.array(word, node.type.arrayed(0), weight.fans, rng)
    for node in net.graph.made_by(Layer):
        for kept in node.made_by.kept(*(source.type for source in data(net.graph, node))):
            name = f"{node.id}.{kept.name}"
            if name not in pretrained:
                yield name, np.full(kept.type.arrayed(0), kept.start)
    yield from pretrained.items()


def _pretrained(net: Net) -> Iterator[tuple[NodeId, Array]]:
    files: dict[Path, dict[NodeId, str]] = {}
    for name, stored in net.pretrained.items():
        files.setdefault(stored.path, {})[name] = stored.name
    known = shapes(net)
    for path, names in files.items():
        there = checkpoint.load(path).weights
        found = {name: there[called] for name, called in names.items() if called in there}
        checkpoint.fit(path, found, {name: known[name] for name in names})
        yield from found.items()
