"""The tensors of a program that stay: weights, and what the optimizer remembers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang import checkpoint
from netlang.checkpoint import Checkpoint
from netlang.graph import Node
from netlang.loaded import Loaded
from netlang.types import shown

Array = NDArray[Any]


class Tensors:
    """Weights, or what the optimizer remembers, by name: reading copies, in the public shape; assigning sets."""

    def __init__(self, nodes: list[Node], home: Loaded, identity: str, changed: Callable[[], None]) -> None:
        """identity: of the net, for files; changed: called when one was set."""
        self._home, self._identity, self._changed = home, identity, changed
        self._nodes = {node.id: node for node in nodes}

    def __getitem__(self, name: str) -> Array:
        self._known(name)
        value = self._home.read(name, 0)
        value.flags.writeable = False
        return value

    def __setitem__(self, name: str, value: Array) -> None:
        wanted = self._known(name).type.arrayed(0)
        value = np.asarray(value)
        if value.dtype.kind not in "fiub":
            raise ValueError(f"`{name}` takes real numbers, not {value.dtype}")
        if value.shape != wanted:
            raise ValueError(f"`{name}` has the shape {shown(wanted)}, not {shown(value.shape)}")
        self._home.write(name, value)
        self._changed()

    def _known(self, name: str) -> Node:
        if name not in self._nodes:
            raise KeyError(f"there is no `{name}`, only {', '.join(self._nodes) or 'nothing'}")
        return self._nodes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def save(self, path: str | Path) -> None:
        """Write them as safetensors, whole or not at all. Raises Problem."""
        checkpoint.save(Path(path), Checkpoint(dict(self._items()), {}, {"net": self._identity}))

    def load(self, path: str | Path) -> None:
        """Read them from safetensors. Raises Problem, and then nothing has changed."""
        found = checkpoint.load(Path(path)).weights
        checkpoint.fit(Path(path), found, {name: node.type.arrayed(0) for name, node in self._nodes.items()})
        for name, value in found.items():
            self[name] = value

    def _items(self) -> Iterator[tuple[str, Array]]:
        return ((name, self[name]) for name in self)
