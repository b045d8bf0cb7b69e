"""Weights on disk."""

from pathlib import Path

import numpy as np
import pytest

from netlang.checkpoint import Checkpoint, fit, load, save
from netlang.files import Problem

W = np.arange(6, dtype=np.float32).reshape(2, 3)


def stored(tmp_path: Path) -> Path:
    path = tmp_path / "w.safetensors"
    save(path, Checkpoint({"fc1.w": W.T, "fc1.b": W[0]}, {"fc1.w:m": W}, {"net": "abc", "progress": {"epoch": 2}}))
    return path


def test_what_is_saved_is_loaded(tmp_path: Path):
    found = load(stored(tmp_path))

    assert {name: w.tolist() for name, w in found.weights.items()} == {"fc1.w": W.T.tolist(), "fc1.b": W[0].tolist()}
    assert found.state["fc1.w:m"].tolist() == W.tolist()
    assert found.about == {"netlang": "1", "net": "abc", "progress": {"epoch": 2}}


def test_a_file_of_another_program_has_weights_and_no_remarks(tmp_path: Path):
    from safetensors.numpy import save_file

    save_file({"a": W}, tmp_path / "other.safetensors")

    found = load(tmp_path / "other.safetensors")

    assert (list(found.weights), found.state, found.about) == (["a"], {}, {})


@pytest.mark.parametrize("length", [0, 4, 8, 40, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, length: int):
    path = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(Problem, match="is not a whole safetensors file"):
        load(path)


def test_weights_of_another_net_are_refused_with_every_difference(tmp_path: Path):
    found = {"fc1.w": W, "fc2.w": W}

    with pytest.raises(Problem) as caught:
        fit(Path("w"), found, {"fc1.w": (2, 4), "fc1.b": (4,)})

    assert str(caught.value) == (
        "w does not hold the weights of this net: it lacks `fc1.b`; the net has no `fc2.w`; "
        "`fc1.w` is 2x3 there and 2x4 in the net. Nothing was loaded."
    )


def test_long_lists_of_differences_are_cut():
    with pytest.raises(Problem, match="`w0`, `w1`, `w2`, `w3`, `w4` and 4 more"):
        fit(Path("w"), {}, {f"w{i}": (1,) for i in range(9)})


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(Problem, match=r"`fc1\.w` holds NaN or infinity"):
        fit(Path("w"), {"fc1.w": np.full_like(W, np.nan)}, {"fc1.w": W.shape})


def test_weights_that_are_not_floating_point_are_refused():
    with pytest.raises(Problem, match="`a` is int64"):
        fit(Path("w"), {"a": np.zeros(2, np.int64)}, {"a": (2,)})
