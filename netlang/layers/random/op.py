"""Layers that draw random numbers while training."""

from zlib import crc32

from netlang.formula import Name, Random, where
from netlang.layer import Emit, Layer, Misfit, Value, register
from netlang.primitives.map.op import Map
from netlang.record import dataclass
from netlang.types import BATCH, Count, Tensor


@register
@dataclass(frozen=True)
class Dropout(Layer):
    """y = 0 with probability rate, else x / (1 - rate), while training; y = x afterwards

    rate:    the share of numbers set to zero
    spatial: whether a channel is dropped in all places or in none (Tompson et al. 2015)

    Scaled while training ("inverted"), so that evaluation computes nothing
    (Srivastava et al. 2014, section 10).

    For example:

        input 20
        FC-16, dropout 0.25, FC-4   -> 4
    """

    word = "dropout"
    positional = "rate"
    transparent = True
    rate: float = 0.5
    spatial: bool = False

    def infer(self, x: Tensor) -> Tensor:
        if not 0 <= self.rate < 1:
            raise Misfit("rate is the share of numbers set to zero: from 0 to below 1", setting="rate")
        return x

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return 0

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        if not training or not self.rate:
            return x
        kept = Random(stream(emit.path)) >= self.rate
        factor = 1 / (1 - self.rate)
        if not self.spatial or len(x.type.shape) == 2:
            return emit(Map(where(kept, Name("i0") * factor, 0)), x)
        ones = (1,) * (len(x.type.shape) - 2)
        factors = emit(Map(where(kept, factor, 0), (BATCH, *ones, x.type.channels)), x)
        return emit(Map(Name("i0") * Name("i1")), x, factors)


def stream(path: tuple[str, ...]) -> int:
    """The random stream of a layer: told by its place in the net, whatever else the net holds."""
    return crc32("/".join(path).encode())
