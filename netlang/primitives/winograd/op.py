"""Convolutions of 2x2 to 5x5 windows, and of lines of 3, 5 and 7 pixels, by fewer products.

F(4x4, 3x3) takes 36 products for 16 output pixels, 2.25 a pixel instead of 9; F(2x2, 5x5) 36 for 4, 9 instead of 25;
F(3x3, 4x4), for windows of 7x7 with a stride (`passes/stems.py`), 36 for 9, 4 instead of 16; F(1x4, 1x7) 10 for 4,
2.5 instead of 7; F(1x8, 1x3) 10 for 8, 1.25 instead of 3.
y = At [ (G w Gt) * (Bt x B) ] A for every tile of output pixels and its input pixels, `*` summed over the channels
(Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308, section 4.1). The matrices are those of Toom and Cook for the
points below: exact in exact arithmetic.

With a stride of 2 the rows and columns of even and of odd number make four images, which windows of 2x2, 2x1, 1x2 and
1x1 pixels go over for 3x3: F(4x4, 2x2), F(4x4, 2x1)... take 25, 20, 20 and 16 products for 16 pixels, 5.1 a pixel
instead of 9, and the last three lack nothing but the first one's points at infinity, so that all are added up in front
of one At ... A. The gradient by the data has such windows over one image, and puts out four.
"""

from netlang.primitives.gather.op import Transpose
from netlang.primitives.launch import LANES
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.simd.toom_cook import SQUARES, STRIDED, Axis, halves
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
class Phase:
    """The rows of a window from `down` on and its columns from `right` on, each at its stride: their form.

    start: how many products those in front of it have
    """

    form: Form
    down: int = 0
    right: int = 0
    start: int = 0


def phases(window: tuple[int, int], stride: int) -> tuple[Phase, ...]:
    """Those of a window with a stride of 1 or 2."""
    if stride == 1:
        return (Phase(FORMS[window]),)
    made, start = list[Phase](), 0
    for down, high in enumerate(halves(STRIDED[window[0]])):
        for right, wide in enumerate(halves(STRIDED[window[1]])):
            made.append(Phase(Form(high, wide), down, right, start))
            start += made[-1].form.points
    return tuple(made)


def points(window: tuple[int, int], stride: int) -> int:
    """Products of a tile, of all phases."""
    return sum(phase.form.points for phase in phases(window, stride))


@dataclass(frozen=True)
class WinogradWeights(Primitive):
    """u[f / 16, a, b, c, f % 16] = sum over u,v of G[a,u] * w[u,v,c,f] * G[b,v], zeros behind the last filter

    In panels of 16 filters, whose numbers at a point stand side by side: so products read them.
    window: height and width of the windows, in pixels
    turned: of Transpose(w) in place of w, where channels and filters are multiples of 16
    stride: of the convolution, or of the one whose gradient by the data this is: the points of all its phases
    """

    window: tuple[int, int] = (3, 3)
    turned: bool = False
    stride: int = 1

    def infer(self, w: Tensor) -> Tensor:
        c, f = (Transpose().infer(w) if self.turned else w).arrayed(0)[2:]
        return w.with_shape(-(-f // LANES), points(self.window, self.stride), c, LANES)


@dataclass(frozen=True)
class Winograd(Primitive):
    """y[n,i,j,f] = sum over u,v,c of x[n, i*stride + u - top, j*stride + v - left, c] * w[u,v,c,f]

    pad: rows above, columns left, rows below, columns right, of zeros around x
    size: height and width of x, in pixels
    filters: how many there are where w is what `WinogradWeights` makes of them; 0 where it is w itself
    block: about how many tiles are transformed before their products; 0 for the usual number
    window: height and width of the windows, in pixels
    turned: of Transpose(w) in place of w, where channels and filters are multiples of 16; without `filters` only, as
        `WinogradWeights` has it said otherwise
    stride: 1 or 2, down and across
    dilation: 2 where zeros stand between the pixels of x, as in the gradient by the data of a stride of 2: x[h, w] is
        x[h / 2, w / 2] then, or 0, and pad counts rows and columns with the zeros

    Formed by `passes/winograd.py`, behind differentiation: it needs no gradient.
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    filters: int = 0
    block: int = 0
    window: tuple[int, int] = (3, 3)
    turned: bool = False
    stride: int = 1
    dilation: int = 1

    def infer(self, x: Tensor, w: Tensor) -> Tensor:
        filters = w.shape[2] if self.turned else w.channels
        return x.with_shape(BATCH, *self.windows, self.filters or filters)

    @property
    def windows(self) -> tuple[int, int]:
        """Height and width of y."""
        top, left, bottom, right = self.pad
        high, wide = ((side - 1) * self.dilation + 1 for side in self.size)
        rows, columns = high + top + bottom - self.window[0], wide + left + right - self.window[1]
        return rows // self.stride + 1, columns // self.stride + 1


@dataclass(frozen=True)
class WinogradGradient(Primitive):
    """dw[u,v,c,f] = sum over n,i,j of x[n, i*stride + u - top, j*stride + v - left, c] * dy[n,i,j,f]

    dw = Gt [ sum over tiles of (Bt x B) * (A dy At) ] G: the adjoint of the above, of each c with each f.
    pad, size, block, window, stride: as in `Winograd`
    """

    pad: tuple[int, int, int, int]
    size: tuple[int, int]
    block: int = 0
    window: tuple[int, int] = (3, 3)
    stride: int = 1

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
