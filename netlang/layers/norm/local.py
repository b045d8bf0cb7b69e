"""Local response normalisation: a number is divided by what its neighbours across the channels amount to."""

from dataclasses import dataclass

from netlang.formula import Channel, Name, Term, count, exp, log, maximum, minimum
from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.primitives.gather.op import Reshape
from netlang.primitives.map.op import Map
from netlang.primitives.window.op import Window
from netlang.types import Count, Tensor

i0, i1 = Name("i0"), Name("i1")


@register
@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """y[c] = x[c] / (k + alpha * sum of x[d]^2 over the d around c)^beta        (Krizhevsky et al. 2012, section 3.3)

    size:    how many channels are added up, c in the middle; those that do not exist are left out
    alpha:   the weight of the sum
    beta:    the power of the divisor
    k:       what keeps the divisor from zero
    average: whether alpha is divided by size, as PyTorch and ONNX do
    """

    word = "lrn"
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    average: bool = False

    def infer(self, x: Tensor) -> Tensor:
        if self.size < 1 or self.size % 2 == 0:
            raise Misfit("size must be an odd number, for the channel to lie in the middle", setting="size")
        if self.k <= 0:
            raise Misfit("k must be more than 0", setting="k")
        if self.alpha < 0:
            raise Misfit("alpha must be 0 or more", setting="alpha")
        return x

    def _term(self, channels: int) -> Term:
        """The output of x and the average of the squares around it; as many are averaged as there are."""
        half = self.size // 2
        neighbours = minimum(Channel() + half, channels - 1) - maximum(Channel() - half, 0) + 1
        alpha = self.alpha / (self.size if self.average else 1)
        return i0 * exp(-self.beta * log(self.k + alpha * (i1 * neighbours)))

    def flops(self, y: Tensor, x: Tensor) -> Count:
        """For each number a square, the sum over the window, and the formula."""
        return y.count * (1 + self.size + count(self._term(x.channels)))

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        places, channels = x.type.positions, x.type.channels
        column = emit(Reshape((places, channels, 1)), emit(Map(i0 * i0), x))
        half = self.size // 2
        average = emit(Window("average", (1, self.size), (1, 1), (0, half, 0, half), (places, channels)), column)
        return emit(Map(self._term(channels)), x, emit(Reshape(x.type.arrayed(0)[1:]), average))
