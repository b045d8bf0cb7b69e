"""Normalisation: numbers are shifted and scaled by the statistics of a group they belong to."""

from collections.abc import Callable
from typing import ClassVar

from netlang.formula import Name, Runtime, Term, count, maximum, sqrt, where
from netlang.layer import Emit, Ends, Kept, Layer, Misfit, Value, Weight, register
from netlang.layers.sliding import positive
from netlang.primitives.gather.op import Reshape
from netlang.primitives.map.op import Map, Standardise
from netlang.primitives.sum.op import Squares, Sum
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor

i0, i1, i2 = Name("i0"), Name("i1"), Name("i2")


@dataclass(frozen=True)
class Norm(Layer):
    """y = (x - mean) / sqrt(variance + eps) * scale[c] + shift[c], mean and variance those of a group of numbers

    Subclasses say what a group is. The variance is divided by the group's size.
    """

    norm = True
    settles = True
    across_steps: ClassVar[bool] = True  # a group has numbers of every step of a sequence

    def infer(self, x: Tensor) -> Tensor:
        if not self.setting("eps") > 0:
            raise Misfit("eps must be more than 0", setting="eps")
        return x

    def setting(self, name: str) -> float:
        """The value of a setting that every norm has."""
        return float(getattr(self, name))

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        type_ = x.with_shape(x.channels)
        scale, shift = Weight("scale", type_, "ones"), Weight("shift", type_, "zeros")
        return (scale,) * int(self.setting("scale")) + (shift,) * int(self.setting("shift"))

    def term(self, share: Term | float) -> Term:
        """The output of x less the mean, the sum of its squares, and the weights; share: of one number in a group."""
        y = i0 / sqrt(i1 * share + self.setting("eps"))
        names = iter((Name("i2"), Name("i3")))
        y = y * next(names) if self.setting("scale") else y
        return y + next(names) if self.setting("shift") else y

    def flops(self, y: Tensor, x: Tensor) -> Count:
        """For each number: added up, centred, squared and added up, and the formula."""
        return y.count * (1 + 2 + 2 + count(self.term(0.5)))

    def group(self, x: Tensor) -> int:
        """How many numbers a group has."""
        raise TypeError(f"{type(self).__name__} must say what it normalises over")

    def total(self, emit: Emit, term: Term, x: Value) -> Value:
        """The sum over each group, of a type that spreads over x."""
        raise TypeError(f"{type(self).__name__} must say what it normalises over")

    def lower(self, emit: Emit, training: bool, x: Value, *weights: Value) -> Value:
        if x.ends is not None and self.across_steps:
            return self._real(emit, x, x.ends, weights)
        share = 1 / self.group(x.type)
        centred = emit(Map(i0 - i1 * share), x, self.total(emit, i0, x))
        squares = self.total(emit, i0 * i0, centred)
        return emit(Map(self.term(share)), centred, squares, *weights)

    def _real(self, emit: Emit, x: Value, ends: Ends, weights: tuple[Value, ...]) -> Value:
        """The same over the real steps of each example."""
        each = self.group(x.type) // x.type.positions  # numbers of a step
        steps = emit(Reshape((1, 1)), ends.count)
        mean = emit(Map(i0 / (i1 * each)), self.total(emit, i0, x), steps)
        centred = emit(Map(where(i2 > 0, i0 - i1, 0)), x, mean, ends.real)
        squares = self.total(emit, i0 * i0, centred)
        term = self.term(1 / (Name(f"i{2 + len(weights)}") * each))
        return emit(Map(term), centred, squares, *weights, steps)


@register
@dataclass(frozen=True)
class BatchNorm(Norm):
    """y = (x - mean[c]) / sqrt(variance[c] + eps) * scale[c] + shift[c]        (Ioffe and Szegedy 2015, algorithm 1)

    momentum: the share of the new batch in the running mean and variance, which evaluation uses
    eps:      what keeps the divisor from zero
    scale:    whether the scale is learned; 1 if not
    shift:    whether the shift is learned; 0 if not

    The mean and variance of a channel are taken over the examples and places of a batch; over batch and time of a
    sequence.

    For example:

        input 8x8x3
        conv3-16 bn, maxpool    -> 4x4x16
        bn momentum=0.01        -> 4x4x16
    """

    word = "bn"
    elsewhere = ("batchnorm", "batchnormalization")
    centred = True
    per_example = False
    momentum: float = 0.1
    eps: float = 1e-5
    scale: bool = True
    shift: bool = True

    def infer(self, x: Tensor) -> Tensor:
        if not 0 < self.momentum <= 1:
            raise Misfit("momentum is the share of the new batch: above 0, and 1 at most", setting="momentum")
        return super().infer(x)

    def kept(self, x: Tensor) -> tuple[Kept, ...]:
        type_ = x.with_shape(x.channels)
        return Kept("mean", type_, 0.0), Kept("variance", type_, 1.0)

    def flops(self, y: Tensor, x: Tensor) -> Count:
        """For each number: added up; centred, squared and added up; centred and divided; scaled and shifted."""
        return y.count * (1 + 3 + 2 + self.scale + self.shift)

    def lower(self, emit: Emit, training: bool, x: Value, *values: Value) -> Value:
        *weights, mean, variance = values
        size: list[Value] = []
        if training:
            mean, variance, *size = self._measured(emit, x, mean, variance)
        divisor = emit(Map(1 / sqrt(i0 + self.eps)), variance)
        if training:
            form = Standardise(self._scaled((i0 - i1) * i2), None, "batch", self.scale, self.shift)
            return emit(form, x, mean, divisor, *weights, *size)
        if self.scale:  # a*x + b of numbers that depend on no example
            divisor = emit(Map(i0 * i1), divisor, weights.pop(0))
        shift = emit(Map(i1 - i0 * i2), mean, *weights, divisor) if weights else emit(Map(-i0 * i1), mean, divisor)
        return emit(Map(i0 * i1 + i2), x, divisor, shift)

    def _scaled(self, y: Term) -> Term:
        names = iter((Name("i3"), Name("i4")))
        y = y * next(names) if self.scale else y
        return y + next(names) if self.shift else y

    def _measured(self, emit: Emit, x: Value, mean: Value, variance: Value) -> tuple[Value, ...]:
        """The mean and variance of the batch, taken in two passes; what is kept moves towards them.

        Where examples have lengths of their own, also how many numbers of a channel are real.

        The kept variance is that of the population: divided by one less than the numbers there are (as in PyTorch).
        """
        size, steps = _numbers(emit, x)
        of_batch = emit(Map(i0 / size(1)), emit(Sum(i0, "batch"), x), *steps)
        if x.ends is None:
            squares = emit(Squares(), x, of_batch)
        else:
            squares = emit(Sum(where(i2 > 0, Squares.term, 0), "batch"), x, of_batch, x.ends.real)
        spread = emit(Map(i0 / size(1)), squares, *steps)
        emit.keep(mean, emit(Map(i0 + (i1 - i0) * self.momentum), mean, of_batch))
        population = i1 / maximum(size(2) - 1, 1)
        emit.keep(variance, emit(Map(i0 + (population - i0) * self.momentum), variance, squares, *steps))
        return of_batch, spread, *steps


def _numbers(emit: Emit, x: Value) -> tuple[Callable[[int], Term], tuple[Value, ...]]:
    """How many numbers of a channel a batch has: a term for where its operand stands, and the operand, if it needs one.

    Beyond the ends of the examples there are none.
    """
    if x.ends is None:
        return lambda _: Runtime("examples") * x.type.positions, ()
    return lambda k: Name(f"i{k}"), (emit(Sum(i0, "all"), x.ends.count),)


@register
@dataclass(frozen=True)
class GroupNorm(Norm):
    """y = (x - mean[n,g]) / sqrt(variance[n,g] + eps) * scale[c] + shift[c]        (Wu and He 2018, eq. 7)

    groups: into how many parts the channels are cut; a group is all places of one part of one example
    eps:    what keeps the divisor from zero
    scale:  whether the scale is learned; 1 if not
    shift:  whether the shift is learned; 0 if not

    For example:

        input 8x8x3
        conv3-16 gn=4, conv1-8  -> 8x8x8
        gn 2                    -> 8x8x8
    """

    word = "gn"
    elsewhere = ("groupnorm",)
    positional = "groups"
    groups: int = 32
    eps: float = 1e-5
    scale: bool = True
    shift: bool = True

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "groups")
        if x.channels % self.groups:
            raise Misfit(f"{x.channels} channels do not make {self.groups} equal groups", setting="groups")
        return super().infer(x)

    def group(self, x: Tensor) -> int:
        return x.size // self.groups

    def total(self, emit: Emit, term: Term, x: Value) -> Value:
        if len(x.type.shape) > 2:
            x, term = emit(Sum(term, "positions"), x), i0
        return across(emit, term, x, self.groups)


@register
@dataclass(frozen=True)
class LayerNorm(Norm):
    """y = (x - mean[n]) / sqrt(variance[n] + eps) * scale[c] + shift[c]        (Ba et al. 2016, eq. 3)

    eps:   what keeps the divisor from zero
    scale: whether the scale is learned; 1 if not
    shift: whether the shift is learned; 0 if not

    A group is a whole image, or the features of one step of a sequence.

    For example:

        input Tx4
        lstm-8, ln  -> Tx8
    """

    word = "ln"
    across_steps = False
    elsewhere = ("layernorm",)
    eps: float = 1e-5
    scale: bool = True
    shift: bool = True

    def group(self, x: Tensor) -> int:
        return x.size if len(x.shape) == 4 else x.channels

    def total(self, emit: Emit, term: Term, x: Value) -> Value:
        if len(x.type.shape) == 4:
            x, term = emit(Sum(term, "positions"), x), i0
        return emit(Sum(term, "channel"), x)


@register
@dataclass(frozen=True)
class InstanceNorm(Norm):
    """y = (x - mean[n,c]) / sqrt(variance[n,c] + eps) * scale[c] + shift[c]        (Ulyanov et al. 2016, eq. 4)

    eps:   what keeps the divisor from zero
    scale: whether the scale is learned; 1 if not
    shift: whether the shift is learned; 0 if not

    A group is one channel of one image or sequence.

    For example:

        input 8x8x3
        conv3-16 in, conv3-3    -> 8x8x3
    """

    word = "in"
    elsewhere = ("instancenorm",)
    centred = True
    eps: float = 1e-5
    scale: bool = True
    shift: bool = True

    def infer(self, x: Tensor) -> Tensor:
        if len(x.shape) == 2:
            raise Misfit(f"`{self.word}` needs several places in a channel, and a vector has one", help="`ln` or `bn`")
        return super().infer(x)

    def group(self, x: Tensor) -> int:
        return x.positions

    def total(self, emit: Emit, term: Term, x: Value) -> Value:
        return emit(Sum(term, "positions"), x)


def across(emit: Emit, term: Term, x: Value, groups: int) -> Value:
    """x[n,1,1,c] summed over each of so many parts of the channels, every channel its part's sum."""
    if groups == 1:
        return emit(Sum(term, "channel"), x)
    c = x.type.channels
    parts = emit(Reshape((groups, c // groups)), emit(Map(term), x) if term != i0 else x)
    sums = emit(Map(i0, (BATCH, groups, c // groups)), emit(Sum(i0, "channel"), parts))
    return emit(Reshape((*(1 for _ in x.type.shape[1:-1]), c)), sums)
