"""ONNX Runtime, computing the exported net: another peer of inference."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from netlang.bench.peers import Case, Work

NAME = "onnxruntime"


def available() -> bool:
    """Whether ONNX Runtime and what writes its models are installed."""
    import importlib.util

    return all(importlib.util.find_spec(name) is not None for name in ("onnx", NAME))


def inference(case: Case) -> dict[str, Work]:
    """A call that computes the outputs of the batch. Images lie channels first, as its convolutions want them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        exported(case, path)
        return {NAME: session(path, case.inputs, case.threads)}


def exported(case: Case, path: Path) -> None:
    """Write the net as ONNX Runtime likes it."""
    case.net.export(path, case.weights, channels_first=True, external=True)


def session(path: Path, inputs: list[Any], threads: int) -> Work:
    """A call that runs an exported net on its inputs [n, ...]."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {}
    for entry, x in zip(made.get_inputs(), inputs, strict=True):
        fed = np.ascontiguousarray(_first(x))
        feeds[entry.name] = fed.astype(np.int64) if "int64" in entry.type else fed
    return lambda: made.run(None, feeds)


def _first(x: Any) -> Any:
    """x[n, h, w, c] with its channels behind the batch; sequences and images alike, vectors and tokens as they are."""
    return np.moveaxis(x, -1, 1) if x.ndim > 2 else x
