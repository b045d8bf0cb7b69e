"""Losses: one number that says how far the outputs are from the targets. Kin of the layers."""

from typing import ClassVar

from netlang.formula import Channel, Name, Runtime, Term, absolute, equal, log, maximum, softplus, where
from netlang.layer import Emit, Layer, Misfit, Value
from netlang.layers.softmax.op import largest_and_total
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass
from netlang.types import Tensor


@dataclass(frozen=True)
class Loss:
    """A scalar of outputs and targets, averaged over the examples of the batch and over places.

    Of sequences whose examples have lengths of their own, over the real steps of the batch.

    of:      the layer the loss belongs to; it reads what goes into that layer
    target:  "labels" (a class number for each place) or "values" (of the shape of the output)
    """

    word: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    of: ClassVar[str | None] = None
    target: ClassVar[str] = "values"

    def expects(self, y: Tensor) -> Tensor:
        """The type of the targets of an output."""
        return y.with_shape(*y.shape[:-1], 1) if self.target == "labels" else y

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        """The loss in primitives; x is the input of the layer `of`, or the output."""
        raise TypeError(f"{type(self).__name__} must say what it computes")


def _mean(emit: Emit, x: Value, each: Term, *operands: Value, channels: bool = True) -> Value:
    """The average of a formula over all examples and places of x, and over its channels if they count.

    Where examples have lengths of their own, it is that over the real steps of the whole batch: each counts alike.
    """
    share = x.type.channels if channels else 1
    if x.ends is None:
        return emit(Sum(each / (Runtime("examples") * (x.type.positions * share)), "all"), *operands)
    real, steps = (Name(f"i{len(operands) + k}") for k in (0, 1))
    total = emit(Sum(Name("i0"), "all"), x.ends.count)
    return emit(Sum(where(real > 0, each / (steps * share), 0), "all"), *operands, x.ends.real, total)


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """loss = mean of -log(softmax(x)[target])        (Goodfellow et al. 2016, section 6.2.2.3)

    Computed from the input of the softmax as log(sum exp(x - m)) - (x[target] - m), m the largest x.
    """

    word = "cross_entropy"
    aliases = ("crossentropy",)
    of = "softmax"
    target = "labels"

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        m, total = largest_and_total(emit, x)
        chosen = where(equal(Channel(), Name("i2")), Name("i0") - Name("i1"), 0)
        picked = emit(Sum(chosen, "channel"), x, m, target)
        return _mean(emit, x, log(Name("i0")) - Name("i1"), total, picked, channels=False)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """loss = mean of -target*log(sigmoid(x)) - (1-target)*log(1-sigmoid(x)), over all outputs

    Computed from the input of the sigmoid as softplus(x) - target*x (Goodfellow et al. 2016, section 6.2.2.2).
    """

    word = "binary_cross_entropy"
    aliases = ("bce",)
    of = "sigmoid"

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        a, t = Name("i0"), Name("i1")
        return _mean(emit, x, softplus(a) - t * a, x, target)


@dataclass(frozen=True)
class SquaredError(Loss):
    """loss = mean of (y - target)^2, over all outputs        (Goodfellow et al. 2016, eq. 5.4)"""

    word = "squared_error"
    aliases = ("mse",)

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        error = Name("i0") - Name("i1")
        return _mean(emit, x, error * error, x, target)


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """loss = mean of |y - target|, over all outputs; the gradient at 0 is 0"""

    word = "mae"
    aliases = ("absolute_error",)

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        return _mean(emit, x, absolute(Name("i0") - Name("i1")), x, target)


@dataclass(frozen=True)
class SmoothAbsoluteError(Loss):
    """loss = mean of e^2/2 where |e| < 1, else |e| - 1/2, with e = y - target, over all outputs (Girshick 2015)"""

    word = "smooth_l1"

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        error = Name("i0") - Name("i1")
        size = absolute(error)
        each = where(size < 1, 0.5 * error * error, size - 0.5)
        return _mean(emit, x, each, x, target)


@dataclass(frozen=True)
class Hinge(Loss):
    """loss = mean over the examples and places of the sum over c of max(0, 1 + y[c] - y[target]), c not the target

    Each class pushes away from the right one by a margin of 1 (Weston and Watkins 1999). The targets are class numbers.
    """

    word = "hinge"
    target = "labels"

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        a = Name("i0")
        right = emit(Sum(where(equal(Channel(), Name("i1")), a, 0), "channel"), x, target)
        margin = where(equal(Channel(), Name("i2")), 0, maximum(1 + a - Name("i1"), 0))
        return _mean(emit, x, margin, x, right, target, channels=False)


@dataclass(frozen=True)
class Perceptron(Loss):
    """loss = mean over the examples of the sum over the outputs of (step(x) - target) * x

    Its gradient by x is step(x) - target: plain SGD on it is Rosenblatt's rule (Rosenblatt 1958), batched.
    """

    word = "perceptron"
    of = "step"

    def lower(self, emit: Emit, x: Value, target: Value) -> Value:
        a, t = Name("i0"), Name("i1")
        return _mean(emit, x, (where(a > 0, 1, 0) - t) * a, x, target, channels=False)


LOSSES: tuple[type[Loss], ...] = (
    CrossEntropy,
    BinaryCrossEntropy,
    SquaredError,
    AbsoluteError,
    SmoothAbsoluteError,
    Hinge,
    Perceptron,
)


def find(word: str) -> type[Loss] | None:
    """The loss of a word or alias, whatever its case."""
    return next((loss for loss in LOSSES if word.lower() in (loss.word, *loss.aliases)), None)


def words(*, aliases: bool = False) -> list[str]:
    """Every loss word, sorted."""
    return sorted(word for loss in LOSSES for word in ((loss.word, *loss.aliases) if aliases else (loss.word,)))


def default_for(last: Layer | None, targets: str = "values") -> Loss:
    """The loss of a net that names none, told by its last layer; `Misfit` where there is no sensible one.

    targets: what the data has, "labels" or "values"
    """
    word = last.word if last is not None else None
    if word == "step":
        raise Misfit("`step` has no gradient", help="write `loss=perceptron`: it reads the sum in front of `step`")
    for loss in LOSSES:
        if loss.of is not None and loss.of == word:
            return loss()
    if targets == "labels":
        raise Misfit(
            "the data has classes, and the net does not end in `softmax` or `sigmoid`",
            help="end the net in `softmax`, or name a loss with `loss=`",
        )
    return SquaredError()


def chosen(word: str | None, last: Layer | None, targets: str = "values") -> Loss:
    """The loss named, or the default; `Misfit` where it does not go with the last layer."""
    if word is None:
        return default_for(last, targets)
    loss = find(word)
    if loss is None:
        raise Misfit(f"there is no loss called `{word}`; there are {', '.join(words())}", setting="loss")
    ends = last.word if last is not None else None
    if loss.of is not None and loss.of != ends:
        raise Misfit(f"`loss={word}` reads the input of `{loss.of}`, which must be the last layer", setting="loss")
    if ends == "step" and loss.of != "step":
        raise Misfit(f"`step` has no gradient for `loss={word}`", setting="loss", help="write `loss=perceptron`")
    return loss()
