"""From examples as stored to what a net reads: size, shift, normalisation, shape.

stored x[n, h, w, c] → resized to the net's image → (training only: shifted) → (x - mean) / std → the input's shape
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from netlang.files import Problem
from netlang.lengths import is_sequence
from netlang.ragged import lasting, real
from netlang.record import dataclass
from netlang.sizes import letters
from netlang.train.data import Data, check_labels
from netlang.types import Tensor, shown

Array = NDArray[Any]


@dataclass(frozen=True)
class Statistics:
    """What the training part looked like, per channel, in the units of the data: stored with the weights.

    alphabet: the characters that tokens stand for; empty where they stand for none
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    peak: float
    alphabet: str = ""

    @staticmethod
    def of(x: Array, peak: float, lengths: Array | None = None) -> "Statistics":
        """Of resized training examples x[n, ..., c]: over examples and places, for each channel or feature.

        lengths: of sequences, whose steps beyond them do not count
        """
        flat = (x if lengths is None else x[real(x, lengths)]).reshape(-1, x.shape[-1])
        mean, std = flat.mean(0, dtype=np.float64), flat.std(0, dtype=np.float64)
        std = np.where(std > 0, std, 1.0)  # a channel that never changes is only centred
        return Statistics(tuple(map(float, mean)), tuple(map(float, std)), peak)

    def normalised(self, x: Array) -> Array:
        """(x - mean) / std, float32; of tokens, which are names and have no statistics, x itself.

        Raises Problem if x[..., c] has other channels than the examples they are of.
        """
        if not self.mean:
            return x.astype(np.float32)
        if x.shape[-1] != len(self.mean):
            raise Problem(
                f"the statistics are of {len(self.mean)} channels or features, the examples have {x.shape[-1]}"
            )
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        return ((x - mean) / std).astype(np.float32)


def resize(x: Array, height: int, width: int) -> Array:
    """Bilinear: x[n, h, w, c] → [n, height, width, c], float32. A pixel's value stands at its centre."""
    if x.shape[1:3] == (height, width):
        return x.astype(np.float32)
    rows, columns = _between(height, x.shape[1]), _between(width, x.shape[2])
    resized: Array = np.einsum("Hh,nhwc,Ww->nHWc", rows, x.astype(np.float32), columns, optimize=True)
    return resized


def _between(to: int, of: int) -> Array:
    """[to, of]: how much of each old place goes into each new one; beyond the outer centres the edge stays."""
    place = np.clip((np.arange(to) + 0.5) * of / to - 0.5, 0, of - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, of - 1)
    weights = np.zeros((to, of), np.float32)
    weights[np.arange(to), low] += 1 - (place - low)
    weights[np.arange(to), high] += place - low
    return weights


def shift(x: Array, moves: Array) -> Array:
    """Move each image of x[n, h, w, c] down and right by moves[n, 2] pixels (up and left where negative).

    What comes in at the edge is 0, the value of empty paper in the digits.
    """
    n, h, w, _ = x.shape
    most = int(np.abs(moves).max(initial=0))
    if most == 0:
        return x
    padded = np.pad(x, ((0, 0), (most, most), (most, most), (0, 0)))
    windows = sliding_window_view(padded, (h, w), axis=(1, 2))  # [n, place, place, c, h, w]
    moved = windows[np.arange(n), most - moves[:, 0], most - moves[:, 1]]
    return np.moveaxis(moved, 1, -1)


def image(input: Tensor, channels: int) -> tuple[int, int, int] | None:
    """Height, width and channels of the picture a net's input is, or holds row after row; None if it is none.

    A vector of s*s*channels numbers holds a square picture, a sequence is a picture of one row per step.
    Raises Problem for an input whose size is open.
    """
    if open_ := letters(*input.shape[1:]):
        raise Problem(f"the net's input is {shown(input.shape)}: choose its size first, as in `--set {open_[0]}=64`")
    sizes = input.arrayed(1)[1:]
    if len(sizes) == 3:
        return sizes[0], sizes[1], sizes[2]
    if len(sizes) == 2:
        return sizes[0], sizes[1], 1
    side = math.isqrt(sizes[0] // channels)
    return (side, side, channels) if side * side * channels == sizes[0] else None


def fitted(x: Array, input: Tensor, what: str) -> Array:
    """Stored examples in the size of the net's input, before normalisation: images stay [n, h, w, c].

    Gray pictures fill all three channels of a net for coloured ones.
    Raises Problem that shows both shapes.
    """
    if x.ndim == 3:  # [n, h, w]: pictures of one channel, or sequences
        x = x if x.shape[1:] == input.shape[1:] else x[..., None]
    if x.ndim != 4:
        if x.shape[1:] == input.shape[1:]:
            return x.astype(np.float32)
        raise _misfit(x, input, what)
    target = image(input, x.shape[3])
    gray_as_colour = target is not None and (x.shape[3], target[2]) == (1, 3)
    if target is None or not (target[2] == x.shape[3] or gray_as_colour):
        raise _misfit(x, input, what)
    pictures = resize(x, target[0], target[1])
    return np.repeat(pictures, 3, axis=3) if gray_as_colour else pictures


def stepped(x: Array, input: Tensor, lengths: Array, what: str) -> Array:
    """Sequences with lengths in the size of the net's input. Raises Problem for longer ones, or other features."""
    steps, *features = input.arrayed(0)[1:]
    if x.shape[2:] != tuple(features) or not is_sequence(input):
        raise _misfit(x, input, what)
    if lengths.max() > steps:
        first = int(np.argmax(lengths > steps))
        raise Problem(f"{what}: example {first} has {lengths[first]} steps, the net's input is {shown(input.shape)}")
    return lasting(x, steps).astype(np.float32)


def sizes(x: Array, input: Tensor, lengths: Array | None, what: str) -> dict[str, int]:
    """The sizes that an input leaves open, by letter, as examples x[n, ...] tell them. Raises Problem.

    Of sequences with lengths, the longest; pictures tell the steps of a sequence that is as wide.
    """
    shape, wanted = x.shape[1:], input.shape[1:]
    if lengths is not None:
        shape = (int(lengths.max()), *shape[1:])
    if len(shape) + 1 == len(wanted) == 3:  # pictures without a channel axis
        shape = (*shape, 1)
    elif len(shape) == len(wanted) + 1 == 3 and shape[2] == 1:
        shape = shape[:2]
    told: dict[str, int] = {}
    fits = len(shape) == len(wanted)
    for axis, (size, dim) in enumerate(zip(shape, wanted, strict=False)):
        known = told.setdefault(dim, size) if isinstance(dim, str) else dim
        fits &= size == known or axis == 2  # gray pictures fill all channels, and `fitted` tells others
    if not fits:
        advice = "; `--set` chooses the sizes, as in `--set T=64`"
        raise Problem(f"{what}: the examples are {shown(x.shape)}, the net's input is {shown(input.shape)}{advice}")
    return told


def shaped(x: Array, input: Tensor) -> Array:
    """Normalised examples in the shape of the input: images row after row where it is a vector or a sequence."""
    return np.ascontiguousarray(x.reshape(input.arrayed(len(x))), np.int32 if input.classes else np.float32)


def targets(y: Array, output: Tensor, labelled: bool, what: str) -> Array:
    """Labels as the loss takes them: class numbers int[n], or float values in the shape of the output.

    Class numbers turn into one-hot rows where the loss wants values and the output is wider than one number.
    """
    if labelled:
        if y.dtype.kind != "i":
            raise Problem(f"{what}: the labels are {y.dtype}; the net's loss needs whole class numbers")
        places = output.size // output.channels
        if y.size != len(y) * places:
            each = "one" if places == 1 else str(places)
            there = shown(y.shape[1:])
            raise Problem(f"{what}: the labels are {there} each; the net's loss needs {each} class number each")
        check_labels(y, output.channels, what)
        return y
    if y.dtype.kind == "i" and y.ndim == 1:
        width = output.size
        check_labels(y, max(width, 2), what)
        y = np.eye(width, dtype=np.float32)[y] if width > 1 else y[:, None]
    wanted = output.arrayed(len(y))
    if y.size != math.prod(wanted):
        raise Problem(f"{what}: the labels are {shown(y.shape[1:])} each, the net answers {shown(output.shape)}")
    return y.reshape(wanted).astype(np.float32)


def _misfit(x: Array, input: Tensor, what: str) -> Problem:
    return Problem(f"{what}: the examples are {shown(x.shape[1:])}, the net's input is {shown(input.shape)}")


@dataclass(frozen=True)
class Examples:
    """Data ready for one net: x as `fitted` leaves it, targets as the loss takes them.

    classes: whether the targets are classes (numbers or one-hot rows) rather than values
    moves: the largest random shift of a training image, in pixels of the net's input
    """

    x: Array
    y: Array
    x_test: Array
    y_test: Array
    input: Tensor
    statistics: Statistics
    classes: bool
    moves: int
    lengths: Array | None = None
    lengths_test: Array | None = None

    def ends(self, index: Array) -> dict[str, Array]:
        """What a program is told beside training examples: their lengths, if they have any."""
        return {} if self.lengths is None else {"lengths": self.lengths[index]}

    def test_ends(self, start: int, stop: int) -> dict[str, Array]:
        """The same of test examples."""
        return {} if self.lengths_test is None else {"lengths": self.lengths_test[start:stop]}

    def batch(self, index: Array, moves: Array) -> tuple[Array, Array]:
        """Training examples by number, shifted by moves[n, 2], normalised."""
        x = self.x[index]
        x = shift(x, moves) if x.ndim == 4 else x
        return shaped(self.statistics.normalised(x), self.input), self.y[index]

    def test(self, start: int, stop: int) -> tuple[Array, Array]:
        """Test examples, normalised."""
        return shaped(self.statistics.normalised(self.x_test[start:stop]), self.input), self.y_test[start:stop]


def examples(
    data: Data, input: Tensor, output: Tensor, labelled: bool, moves: int | None, statistics: Statistics | None = None
) -> Examples:
    """Data made ready for a net. Raises Problem where they do not fit.

    moves: the largest random shift in pixels of the net's input; None: for the digits 2 where the input has 28 rows
        or more and less in proportion (a fourteenth), else 0
    statistics: those stored with the weights; else taken from the training part
    """
    parts = ((data.x, data.y, data.lengths), (data.x_test, data.y_test, data.lengths_test))
    x, x_test = (
        fitted(x, input, data.name) if lengths is None else stepped(x, input, lengths, data.name)
        for x, _, lengths in parts
    )
    if input.classes:
        check_tokens(np.concatenate([data.x, data.x_test]), input.classes, data.name)
    y, y_test = (targets(_alike(*part, output), output, labelled, data.name) for part in parts)
    if moves is None:
        moves = min(2, x.shape[1] // 14) if data.name == "digits" else 0
    if moves and x.ndim != 4:
        raise Problem(f"`shift={moves}` moves pictures, but the examples of {data.name} are not pictures")
    if moves and y.ndim > 2:
        raise Problem(f"`shift={moves}` moves pictures, but not the class that {data.name} has for each pixel")
    if moves and moves >= max(x.shape[1:3]):
        raise Problem(f"`shift={moves}` moves pictures of {x.shape[1]}x{x.shape[2]} pixels out of sight")
    if statistics is None:
        names = Statistics((), (), data.peak, data.alphabet)
        statistics = names if input.classes else Statistics.of(x, data.peak, data.lengths)
    classes = data.classes is not None
    return Examples(x, y, x_test, y_test, input, statistics, classes, moves, data.lengths, data.lengths_test)


def _alike(x: Array, y: Array, lengths: Array | None, output: Tensor) -> Array:
    """Targets of each step with as many steps as the output, where they have as many as the examples."""
    if lengths is None or y.ndim < 2 or y.shape[1] != x.shape[1] or len(output.shape) != 3:
        return y
    return lasting(y, output.arrayed(0)[1])


def check_tokens(x: Array, vocabulary: int, what: str) -> None:
    """Raise Problem where examples have what is no token of a vocabulary."""
    least, most = int(x.min()), int(x.max())
    if least < 0 or most >= vocabulary:
        raise Problem(
            f"{what} has tokens from {least} to {most}; those of `vocab={vocabulary}` are 0 to {vocabulary - 1}"
        )


def stored(about: Mapping[str, Any], path: object) -> Statistics | None:
    """The statistics in a checkpoint's remarks; None for weights from elsewhere. Raises Problem if they are damaged."""
    found = about.get("statistics")
    if found is None:
        return None
    try:
        mean, std = tuple(map(float, found["mean"])), tuple(map(float, found["std"]))
        if len(mean) == len(std) and all(0 < s < math.inf for s in std) and all(map(math.isfinite, mean)):
            return Statistics(mean, std, float(found["peak"]), str(found.get("alphabet", "")))
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise Problem(f"{path}: the statistics of the data stored with the weights cannot be read")


def draws(n: int, moves: int, seed: int, epoch: int) -> tuple[Array, Array]:
    """Order int[n] of the examples in an epoch, and their shifts int[n, 2]: a function of seed and epoch alone."""
    random = np.random.Generator(np.random.Philox(key=np.array([seed, epoch], np.uint64)))
    return random.permutation(n), random.integers(-moves, moves + 1, (n, 2))
