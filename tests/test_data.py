"""Where examples come from, and what is said of wrong ones."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from netlang.files import Problem
from netlang.train import data


def npz(tmp_path: Path, **arrays: np.ndarray) -> str:
    np.savez(tmp_path / "d.npz", **arrays)
    return str(tmp_path / "d.npz")


def test_the_digits_are_1797_and_the_last_360_are_the_test():
    digits = data.load("digits", "last")

    assert digits.x.shape == (1437, 8, 8, 1)
    assert digits.x_test.shape == (360, 8, 8, 1)
    assert digits.classes == 10
    assert (digits.x.min(), digits.x.max()) == (0, 16)
    assert digits.y[:10].tolist() == list(range(10))  # the order of the original file
    assert int(digits.x.sum()) + int(digits.x_test.sum()) == 561718


def test_every_fifth_example_can_be_the_test():
    last, fifth = data.load("digits", "last"), data.load("digits", "fifth")
    x = np.concatenate([last.x, last.x_test])

    assert np.array_equal(fifth.x_test, x[4::5])
    assert len(fifth.x) + len(fifth.x_test) == len(x)


def test_xor_is_four_points_that_are_their_own_test():
    xor = data.load("xor", "last")

    assert [int(a) ^ int(b) for a, b in xor.x] == xor.y.tolist() == xor.y_test.tolist()


def test_the_shapes_are_the_same_pictures_every_time():
    found, again = data.load("shapes", "last"), data.load("shapes", "last")

    assert np.array_equal(found.x, again.x)
    assert (found.x.shape, found.x_test.shape, found.y.shape) == ((800, 24, 24, 1), (200, 24, 24, 1), (800, 24, 24))
    assert np.bincount(found.y_test.flat).tolist() == [88_846, 8_573, 11_528, 6_253]
    assert found.x[found.y == 0].max() < 0.36 < found.x[found.y > 0].min() + 0.02  # ink is brighter than paper


def test_a_file_is_split_unless_it_has_a_test_part(tmp_path: Path):
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3
    split = data.load(npz(tmp_path, x=x, y=y), "last")
    given = data.load(npz(tmp_path, x=x, y=y, x_test=x[:3], y_test=y[:3]), "last")

    assert (len(split.x), len(split.x_test)) == (8, 2)
    assert (len(given.x), len(given.x_test)) == (10, 3)
    assert given.classes == 3


def test_float_labels_are_values_without_classes(tmp_path: Path):
    assert data.load(npz(tmp_path, x=np.ones((5, 2)), y=np.ones(5)), "last").classes is None


X = np.zeros((5, 2))
WRONG = [
    ({"x": X}, "lacks `y`: it has x"),
    ({"a": X}, "lacks `x` and `y`: it has a"),
    ({"x": X, "y": np.zeros(4, int)}, "`x` has 5 examples, `y` has 4"),
    ({"x": X, "y": np.zeros(5, int), "x_test": X}, "`x_test` or `y_test` alone"),
    ({"x": X[:, 0], "y": np.zeros(5, int)}, "`x` has the shape 5; "),
    ({"x": X[:0], "y": np.zeros(0, int)}, "`x` has the shape 0x2: no examples"),
    ({"x": X[:1], "y": np.zeros(1, int)}, "has 1 example"),
    ({"x": np.where(np.arange(10).reshape(5, 2) == 6, np.nan, 0), "y": np.zeros(5, int)}, "first in example 3, 1 in"),
    ({"x": X, "y": np.array([0, 1, -2, 0, 0])}, "`y` has the label -2 in example 2"),
    ({"x": X, "y": np.array([0, 1, np.inf, 0, 0])}, "`y` holds NaN or infinity: first in example 2"),
    ({"x": np.full((5, 2), 1e300), "y": np.zeros(5, int)}, "numbers too large for float32: first in example 0, 5 in"),
    ({"x": np.zeros((5, 0, 3, 1)), "y": np.zeros(5, int)}, "`x` has the shape 5x0x3x1: no numbers"),
    ({"x": X.astype(str), "y": np.zeros(5, int)}, "`x` holds <U32; numbers are needed"),
    (
        {"x": X, "y": np.zeros(5, int), "x_test": np.zeros((1, 3)), "y_test": np.zeros(1, int)},
        "are 2, those of `x_test` 3",
    ),
    ({"x": X, "y": np.zeros(5, int), "x_test": X, "y_test": np.zeros(5)}, "`y` is int64 .* `y_test` is float32"),
]


@pytest.mark.parametrize(("arrays", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_file_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str):
    with pytest.raises(Problem, match=message):
        data.load(npz(tmp_path, **arrays), "last")


def test_a_truncated_file_is_refused(tmp_path: Path):
    path = Path(npz(tmp_path, x=X, y=np.zeros(5, int)))
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(Problem, match="is not a whole"):
        data.load(str(path), "last")


def headed(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


@pytest.mark.parametrize("shape", ["(1000000000000, 4)", "((((", "(-4, 4)"])
def test_a_header_that_lies_is_refused(tmp_path: Path, shape: str):
    (tmp_path / "d.npy").write_bytes(headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n"))

    with pytest.raises(Problem, match=r"d\.npy (is not a whole .npy|does not fit into memory)"):
        data.read_arrays(tmp_path / "d.npy")


@pytest.mark.parametrize("place", range(0, 900, 23))
def test_a_file_damaged_anywhere_is_refused_or_read(tmp_path: Path, place: int):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(20, 4)), y=np.arange(20))
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 0xFF
    path.write_bytes(content)

    with contextlib.suppress(Problem):  # and nothing else
        assert len(data.read_arrays(path)) == 2


def test_pickled_objects_are_not_loaded(tmp_path: Path):
    path = npz(tmp_path, x=np.array([{}, {}], object), y=np.zeros(2, int))

    with pytest.raises(Problem, match="of plain numbers"):
        data.load(path, "last")


def test_an_unknown_name_is_refused():
    with pytest.raises(Problem, match=r"`data=digit` is neither built in \(digits, xor, shapes, sentences\) nor"):
        data.load("digit", "last")


def test_a_label_beyond_the_classes_is_named():
    with pytest.raises(Problem, match="example 1 has label 10, but the net has 10 classes, 0 to 9"):
        data.check_labels(np.array([9, 10]), 10, "d.npz")
