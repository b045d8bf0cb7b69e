"""Nets in the formats of others: ONNX for a net with its weights, safetensors for weights alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from netlang import checkpoint
from netlang.checkpoint import Checkpoint
from netlang.export.onnx import Form, Weights
from netlang.export.onnx import export as export_onnx
from netlang.files import Problem
from netlang.graph import Net
from netlang.start import shapes, started
from netlang.types import shown

KINDS = (".onnx", ".safetensors")
REMARKS = ("statistics", "settings")  # of a run: what `netlang run` and `evaluate` read


def export(net: Net, identity: str, path: Path, weights: Weights, form: Form, about: Mapping[str, Any]) -> None:
    """Write a net to `x.onnx`, or its weights to `x.safetensors`, whole or not at all. Raises NetError or Problem.

    about: remarks that go with the weights, of which those on training that goes on are left out
    """
    if path.suffix.lower() == ".onnx":
        export_onnx(net, identity, path, weights, form)
    elif path.suffix.lower() == ".safetensors":
        numbers = {name: np.asarray(weights[name], np.float32) for name in shapes(net)}
        kept = {name: value for name, value in about.items() if name in REMARKS}
        checkpoint.save(path, Checkpoint(numbers, {}, {"net": identity, **kept}))
    else:
        raise Problem(f"{path}: a net is exported as {' or '.join(KINDS)}")


def given(net: Net, weights: Mapping[str, Any] | str | Path | None, seed: int = 0) -> dict[str, Any]:
    """All that a net stores, by name: of a mapping, of a safetensors file, or as it starts.

    Raises Problem for a file that does not fit, ValueError for a mapping that does not.
    """
    wanted = shapes(net)
    if weights is None:
        return dict(started(net, seed))
    if isinstance(weights, str | Path):
        found = checkpoint.load(Path(weights)).weights
        checkpoint.fit(Path(weights), found, wanted)
        return dict(found)
    names = set(weights)
    for name, shape in wanted.items():
        if name not in names:
            raise ValueError(f"the weights lack `{name}`")
        if np.shape(weights[name]) != shape:
            raise ValueError(f"`{name}` has the shape {shown(shape)}, not {shown(np.shape(weights[name]))}")
    return {name: weights[name] for name in wanted}
