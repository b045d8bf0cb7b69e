"""Merges: what stands in front of branches, `add[ a | b ]`. A vector is repeated over the places of an image."""

from functools import reduce

from netlang.formula import Name, Term, maximum
from netlang.layer import Emit, Layer, Misfit, Value, Working, register
from netlang.primitives.gather.op import Concat, Reshape
from netlang.primitives.map.op import Map
from netlang.record import dataclass
from netlang.sizes import agreement
from netlang.types import Count, Tensor, shown


@dataclass(frozen=True)
class Merge(Layer):
    """y = a o b o ..., number by number. Subclasses state `pair`."""

    merge = True
    settles = True

    def pair(self, a: Term, b: Term) -> Term:
        """What becomes of two numbers; more are taken from the left."""
        raise TypeError(f"{type(self).__name__} must say what it computes")

    def infer(self, *inputs: Tensor) -> Tensor:
        y = spatial(self.word, inputs)
        for x in inputs:
            if x.channels != y.channels:
                raise Misfit(f"the branches of `{self.word}` do not agree: " + against(inputs))
        return y

    def notes(self, *inputs: Tensor) -> tuple[str, ...]:
        return conditions(inputs)

    def flops(self, y: Tensor, *inputs: Tensor) -> Count:
        return (len(inputs) - 1) * y.count

    def lower(self, emit: Emit, training: bool, *inputs: Value) -> Value:
        if len(inputs) == 1:
            return inputs[0]
        full = spatial(self.word, [x.type for x in inputs])
        operands: list[Term] = [Name(f"i{k}") for k in range(len(inputs))]
        term = reduce(self.pair, operands)
        return emit(Map(term), *(spread_out(emit, x, full) for x in inputs))


@register
@dataclass(frozen=True)
class Add(Merge):
    """y = a + b + ...        (He et al. 2016, eq. 1)

    For example:

        input 8x8x16
        add[ conv3-16 | conv5-16 ] relu     -> 8x8x16
    """

    word = "add"
    elsewhere = ("eltwise",)

    def pair(self, a: Term, b: Term) -> Term:
        return a + b


@register
@dataclass(frozen=True)
class Mul(Merge):
    """y = a * b * ...        (Hu et al. 2018, eq. 4)

    For example:

        input 8x8x8
        mul[ identity | globalavgpool, FC-2, FC-8, sigmoid ]    -> 8x8x8
    """

    word = "mul"

    def pair(self, a: Term, b: Term) -> Term:
        return a * b


@register
@dataclass(frozen=True)
class Sub(Merge):
    """y = a - b, of two branches

    For example:

        input 8
        sub[ FC-4 | FC-4 tanh ]     -> 4
    """

    word = "sub"

    def infer(self, *inputs: Tensor) -> Tensor:
        if len(inputs) != 2:
            raise Misfit(f"`sub` takes 2 branches, not {len(inputs)}")
        return super().infer(*inputs)

    def pair(self, a: Term, b: Term) -> Term:
        return a - b


@register
@dataclass(frozen=True)
class Max(Merge):
    """y = the largest of a, b, ...: maxout        (Goodfellow et al. 2013)

    The gradient goes to the first of equal numbers.

    For example:

        input 8x8x3
        max[ conv3-4 | conv3-4 ]    -> 8x8x4
    """

    word = "max"

    def pair(self, a: Term, b: Term) -> Term:
        return maximum(a, b)


@register
@dataclass(frozen=True)
class Concatenate(Layer):
    """y = the channels of a, then those of b, ...        (Szegedy et al. 2015, section 4)

    For example:

        input 8x8x3
        concat[ conv1-4 | conv3-8 ]     -> 8x8x12
    """

    word = "concat"
    elsewhere = ("concatenate", "route", "cat")
    merge = True
    transparent = True

    def infer(self, *inputs: Tensor) -> Tensor:
        y = spatial(self.word, inputs)
        return y.with_shape(*y.shape[:-1], sum(x.channels for x in inputs))

    def workings(self, y: Tensor, *inputs: Tensor) -> tuple[Working, ...]:
        return (Working("channels", " + ".join(str(x.channels) for x in inputs), y.channels),)

    def notes(self, *inputs: Tensor) -> tuple[str, ...]:
        return conditions(inputs)

    def lower(self, emit: Emit, training: bool, *inputs: Value) -> Value:
        if len(inputs) == 1:
            return inputs[0]
        full = spatial(self.word, [x.type for x in inputs])
        spread = [_repeated(emit, spread_out(emit, x, full), full) for x in inputs]
        return emit(Concat(), *spread)


def spatial(word: str, inputs: tuple[Tensor, ...] | list[Tensor]) -> Tensor:
    """The input with the most axes; `Misfit` unless the others agree with its places or are vectors."""
    if not inputs:
        raise Misfit(f"`{word}` stands in front of branches: `{word}[ … | … ]`")
    y = max(inputs, key=lambda x: len(x.shape))
    for x in inputs:
        if len(x.shape) != 2 and (len(x.shape) != len(y.shape) or None in _agreements(x, y)):
            raise Misfit(f"the branches of `{word}` do not agree: " + against(list(inputs)))
    return y


def _agreements(x: Tensor, y: Tensor) -> list[str | None]:
    """For each axis of the places, when the sizes are the same: see `agreement`."""
    return [agreement(a, b) for a, b in zip(x.shape[1:-1], y.shape[1:-1], strict=True)]


def conditions(inputs: tuple[Tensor, ...]) -> tuple[str, ...]:
    """What sizes that are not fixed yet must fulfil for these to be merged: "needs H even"."""
    y = max(inputs, key=lambda x: len(x.shape))
    found = (said for x in inputs if len(x.shape) == len(y.shape) for said in _agreements(x, y) if said)
    return tuple(dict.fromkeys(found))


def against(inputs: tuple[Tensor, ...] | list[Tensor]) -> str:
    """The shapes side by side."""
    return " against ".join(shown(x.shape) for x in inputs)


def spread_out(emit: Emit, x: Value, full: Tensor) -> Value:
    """A vector as an image of one pixel, so that it spreads over the places of `full`."""
    missing = len(full.shape) - len(x.type.shape)
    return emit(Reshape((*(1 for _ in range(missing)), x.type.channels)), x) if missing else x


def _repeated(emit: Emit, x: Value, full: Tensor) -> Value:
    shape = (*full.shape[:-1], x.type.channels)
    return x if x.type.shape == shape else emit(Map(Name("i0"), shape), x)
