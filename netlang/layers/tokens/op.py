"""Tokens to vectors."""

from netlang.formula import Channel, Name, equal, where
from netlang.layer import Emit, Layer, Misfit, Value, Weight, register
from netlang.layers.initial import Initial
from netlang.layers.sliding import positive
from netlang.primitives.lookup.op import Lookup
from netlang.primitives.map.op import Map
from netlang.record import dataclass
from netlang.types import Count, Tensor


@register
@dataclass(frozen=True)
class Embed(Layer):
    """y[n,t,f] = w[x[n,t], f]: a row of a table for each token        (Bengio et al. 2003)

    width: how long the vectors are
    init:  how w starts; `auto` is `normal(1)`

    The table has a row for every word of the vocabulary. It has no MACs: rows are read, not multiplied.

    For example:

        input T tokens vocab=50
        embed-8, mean, FC-2     -> 2
    """

    word = "embed"
    elsewhere = ("embedding",)
    tokens = True
    width: int
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        return Tensor("f32", (*x.shape, self.width))

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        init = "normal(1)" if self.init == "auto" else self.init
        return (Weight("w", Tensor("f32", (x.classes, self.width)), init, (1, self.width), decays=True),)

    def lower(self, emit: Emit, training: bool, x: Value, w: Value) -> Value:
        return emit(Lookup(), x, w)


@register
@dataclass(frozen=True)
class OneHot(Layer):
    """y[n,t,f] = 1 where f = x[n,t], else 0: as long a vector as the vocabulary has words

    For example:

        input T tokens vocab=20
        onehot          -> Tx20
        rnn-8, last     -> 8
    """

    word = "onehot"
    tokens = True

    def infer(self, x: Tensor) -> Tensor:
        if x.classes < 1:
            raise Misfit("`onehot` needs to know how many words there are", help="say `vocab=` behind the `input`")
        return Tensor("f32", (*x.shape, x.classes))

    def flops(self, y: Tensor, x: Tensor) -> Count:
        return y.count  # each is compared

    def lower(self, emit: Emit, training: bool, x: Value) -> Value:
        wide = (*x.type.shape[:-1], x.type.classes)
        return emit(Map(where(equal(Channel(), Name("i0")), 1, 0), wide), x)
