"""Residual connections: branches are added to what they read."""

from typing import Literal

from netlang import sizes
from netlang.formula import Term
from netlang.layer import Layer, Misfit, register
from netlang.layers.conv.op import Conv
from netlang.layers.dense.op import Dense
from netlang.layers.merge.op import Merge
from netlang.layers.pool.op import MaxPool
from netlang.layers.shape.op import Pad
from netlang.layers.sliding import Pair
from netlang.record import dataclass
from netlang.types import Tensor, shown

UNEQUAL = "the branches of `residual` do not add up"


@register
@dataclass(frozen=True)
class Residual(Merge):
    """y = shortcut(x) + a + b + ..., x what the branches read        (He et al. 2016, eq. 1 and 2)

    shortcut: `identity` is x itself; `project` a 1x1 convolution with the body's stride; `pad` every stride-th row and
              column, with zero channels appended (option A); `auto` is `identity` where shapes agree, else `project`

    For example:

        input 8x8x16
        residual[ conv3-16, conv3-16 ] relu     -> 8x8x16
        residual[ conv3-32/2, conv3-32 ] relu   -> 4x4x32
    """

    word = "residual"
    elsewhere = ("shortcut",)
    skips = True
    shortcut: Literal["auto", "identity", "project", "pad"] = "auto"

    def pair(self, a: Term, b: Term) -> Term:
        return a + b

    def infer(self, *inputs: Tensor) -> Tensor:
        if len(inputs) < 2:
            raise Misfit(f"`{self.word}` adds what its branches read to what they give, and here is one of the two")
        return super().infer(*inputs)

    def around(self, x: Tensor, y: Tensor, stride: Pair, *, bias: bool, norm: Layer | None) -> tuple[Layer, ...]:
        """The layers from x to what is added to the branches' output y; none for the identity.

        stride: the product of the strides on the way from x to y
        bias, norm: as the last convolution of the branches has them
        Raises Misfit where x and y cannot be added up.
        """
        if self.shortcut == "identity" or (self.shortcut == "auto" and x.shape == y.shape):
            if x.shape != y.shape:
                raise Misfit(UNEQUAL, help=self._instead(x, y, stride, bias=bias, norm=norm))
            return ()
        self._strided(x, y, stride)
        if self.shortcut == "pad":
            return self._padded(x, y, stride)
        return _projection(y, stride, bias, norm)

    def _instead(self, x: Tensor, y: Tensor, stride: Pair, *, bias: bool, norm: Layer | None) -> str:
        """What a projection would be and cost, where the tensor itself cannot be added."""
        self._strided(x, y, stride)
        layers = _projection(y, stride, bias, norm)
        cost = layers[0].weights(x) + (norm.weights(y) if norm is not None else ())
        steps = "" if stride == (1, 1) else f"/{stride[0]}" if stride[0] == stride[1] else f"/{stride[0]}x{stride[1]}"
        what = "an `FC` projection" if len(x.shape) == 2 else f"a 1x1{steps} projection"
        return f"drop `shortcut=identity` to get {what} (+{sum(w.type.size for w in cost):,} parameters)"

    def _strided(self, x: Tensor, y: Tensor, stride: Pair) -> None:
        """`Misfit` unless y has one place for every stride of x."""
        steps = stride[-(len(x.shape) - 2) :] if len(x.shape) > 2 else ()
        wanted = tuple(sizes.dim(sizes.ceil_div(n, s)) for n, s in zip(x.shape[1:-1], steps, strict=True))
        if len(x.shape) != len(y.shape) or y.shape[1:-1] != wanted:
            raise Misfit(
                UNEQUAL,
                help=f"a shortcut with the branches' strides would make {shown(('n', *wanted, y.channels))}",
            )

    def _padded(self, x: Tensor, y: Tensor, stride: Pair) -> tuple[Layer, ...]:
        more = y.channels - x.channels
        if more < 0:
            raise Misfit(
                f"`shortcut=pad` appends channels, and {x.channels} are more than {y.channels}", setting="shortcut"
            )
        thinned = (MaxPool((1, 1), stride),) if stride != (1, 1) else ()
        return (*thinned, Pad(channels=more)) if more else thinned


def _projection(y: Tensor, stride: Pair, bias: bool, norm: Layer | None) -> tuple[Layer, ...]:
    """A layer without a window of its own from anything to the shape of y, and its norm."""
    if len(y.shape) == 2:
        sums: Layer = Dense(y.channels, bias=bias)
    else:
        sums = Conv((1, 1), y.channels, stride, bias=bias)
    return (sums,) if norm is None else (sums, norm)
