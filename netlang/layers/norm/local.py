"""Local response normalisation: a number is divided by what its neighbours across the channels amount to."""

from netlang.formula import Name, Term, count, exp, log
from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.primitives.band.op import Band
from netlang.primitives.map.op import Map
from netlang.record import dataclass
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

    For example:

        input 9x9x3
        conv3-8, lrn size=5     -> 9x9x8
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

    @property
    def _term(self) -> Term:
        """The output of x and the sum of the squares around it."""
        alpha = self.alpha / (self.size if self.average else 1)
        return i0 * exp(-self.beta * log(self.k + alpha * i1))

    def flops(self, y: Tensor, x: Tensor) -> Count:
        """For each number a square, the sum over the window, and the formula."""
        return y.count * (1 + self.size + count(self._term))

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        half = self.size // 2
        squares = emit(Band(half, half), emit(Map(i0 * i0), x))
        return emit(Map(self._term), x, squares)
