"""Activations: a formula each. Gradients and kernels are derived from it."""

from math import pi
from typing import ClassVar

from netlang.formula import Name, Term, absolute, count, exp, maximum, minimum, sigmoid, softplus, tanh, trace, where
from netlang.layer import Emit, Layer, Value, Weight, register
from netlang.primitives.map.op import Map
from netlang.record import dataclass
from netlang.types import Count, Tensor

GELU = (2 / pi) ** 0.5, 0.044715  # of the approximation by tanh
SLOPE = Name("i1")  # the second operand of `prelu`


@dataclass(frozen=True)
class Activation(Layer):
    """y = formula(x), number by number. Subclasses state `formula`."""

    activation = True
    settles = True
    before: ClassVar[str] = "xavier"  # the initialisation that suits a layer in front of it

    def formula(self, x: Term) -> Term:
        """The output as a term of the input."""
        raise TypeError(f"{type(self).__name__} must say what it computes")

    def infer(self, x: Tensor) -> Tensor:
        return x

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return y.count * count(trace(self.formula))

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        term = trace(self.formula, "i0")
        return x if isinstance(term, Name) else emit(Map(term), x)


@register
@dataclass(frozen=True)
class Relu(Activation):
    """y = max(x, 0)        (Nair and Hinton 2010)

    The gradient at 0 is 0.

    For example:

        input 8
        FC-4, FC-4 relu, FC-2   -> 2
    """

    word = "relu"
    usual = True
    before = "he"

    def formula(self, x: Term) -> Term:
        return maximum(x, 0)


@register
@dataclass(frozen=True)
class Relu6(Activation):
    """y = min(max(x, 0), 6)        (Krizhevsky 2010, section 2)

    For example:

        input 8
        FC-4 relu6, FC-2    -> 2
    """

    word = "relu6"
    before = "he"

    def formula(self, x: Term) -> Term:
        return minimum(maximum(x, 0), 6)


@register
@dataclass(frozen=True)
class Leaky(Activation):
    """y = x where x > 0, else slope * x        (Maas et al. 2013, eq. 3)

    slope: what a negative number is multiplied by

    For example:

        input 8
        FC-4 leaky=0.2, FC-2    -> 2
    """

    word = "leaky"
    positional = "slope"
    before = "he"
    slope: float = 0.01

    def formula(self, x: Term) -> Term:
        return where(x > 0, x, self.slope * x)


@register
@dataclass(frozen=True)
class Elu(Activation):
    """y = x where x > 0, else slope * (exp(x) - 1)        (Clevert et al. 2016, eq. 15)

    slope: what a very negative number becomes, negated

    For example:

        input 8
        FC-4 elu, FC-2  -> 2
    """

    word = "elu"
    positional = "slope"
    slope: float = 1.0

    def formula(self, x: Term) -> Term:
        return where(x > 0, x, self.slope * (exp(x) - 1))


@register
@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))        (Goodfellow et al. 2016, eq. 3.30)

    For example:

        input 8
        FC-4 sigmoid, FC-1, sigmoid     -> 1
    """

    word = "sigmoid"

    def formula(self, x: Term) -> Term:
        return sigmoid(x)


@register
@dataclass(frozen=True)
class Tanh(Activation):
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))        (LeCun et al. 1998, "Efficient BackProp", section 4.4)

    For example:

        input 8
        FC-4 tanh, FC-2     -> 2
    """

    word = "tanh"

    def formula(self, x: Term) -> Term:
        return tanh(x)


@register
@dataclass(frozen=True)
class Step(Activation):
    """y = 1 where x > 0, else 0        (Rosenblatt 1958)

    It has no gradient; train it with `loss=perceptron`, which reads the sum in front of it.

    For example:

        input 2
        FC-1 step   -> 1
        train: data=xor loss=perceptron optimizer=sgd
    """

    word = "step"

    def formula(self, x: Term) -> Term:
        return where(x > 0, 1, 0)


@register
@dataclass(frozen=True)
class Softplus(Activation):
    """y = log(1 + exp(x))        (Glorot et al. 2011, section 3.1)

    For example:

        input 8
        FC-4 softplus, FC-2     -> 2
    """

    word = "softplus"
    before = "he"

    def formula(self, x: Term) -> Term:
        return softplus(x)


@register
@dataclass(frozen=True)
class Swish(Activation):
    """y = x * sigmoid(x)        (Ramachandran et al. 2017, with beta = 1)

    For example:

        input 8
        FC-4 swish, FC-2    -> 2
    """

    word = "swish"
    elsewhere = ("silu",)
    before = "he"

    def formula(self, x: Term) -> Term:
        return x * sigmoid(x)


@register
@dataclass(frozen=True)
class Gelu(Activation):
    """y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3)))        (Hendrycks and Gimpel 2016, section 2)

    The approximation by tanh, off by less than 0.0005 from x times the normal distribution function.

    For example:

        input 8
        FC-4 gelu, FC-2     -> 2
    """

    word = "gelu"
    before = "he"

    def formula(self, x: Term) -> Term:
        return 0.5 * x * (1 + tanh(GELU[0] * (x + GELU[1] * x * x * x)))


@register
@dataclass(frozen=True)
class Prelu(Activation):
    """y = x where x > 0, else slope[c] * x, the slopes learned        (He et al. 2015, eq. 1)

    start: what every slope starts as

    For example:

        input 8
        FC-4 prelu, FC-2    -> 2
    """

    word = "prelu"
    positional = "start"
    before = "he"
    start: float = 0.25

    def formula(self, x: Term) -> Term:
        return where(x > 0, x, SLOPE * x)

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        return (Weight("slope", x.with_shape(x.channels), f"constant({self.start:g})"),)

    def lower(self, emit: Emit, training: bool, x: Value, *slope: Value) -> Value:
        return emit(Map(trace(self.formula, "i0")), x, *slope)


@register
@dataclass(frozen=True)
class Abs(Activation):
    """y = |x|        (Jarrett et al. 2009, section 2.1)

    The gradient at 0 is 0.

    For example:

        input 8
        FC-4 abs, FC-2  -> 2
    """

    word = "abs"

    def formula(self, x: Term) -> Term:
        return absolute(x)


@register
@dataclass(frozen=True)
class Linear(Activation):
    """y = x: says that a layer has no activation where it would have one by default

    For example:

        input 8x8x3
        conv1-4 linear, avgpool     -> 4x4x4
    """

    word = "linear"

    def formula(self, x: Term) -> Term:
        return x
