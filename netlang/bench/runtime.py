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
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        case.net.export(path, case.weights, channels_first=True, external=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = case.threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    x = np.ascontiguousarray(_first(case.x))
    feeds = {entry.name: x.astype(np.int64) if "int64" in entry.type else x}

    def work() -> Any:
        return session.run(None, feeds)

    return {NAME: work}


def _first(x: Any) -> Any:
    """x[n, h, w, c] with its channels behind the batch; sequences and images alike, vectors and tokens as they are."""
    return np.moveaxis(x, -1, 1) if x.ndim > 2 else x
