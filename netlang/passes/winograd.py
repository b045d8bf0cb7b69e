"""Convolutions of 2x2 to 5x5 windows and of lines, and their gradients, take fewer products where that is faster.

before:  y = Contraction[kernel=3, pad=1](x, w)             dw = Contraction[role=weight, kernel=3, pad=1](x, dy)
after:   u = WinogradWeights(w)     y = Winograd[pad=1, filters=64](x, u)     dw = WinogradGradient[pad=1](x, dy)
or, of few tiles:                   y = Winograd[pad=1](x, w)
where Transpose(w) was read:        u = WinogradWeights[turned](w)            y = Winograd[pad=1, turned](x, w)
with a stride of 2:                 Winograd[stride=2]    WinogradGradient[stride=2]   by the data Winograd[dilation=2]
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf, prod
from types import MappingProxyType
from typing import Any

from netlang.graph import Graph, Node, NodeId
from netlang.memory import lanes_of
from netlang.passes.pieces import without
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Transpose
from netlang.primitives.launch import LANES
from netlang.primitives.map.op import Update
from netlang.primitives.region.op import Region
from netlang.primitives.text import SIZES
from netlang.primitives.winograd.convolve import TILES, block_of
from netlang.primitives.winograd.op import FORMS, Winograd, WinogradGradient, WinogradWeights, points
from netlang.primitives.winograd.reduce import at_once
from netlang.primitives.winograd.tiles import LARGE, tiled
from netlang.record import dataclass
from netlang.simd.toom_cook import STRIDED

GAIN = 1.1, 1.2  # how much faster it must promise to be, with a stride more: the promise is rough
# Filters, and channels but of 4x4 windows, of which few nets have any that `passes/stems.py` did not make
NARROWEST = 16
FEWEST = {(3, 3): 16 * 16, (4, 4): 12 * 16}  # channels times filters by window
FEWER = 48 * 128  # those of the others: a form is five more kernels to compile
TRANSFORMS = 14, 11  # vector operations of a tile's point for 16 channels, and for 16 filters
READ = 25  # those that reading a vector of weights takes, which are read from memory
PASSING = (
    12,
    20,
)  # those that transforming a vector of weights on the way takes, of the first block of tiles and of others
STREAM = (
    20,
    40,
)  # those that reading a vector of transformed weights takes, and writing one: in training, each step; where
# threads share a block of tiles, each vector is read by one of two
PACKED = 1.4  # times what the operations of a gradient by the weights with a stride take directly: pixels are copied
SUMS = 20, 60  # those that a vector of a gradient's sums takes, of one block of tiles and of several
DIRECT, PASSING_BY = "direct", "winograd passing"
WAYS: Mapping[str, Mapping[str, Any]] = {  # that a convolution may go, and what they make of `Winograd`
    DIRECT: {},
    "winograd": {},
    PASSING_BY: {},
    **{f"winograd {block}": {"block": block} for block in (24, 48, 96, 192)},
}


def winograd(graph: Graph, batch: int, choices: Mapping[str, str] = MappingProxyType({})) -> Graph:
    """Equal weights are transformed once.

    choices: of WAYS, by the convolution's `question`. Where nothing is said, the one that promises to be fastest
    """
    if not any(_shaped(node.made_by) for node in graph):
        return graph
    lanes = lanes_of(graph)
    made = Graph(dict(graph.outputs))
    for node in graph:
        name = question(graph, node, batch)
        if name is None or lanes[node.inputs[0]] != "c":
            made.add(node)
            continue
        chosen = choices.get(name)
        way = chosen if chosen in ways(name) else promising(graph, node, batch)
        if way == DIRECT:
            made.add(node)
            continue
        form = replace(_form(node.made_by), **WAYS[way])
        x, other = node.inputs
        if isinstance(form, Winograd):
            form, other = _given(graph, made, form, other, passing=way == PASSING_BY)
        made.add(replace(node, made_by=form, inputs=(x, other)))
    return without(made, {node.id for node in graph if isinstance(node.made_by, Transpose)})


def _given(graph: Graph, made: Graph, form: Winograd, weights: NodeId, *, passing: bool) -> tuple[Winograd, NodeId]:
    """The form with what it reads: the weights, or their transforms, which are made once.

    A transposed copy is not read if it has whole squares of 16 channels by 16 filters: these are turned on the way.
    """
    *_, c, f = graph[weights].type.arrayed(0)
    turned = isinstance(graph[weights].made_by, Transpose) and c % LANES == f % LANES == 0
    of = graph[graph[weights].inputs[0] if turned else weights]
    if passing:
        return replace(form, turned=turned), of.id
    apart = max(form.stride, form.dilation)
    transform = WinogradWeights(form.window, turned, apart)
    name = f"{of.id}{'.turned' * turned}.winograd{apart if apart > 1 else ''}"
    if name not in made:
        made.add(Node(name, transform, (of.id,), transform.infer(of.type), of.span, of.path))
    return replace(form, filters=f), name


def question(graph: Graph, node: Node, batch: int) -> str | None:
    """What a convolution is called whose way is to be chosen: all that its time depends on, but the machine.

    Of a node before this pass, or behind all passes; None where there is nothing to choose.
    """
    made_by = node.made_by.anchor if isinstance(node.made_by, Region) else node.made_by
    form = _form(made_by) if isinstance(made_by, Contraction) and _shaped(made_by) else made_by
    if not isinstance(form, Winograd | WinogradGradient):
        return None
    channels, filters = graph[node.inputs[0]].type.channels, node.type.channels
    narrow = min(channels, filters) < NARROWEST if form.window != (4, 4) else filters < NARROWEST
    apart = form.stride / getattr(form, "dilation", 1)
    if narrow or channels * filters < (FEWEST.get(form.window, FEWER) if apart == 1 else FEWER):
        return None
    kind = "gradient" if isinstance(form, WinogradGradient) else "training" if _trains(graph) else "evaluation"
    pad = ".".join(map(str, form.pad))
    size = f"{batch}x{form.size[0]}x{form.size[1]}x{channels}"
    window = f"{form.window[0]}x{form.window[1]}" + f"/{apart:g}" * (apart != 1)
    return f"{kind} {window} {size} to {filters} pad {pad}"


def ways(name: str) -> list[str]:
    """Those that the convolution of a question may go."""
    return [way for way in WAYS if way != PASSING_BY or not name.startswith("gradient")]


def _trains(graph: Graph) -> bool:
    """Whether weights change at every step, and are transformed anew."""
    return any(True for _ in graph.made_by(Update))


def promising(graph: Graph, node: Node, batch: int) -> str:
    """The way of a convolution that nobody has measured."""
    work = _work(graph, node, batch)
    stream = STREAM[0] / (1 + work.shared) + STREAM[1] * _trains(graph)
    if node.made_by.role == "weight":
        return "winograd" if work.worth(work.summing) else DIRECT
    if not work.worth(min(stream, work.passing)):
        return DIRECT
    return PASSING_BY if work.passing <= stream else "winograd"


def _form(of: Contraction) -> Winograd | WinogradGradient:
    """The gradient by the data is a convolution too: of dy, with the weights turned by half a turn."""
    stride = of.stride[0]
    if of.role == "weight":
        return WinogradGradient(of.pad, of.size, window=of.kernel, stride=stride)
    if of.role == "out":
        return Winograd(of.pad, of.size, window=of.kernel, stride=stride)
    top, left = (side - 1 - pad for side, pad in zip(of.kernel, of.pad[:2], strict=True))
    spread = [(windows - 1) * stride + 1 for windows in of.windows]
    high, wide = (size + side - 1 - more for size, side, more in zip(of.size, of.kernel, spread, strict=True))
    return Winograd((top, left, high - top, wide - left), of.windows, window=of.kernel, dilation=stride)


def _shaped(of: object) -> bool:
    """Whether it has windows of a size that there is a form for, pixels side by side."""
    if not isinstance(of, Contraction) or of.rows:
        return False
    inside = all(pad < side for pad, side in zip(of.pad, of.kernel * 2, strict=True))
    alike = of.kernel[0] == of.kernel[1] in STRIDED and of.stride == (2, 2)
    return of.dilation == (1, 1) and inside and (alike or (of.stride == (1, 1) and of.kernel in FORMS))


@dataclass(frozen=True)
class _Work:
    """Pixels of a window, points, pixels and tiles of a batch, channels, and vectors of 16 filters.

    strided, packed: whether there is a stride, and whether the direct way copies pixels for it
    Of the pixels of x and y the fewer count: what falls outside costs the direct way nothing.
    """

    window: int
    points: int
    pixels: int
    tiles: int
    channels: int
    vectors: int
    strided: bool
    packed: bool

    def worth(self, stream: float) -> bool:
        """Whether Winograd's way promises to be faster. stream: operations for each vector of the points' weights."""
        products = self.channels * self.vectors
        transforms = TRANSFORMS[0] * -(-self.channels // LANES) + TRANSFORMS[1] * self.vectors
        direct = (self.pixels + READ) * self.window * products * (PACKED if self.packed else 1)
        return direct > GAIN[self.strided] * self.points * (self.tiles * (products + transforms) + stream * products)

    @property
    def shared(self) -> bool:
        """Whether threads share a block of tiles, and so read the weights once (`primitives/winograd/convolve.py`)."""
        return self.tiles <= block_of(TILES, self.points) and self._weights > LARGE

    @property
    def passing(self) -> float:
        """The stream where weights are transformed on the way, if they are so many that they do not stay near."""
        first, further = PASSING
        blocks = (self.tiles - 1) // block_of(TILES, self.points)
        return first + further * blocks if self._weights > LARGE else inf

    @property
    def summing(self) -> int:
        """The stream of a gradient's sums."""
        return SUMS[not at_once(self.tiles, self._weights)]

    @property
    def _weights(self) -> int:
        return self.points * self.channels * self.vectors * LANES * SIZES["f32"]


def _work(graph: Graph, node: Node, batch: int) -> _Work:
    x, other = (graph[i].type for i in node.inputs)
    y = other if node.made_by.role == "weight" else node.type
    _, high, wide, filters = y.arrayed(batch)
    made = _form(node.made_by)
    sides = tiled(made, (high, wide))
    tiles = batch * sides["tiles_h"] * sides["tiles_w"]
    pixels = batch * min(x.positions, high * wide)
    apart = max(made.stride, getattr(made, "dilation", 1))
    packed = isinstance(made, WinogradGradient) and apart > 1
    many, vectors = points(made.window, apart), -(-filters // LANES)
    return _Work(prod(made.window), many, pixels, tiles, x.channels, vectors, apart > 1, packed)
