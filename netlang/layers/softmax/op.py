"""Softmax and its logarithm, over the channels of each place."""

from netlang.formula import Name, exp, log
from netlang.layer import Emit, Layer, Value, register
from netlang.primitives.map.op import Map
from netlang.primitives.sum.op import Sum
from netlang.record import dataclass
from netlang.sizes import product
from netlang.types import Count, Tensor

top, total = Name("i1"), Name("i2")


@register
@dataclass(frozen=True)
class Softmax(Layer):
    """y[c] = exp(x[c]) / sum over k of exp(x[k])        (Bridle 1990)

    The largest x is subtracted first, which changes nothing but the range of exp.

    For example:

        input 8
        FC-3, softmax   -> 3
    """

    word = "softmax"
    aliases = ("soft-max",)
    settles = True

    def infer(self, x: Tensor) -> Tensor:
        return x

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 5 * y.count  # compare, subtract, exp, add, divide

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return emit(Map(exp(Name("i0") - top) / total), x, *largest_and_total(emit, x))


@register
@dataclass(frozen=True)
class LogSoftmax(Layer):
    """y[c] = x[c] - log(sum over k of exp(x[k]))

    The largest x is subtracted first, which changes nothing but the range of exp.

    For example:

        input 8
        FC-3, logsoftmax    -> 3
    """

    word = "logsoftmax"
    settles = True

    def infer(self, x: Tensor) -> Tensor:
        return x

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 5 * y.count + product(y.shape[1:-1])  # compare, subtract, exp, add, subtract; one log a place

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        return emit(Map(Name("i0") - top - log(total)), x, *largest_and_total(emit, x))


def largest_and_total(emit: Emit, x: Value) -> tuple[Value, Value]:
    """M = the largest x of each place, and the sum of exp(x - m): the two numbers a softmax shares with its loss."""
    m = emit(Sum(Name("i0"), "channel", "max"), x)
    return m, emit(Sum(exp(Name("i0") - top), "channel"), x, m)
