"""Convolutions of 3x3 windows and their gradients take fewer products where that is faster.

before:  y = Contraction[kernel=3, pad=1](x, w)             dw = Contraction[role=weight, kernel=3, pad=1](x, dy)
after:   u = WinogradWeights(w)     y = Winograd[pad=1](x, u)     dw = WinogradGradient[pad=1](x, dy)
or, of few tiles:                   y = Winograd[pad=1, transformed=False](x, w)
"""

from dataclasses import dataclass, replace
from math import inf, prod

from netlang.graph import Graph, Node
from netlang.memory import lanes_of
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import LANES
from netlang.primitives.map.op import Update
from netlang.primitives.text import SIZES
from netlang.primitives.winograd.convolve import TILES
from netlang.primitives.winograd.op import TILE, WINDOW, Winograd, WinogradGradient, WinogradWeights
from netlang.primitives.winograd.reduce import at_once
from netlang.primitives.winograd.tiles import LARGE, POINTS

GAIN = 1.1  # how much faster it must promise to be: the promise is rough
NARROWEST = 16  # channels and filters
TRANSFORMS = 500, 400  # vector operations of a tile for 16 channels, and for 16 filters
READ = 25  # those that reading a vector of weights takes, which are read from memory
PASSING = 12  # those that transforming a vector of weights on the way takes, for each block of tiles
STREAM = 20, 40  # those that reading a vector of transformed weights takes, and writing one: in training, each step
SUMS = 20, 60  # those that a vector of a gradient's sums takes, of one block of tiles and of several


def winograd(graph: Graph, batch: int) -> Graph:
    """Equal weights are transformed once."""
    if not any(_shaped(node.made_by) for node in graph):
        return graph
    lanes = lanes_of(graph)
    stream = STREAM[0] + STREAM[1] * any(True for _ in graph.made_by(Update))
    made, transformed = Graph(dict(graph.outputs)), dict[str, str]()
    for node in graph:
        role = node.made_by.role if _shaped(node.made_by) and lanes[node.inputs[0]] == "c" else ""
        work = _work(graph, node, batch) if role else NONE
        passing = work.passing
        if not work.worth(work.summing if role == "weight" else min(stream, passing)):
            made.add(node)
            continue
        x, other = node.inputs
        if role == "weight":
            made.add(replace(node, made_by=WinogradGradient(node.made_by.pad, node.made_by.size)))
            continue
        if passing <= stream:
            made.add(replace(node, made_by=replace(_form(node.made_by), transformed=False)))
            continue
        if other not in transformed:
            form = WinogradWeights()
            type_ = form.infer(graph[other].type)
            transformed[other] = made.add(Node(f"{other}.winograd", form, (other,), type_, node.span, node.path)).id
        made.add(replace(node, made_by=_form(node.made_by), inputs=(x, transformed[other])))
    return made


def _form(of: Contraction) -> Winograd:
    """The gradient by the data is a convolution too: of dy, with the weights turned by half a turn."""
    if of.role == "out":
        return Winograd(of.pad, of.size)
    top, left, bottom, right = (WINDOW - 1 - side for side in of.pad)
    return Winograd((top, left, bottom, right), of.windows)


def _shaped(of: object) -> bool:
    """Whether it has windows of 3x3 pixels side by side."""
    if not isinstance(of, Contraction):
        return False
    return of.stride == (1, 1) == of.dilation and of.kernel == (WINDOW, WINDOW) and max(of.pad) < WINDOW


@dataclass(frozen=True)
class _Work:
    """Pixels and tiles of a batch, channels, and vectors of 16 filters."""

    pixels: int
    tiles: int
    channels: int
    vectors: int

    def worth(self, stream: float) -> bool:
        """Whether Winograd's way promises to be faster. stream: operations for each vector of the points' weights."""
        products = self.channels * self.vectors
        transforms = TRANSFORMS[0] * -(-self.channels // LANES) + TRANSFORMS[1] * self.vectors
        direct = (self.pixels + READ) * WINDOW * WINDOW * products
        return direct > GAIN * (self.tiles * (POINTS * products + transforms) + stream * POINTS * products)

    @property
    def passing(self) -> float:
        """The stream where weights are transformed on the way, if they are so many that they do not stay near."""
        return PASSING * -(-self.tiles // TILES) if self._weights > LARGE else inf

    @property
    def summing(self) -> int:
        """The stream of a gradient's sums."""
        return SUMS[not at_once(self.tiles, self._weights)]

    @property
    def _weights(self) -> int:
        return POINTS * self.channels * self.vectors * LANES * SIZES["f32"]


NONE = _Work(0, 0, 0, 0)


def _work(graph: Graph, node: Node, batch: int) -> _Work:
    x, other = (graph[i].type for i in node.inputs)
    y = other if node.made_by.role == "weight" else node.type
    _, high, wide, filters = y.arrayed(batch)
    if min(x.channels, filters) < NARROWEST:
        return NONE
    tiles = prod(-(-side // TILE) for side in (high, wide))
    return _Work(batch * high * wide, batch * tiles, x.channels, -(-filters // 16))
