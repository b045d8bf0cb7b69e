"""Where examples come from: built-in sets, .npz files and texts. Checked here, so that later stages may trust them."""

import io
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.check.train import LABELLED
from netlang.files import Problem, read
from netlang.ragged import checked, cut
from netlang.record import dataclass
from netlang.source import unified
from netlang.train import shapes, text
from netlang.types import shown

Array = NDArray[Any]
DIGITS_TEST = 360  # the last in file order: other writers than the training part
BUILT_IN = LABELLED


@dataclass(frozen=True)
class Data:
    """Examples as their source has them: x[n, h, w, c] images, x[n, d] vectors, x[n, t, d] sequences or x[n, t] tokens.

    y: class numbers int[n], or int[n, ...] one for each place, or values float[n, ...]
    peak: the largest value the source can hold (16 for the digits), which bright white of a picture is mapped to
    lengths, lengths_test: how many steps of each example are real, int[n], from 1 to t; None where all are
    alphabet: the characters that tokens stand for; empty where they stand for none
    """

    name: str
    x: Array
    y: Array
    x_test: Array
    y_test: Array
    peak: float
    lengths: Array | None = None
    lengths_test: Array | None = None
    alphabet: str = ""

    @property
    def images(self) -> bool:
        """Whether the examples are pictures, which can be resized and shifted."""
        return self.x.ndim == 4

    @property
    def every_length(self) -> Array | None:
        """Those of both parts."""
        if self.lengths is None or self.lengths_test is None:
            return None
        return np.concatenate([self.lengths, self.lengths_test])

    @property
    def classes(self) -> int | None:
        """How many classes the labels name; None where they are values."""
        if self.y.dtype.kind not in "iu":
            return None
        return int(max(self.y.max(initial=0), self.y_test.max(initial=0))) + 1


def load(name: str, split: str, steps: int = text.STEPS) -> Data:
    """The data of a built-in name, of an .npz file or of a text. Raises Problem.

    split: `last` (the last 360 digits, or the last fifth of a file) or `fifth` (every fifth) becomes the test,
        unless the file has a test part of its own
    steps: how many characters of a text make an example
    """
    if name == "digits":
        x, y = _arrays(name, (files("netlang.train") / "data" / "digits.npz").read_bytes())
        return _split(name, x[..., None], y.astype(np.int64), split, DIGITS_TEST, 16.0)
    if name == "xor":
        points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        labels = np.array([0, 1, 1, 0])
        return Data(name, points, labels, points, labels, 1.0)
    if name == "shapes":
        return _split(name, *shapes.drawn(), split, shapes.COUNT // 5, 1.0)
    if name == "sentences":
        return _from_text(name, (files("netlang.train") / "data" / "sentences.txt").read_bytes(), split, steps)
    if Path(name).suffix == ".txt":
        return _from_text(name, read(Path(name)), split, steps)
    if Path(name).suffix != ".npz":
        what = f"`data={name}` is neither built in ({', '.join(BUILT_IN)}) nor the path of an .npz or .txt file"
        if Path(name).suffix == ".npy":
            what += "; an .npy file holds one array, and examples are two: `numpy.savez(file, x=…, y=…)` stores both"
        raise Problem(what)
    return _from_file(Path(name), split)


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of an .npy (as `x`) or .npz file. Raises Problem."""
    content = read(path)
    try:  # whatever NumPy, its header's parser, zip or zlib says of a damaged file
        found = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"x": found}
        return {key: found[key] for key in found.files}
    except MemoryError as error:
        raise Problem(f"{path} does not fit into memory ({error})") from None
    except Exception as error:
        raise Problem(f"{path} is not a whole .npy or .npz file of plain numbers ({error})") from None


def check_values(x: Array, what: str) -> Array:
    """The numbers as float32. Raises Problem that names the first example that is not finite, or too large."""
    if x.dtype.kind not in "fiub":
        raise Problem(f"{what} holds {x.dtype}; numbers are needed")
    with np.errstate(over="ignore"):
        values = x.astype(np.float32)
    finite = np.isfinite(values.reshape(len(x), -1)).all(1)
    if not finite.all():
        first = int(np.argmin(finite))
        wrong = "numbers too large for float32" if np.isfinite(x).all() else "NaN or infinity"
        raise Problem(f"{what} holds {wrong}: first in example {first}, {int((~finite).sum())} in all")
    return values


def check_labels(y: Array, classes: int, what: str) -> None:
    """Raise Problem naming the first class number a net with so many classes cannot answer."""
    wrong = (y < 0) | (y >= classes)
    if wrong.any():
        first = int(np.argmax(wrong.reshape(len(y), -1).any(1)))
        label = int(y[first].flat[0]) if y.ndim > 1 else int(y[first])
        raise Problem(
            f"{what}: example {first} has label {label}, but the net has {classes} classes, 0 to {classes - 1}"
        )


def _arrays(name: str, content: bytes) -> tuple[Array, Array]:
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return found["x"], found["y"]


def _from_text(name: str, content: bytes, split: str, steps: int) -> Data:
    """Stretches of `steps` characters; the labels are the characters that come next."""
    try:
        whole = unified(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Problem(f"{name} is no text in UTF-8: byte {error.start} is {content[error.start]:#x}") from None
    x, y = text.stretches(whole, steps)
    if len(x) < 2:
        raise Problem(f"{name} has {len(whole)} characters; two examples of {steps} need {2 * steps + 1}")
    return replace(_split(name, x, y, split, max(1, len(x) // 5), 1.0), alphabet=text.alphabet(whole))


def _from_file(path: Path, split: str) -> Data:
    found = read_arrays(path)
    lacking = [key for key in ("x", "y") if key not in found]
    if lacking:
        raise Problem(f"{path} lacks {' and '.join(f'`{k}`' for k in lacking)}: it has {', '.join(found) or 'nothing'}")
    if ("x_test" in found) != ("y_test" in found):
        raise Problem(f"{path} has `x_test` or `y_test` alone: give both or neither")
    if "lengths_test" in found and "x_test" not in found:
        raise Problem(f"{path} has `lengths_test` without `x_test`")
    x, y, lengths = _part(path, found, "")
    if "x_test" not in found:
        return _split(str(path), x, y, split, max(1, len(x) // 5), _peak(x), lengths)
    if ("lengths" in found) != ("lengths_test" in found):
        raise Problem(f"{path} has `lengths` or `lengths_test` alone: give both or neither")
    x_test, y_test, lengths_test = _part(path, found, "_test")
    if x.shape[1:] != x_test.shape[1:]:
        mine, other = shown(x.shape[1:]), shown(x_test.shape[1:])
        raise Problem(f"{path}: the examples of `x` are {mine}, those of `x_test` {other}")
    if (y.dtype, y.shape[1:]) != (y_test.dtype, y_test.shape[1:]):
        mine, other = (f"{part.dtype} of {shown(part.shape[1:])} each" for part in (y, y_test))
        raise Problem(f"{path}: `y` is {mine}, `y_test` is {other}")
    return Data(str(path), x, y, x_test, y_test, _peak(x), lengths, lengths_test)


def _peak(x: Array) -> float:
    return float(np.abs(x).max(initial=0)) or 1.0


def _part(path: Path, found: dict[str, Array], suffix: str) -> tuple[Array, Array, Array | None]:
    """One part of a file; images may come without a channel axis where y or x make clear what they are."""
    xs, ys = f"x{suffix}", f"y{suffix}"
    x, y = found[xs], found[ys]
    if not 2 <= x.ndim <= 4:
        raise Problem(f"{path}: `{xs}` has the shape {shown(x.shape)}; [n, d], [n, h, w] or [n, h, w, c] is needed")
    if y.ndim == 0 or len(x) != len(y):
        raise Problem(f"{path}: `{xs}` has {len(x)} examples, `{ys}` has {len(y) if y.ndim else 'none'}")
    if x.size == 0:
        raise Problem(
            f"{path}: `{xs}` has the shape {shown(x.shape)}: " + ("no examples" if len(x) == 0 else "no numbers")
        )
    lengths = lengths_of(found, path, suffix)
    if lengths is not None:
        x, y = cut(x, lengths), cut(y, lengths) if y.ndim > 1 and y.shape[1] == x.shape[1] else y
    y = y.astype(np.int64) if y.dtype.kind in "iub" else check_values(y, f"{path}: `{ys}`")
    if y.dtype.kind == "i" and (y < 0).any():
        raise Problem(
            f"{path}: `{ys}` has the label {y.min()} in example {int(np.argmax((y < 0).reshape(len(y), -1).any(1)))}"
        )
    return check_values(x, f"{path}: `{xs}`"), y, lengths


def lengths_of(found: dict[str, Array], path: Path, suffix: str = "") -> Array | None:
    """The `lengths` of a file, None where it has none. Raises Problem."""
    name, x = f"lengths{suffix}", found[f"x{suffix}"]
    if name not in found:
        return None
    if x.ndim not in (2, 3):
        raise Problem(f"{path}: `{name}` are of sequences [n, t] or [n, t, d], and `x{suffix}` is {shown(x.shape)}")
    try:
        return checked(f"x{suffix}", found[name], len(x), x.shape[1])
    except ValueError as error:
        raise Problem(f"{path}: {error}") from None


def _split(name: str, x: Array, y: Array, split: str, last: int, peak: float, lengths: Array | None = None) -> Data:
    """Training and test part of examples in file order."""
    n = len(x)
    if n < 2:
        raise Problem(f"{name} has {n} example: one part cannot be kept for the test")
    test = np.arange(n) % 5 == min(4, n - 1) if split == "fifth" else np.arange(n) >= n - last
    parts = (None, None) if lengths is None else (lengths[~test], lengths[test])
    return Data(name, x[~test], y[~test], x[test], y[test], peak, *parts)
