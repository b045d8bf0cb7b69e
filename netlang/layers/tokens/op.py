"""Tokens to vectors."""

from dataclasses import dataclass

from netlang.layer import Layer, Misfit, Weight, register
from netlang.layers.initial import Initial
from netlang.layers.sliding import positive
from netlang.types import Tensor


@register
@dataclass(frozen=True)
class Embed(Layer):
    """y[n,t,f] = w[x[n,t], f]: a row of a table for each token        (Bengio et al. 2003)

    width: how long the vectors are
    init:  how w starts; `auto` is `normal(1)`

    The table has a row for every word of the vocabulary. It has no MACs: rows are read, not multiplied.
    """

    word = "embed"
    tokens = True
    compiled = False
    width: int
    init: Initial = "auto"

    def infer(self, x: Tensor) -> Tensor:
        positive(self, "width")
        return Tensor("f32", (*x.shape, self.width))

    def weights(self, x: Tensor) -> tuple[Weight, ...]:
        init = "normal(1)" if self.init == "auto" else self.init
        return (Weight("w", Tensor("f32", (x.classes, self.width)), init, (1, self.width), decays=True),)


@register
@dataclass(frozen=True)
class OneHot(Layer):
    """y[n,t,f] = 1 where f = x[n,t], else 0: as long a vector as the vocabulary has words"""

    word = "onehot"
    tokens = True
    compiled = False

    def infer(self, x: Tensor) -> Tensor:
        if x.classes < 1:
            raise Misfit("`onehot` needs to know how many words there are", help="say `vocab=` behind the `input`")
        return Tensor("f32", (*x.shape, x.classes))
