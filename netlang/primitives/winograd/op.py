"""Convolutions of 3x3, 4x4 and 5x5 windows, and of lines of 3, 5 and 7 pixels, by fewer products.

F(4x4, 3x3) takes 36 products for 16 output pixels, 2.25 a pixel instead of 9; F(2x2, 5x5) 36 for 4, 9 instead of 25;
F(3x3, 4x4), for windows of 7x7 with a stride (`passes/stems.py`), 36 for 9, 4 instead of 16; F(1x4, 1x7) 10 for 4,
2.5 instead of 7; F(1x8, 1x3) 10 for 8, 1.25 instead of 3.
y = At [ (G w Gt) * (Bt x B) ] A for every tile of output pixels and its input pixels, `*` summed over the channels
(Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308, section 4.1). The matrices are those of Toom and Cook for the
points below: exact in exact arithmetic.
"""

from netlang.primitives.gather.op import Transpose
from netlang.primitives.launch import LANES
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.simd.toom_cook import SQUARES, Axis
from netlang.types import BATCH, Tensor


@dataclass(frozen=True)
class Form:
    """F(tile, window) along both axes: `high` down the image, `wide` across it."""

    high: Axis
    wide: Axis

    @property
    def points(self) -> int:
        """Products of a tile."""
        return self.high.span * self.wide.span


@dataclass(frozen=True)
class WinogradWeights(Primitive):
    """u[f / 16, a, b, c, f % 16] = sum over u,v of G[a,u] * w[u,v,c,f] * G[b,v], zeros behind the last filter

    In panels of 16 filters, whose numbers at a point stand side by side: so products read them.
    window: height and width of the windows, in pixels
    turned: of Transpose(w) in place of w, where channels and filters are multiples of 16
    """

    window: tuple[int, int] = (3, 3)
    turned: bool = False

    def infer(self, w: Tensor) -> Tensor:
        form = FORMS[self.window]
        c, f = (Transpose().infer(w) if self.turned else w).arrayed(0)[2:]
        return w.with_shape(-(-f // LANES), form.high.span, form.wide.span, c, LANES)


@dataclass(frozen=True)
class Winograd(Primitive):
    """y[n,i,j,f] = sum over u,v,c of x[n, i + u - top, j + v - left, c] * w[u,v,c,f]

    pad: rows above, columns left, rows below, columns right, of zeros around x
    size: height and width of x, in pixels
    filters: how many there are where w is what `WinogradWeights` makes of them; 0 where it is w itself
    block: about how many tiles are transformed before their products; 0 for the usual number
    window: height and width of the windows, in pixels
    turned: of Transpose(w) in place of w, where channels and filters are multiples of 16; without `filters` only, as
        `WinogradWeights` has it said otherwise

    Formed by `passes/winograd.py`, behind differentiation: it needs no gradient.
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    filters: int = 0
    block: int = 0
    window: tuple[int, int] = (3, 3)
    turned: bool = False

    def infer(self, x: Tensor, w: Tensor) -> Tensor:
        filters = w.shape[2] if self.turned else w.channels
        return x.with_shape(BATCH, *self.windows, self.filters or filters)

    @property
    def windows(self) -> tuple[int, int]:
        """Height and width of y."""
        top, left, bottom, right = self.pad
        high, wide = self.window
        return self.size[0] + top + bottom - high + 1, self.size[1] + left + right - wide + 1


@dataclass(frozen=True)
class WinogradGradient(Primitive):
    """dw[u,v,c,f] = sum over n,i,j of x[n, i + u - top, j + v - left, c] * dy[n,i,j,f]

    dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G: the adjoint of the above, of each c with each f.
    pad, size, block, window: as in `Winograd`
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    block: int = 0
    window: tuple[int, int] = (3, 3)

    def infer(self, x: Tensor, dy: Tensor) -> Tensor:
        return x.with_shape(*self.window, x.channels, dy.channels)


def _lines() -> dict[tuple[int, int], Form]:
    """Those of windows that are lines, across the image and down it."""
    one, made = Axis(1, 1), {}
    for window in (3, 5, 7):
        line = Axis(11 - window, window)
        made[1, window], made[window, 1] = Form(one, line), Form(line, one)
    return made


FORMS = {
    **{(axis.window, axis.window): Form(axis, axis) for axis in SQUARES},
    **_lines(),
}
