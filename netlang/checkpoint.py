"""Weights on disk: safetensors files with the state of the optimizer and what the numbers mean.

Tensors are stored in their public shapes under their public names (`conv1.w`), float32 or float64, the state of the
optimizer beside them under `optimizer:` and its own name. The file's metadata holds strings:

    netlang    version of the language the net was written in
    net        identity of the net: changes when what is computed changes, not when comments do
    others     JSON text, such as the statistics of the data (`statistics`) and how far training was (`progress`)
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.files import Problem, read, write
from netlang.record import dataclass
from netlang.types import shown

LANGUAGE = "1"
STATE = "optimizer:"
SHOWN = 5  # names a message lists before it says how many more there are

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Weights and optimizer state by name, and the remarks stored with them."""

    weights: Arrays
    state: Arrays = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, path: Path) -> Mapping[str, Any]:
        """Those of the training, none in a file from elsewhere. Raises Problem if they are something else."""
        found = self.about.get("settings", {})
        if not isinstance(found, dict):
            raise Problem(f"{path}: the settings of the training stored with the weights cannot be read")
        return found

    def choices(self, path: Path) -> dict[str, str]:
        """The ways of the training's convolutions that were measured. Raises Problem if they are something else."""
        found = self.about.get("choices", {})
        if not isinstance(found, dict) or not all(isinstance(way, str) for way in found.values()):
            raise Problem(f"{path}: the choices of convolutions stored with the weights cannot be read")
        return found


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all. Raises Problem."""
    from safetensors.numpy import save as pack

    tensors = {name: np.ascontiguousarray(w) for name, w in checkpoint.weights.items()}
    tensors |= {STATE + name: np.ascontiguousarray(w) for name, w in checkpoint.state.items()}
    about = {"netlang": LANGUAGE, **checkpoint.about}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in about.items()}
    write(path, pack(tensors, metadata=texts))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, of netlang or any other safetensors file. Raises Problem."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpack

    content = read(path)
    try:
        tensors = unpack(content)
        about = {name: _parsed(name, text) for name, text in _metadata(content).items()}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, KeyError) and str(error.args[0]).startswith(("BF", "F8", "F4", "F6")):
            kind = error.args[0]
            raise Problem(
                f"{path} stores numbers as {kind}, and weights are read as F16, F32 or F64; store them as F32"
            ) from None
        raise Problem(f"{path} is not a whole safetensors file: it is truncated or something else ({error})") from None
    weights = {name: w for name, w in tensors.items() if not name.startswith(STATE)}
    state = {name.removeprefix(STATE): w for name, w in tensors.items() if name.startswith(STATE)}
    return Checkpoint(weights, state, about)


def fit(path: Path, found: Arrays, wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Check that a file has exactly the tensors of a net, all finite. Raises Problem that lists every difference."""
    wrong = [
        f"`{name}` is {shown(found[name].shape)} there and {shown(shape)} in the net"
        for name, shape in wanted.items()
        if name in found and found[name].shape != tuple(shape)
    ]
    differences = [
        _listed("it lacks", [f"`{name}`" for name in wanted if name not in found]),
        _listed("the net has no", [f"`{name}`" for name in found if name not in wanted]),
        _listed("", wrong),
    ]
    if said := "; ".join(filter(None, differences)):
        raise Problem(f"{path} does not hold the weights of this net: {said}. Nothing was loaded.")
    for name, array in found.items():
        if array.dtype.kind != "f":
            raise Problem(f"{path}: `{name}` is {array.dtype}, weights are floating-point numbers. Nothing was loaded.")
        if not np.isfinite(array).all():
            raise Problem(f"{path}: `{name}` holds NaN or infinity. Nothing was loaded.")


def _listed(head: str, items: Iterable[str]) -> str:
    items = list(items)
    if not items:
        return ""
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"{head} {', '.join(items[:SHOWN])}{more}".strip()


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in the header: 8 bytes of its length, then JSON (the safetensors format's description)."""
    size = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    return found


def _parsed(name: str, text: str) -> Any:
    if name in ("netlang", "net"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
