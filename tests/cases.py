"""One table of cases over all layers, primitives and losses: the laws and the kernel tests read it.

Sizes are small and awkward on purpose: no multiple of 16, odd images, windows that meet the border.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import recurrences

from netlang.differentiate import differentiate, updates
from netlang.formula import Channel, Name, Runtime, equal, exp, maximum, tanh, where
from netlang.graph import Graph, Input, Net, Node
from netlang.layer import Layer, Weight, find
from netlang.layers import initial, loss, optimizer
from netlang.lower import lower
from netlang.primitives.band.op import Band
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Panels, Reshape, Rows, Slice, SpaceToDepth, Transpose
from netlang.primitives.map.op import Map
from netlang.primitives.primitive import Primitive
from netlang.primitives.region.op import Region
from netlang.primitives.scan.op import Piece
from netlang.primitives.sum.op import Squares, Sum
from netlang.primitives.window.op import Window
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights
from netlang.source import NOWHERE
from netlang.types import BATCH, Tensor

Shape = tuple[int, ...]
i0, i1, i2, y = Name("i0"), Name("i1"), Name("i2"), Name("y")


@dataclass(frozen=True)
class Case:
    """A layer, a primitive or a loss, with the shapes of its inputs.

    shapes: without the batch axis for layers and losses; whole, with BATCH as "n", for primitives
    reach: how far from 0 the input numbers lie
    """

    what: Any
    shapes: tuple[tuple[int | str, ...], ...]
    reach: float = 2.0

    def __str__(self) -> str:
        inputs = ",".join("x".join(map(str, s)) or "1" for s in self.shapes)
        return f"{(getattr(self.what, 'word', None) and canonical(self.what)) or self.what} of {inputs}"

    def types(self, dtype: str = "f64") -> tuple[Tensor, ...]:
        """The types of the inputs."""
        if isinstance(self.what, Primitive):
            return tuple(Tensor(dtype, shape) for shape in self.shapes)
        if getattr(self.what, "tokens", False):
            return tuple(Tensor("i32", (BATCH, *shape), classes=VOCABULARY) for shape in self.shapes)
        return tuple(Tensor(dtype, (BATCH, *shape)) for shape in self.shapes)


def canonical(what: Any) -> str:
    return str(what) if isinstance(what, Layer) else what.word


def layer(word: str, *shapes: Shape, **settings: Any) -> Case:
    """A case of a layer by its word."""
    kind = find(word)
    assert kind is not None, word
    return Case(kind(**settings), shapes)


IMAGE, SMALL, VECTOR, SEQUENCE = (7, 6, 5), (4, 4, 3), (21,), (9, 6)
VOCABULARY = 7  # words of the tokens that are read

LAYERS: tuple[Case, ...] = (
    layer("embed", (9,), width=18),
    layer("embed", (4,), width=3, init="uniform"),
    layer("onehot", (5,)),
    layer("conv", IMAGE, kernel=(3, 3), width=4),
    layer("conv", IMAGE, kernel=(5, 5), width=19, pad="valid", stride=(2, 1)),
    layer("conv", IMAGE, kernel=(2, 4), width=3, bias=False),
    layer("conv", (9, 8, 17), kernel=(3, 3), width=18, stride=(2, 2)),
    layer("conv", IMAGE, kernel=(3, 2), width=3, dilation=(2, 3), pad=(1, 2)),
    layer("conv", IMAGE, kernel=(1, 1), width=33, stride=(2, 2)),
    layer("conv", SMALL, kernel=(3, 3), width=16, stride=(3, 3), init="orthogonal"),
    layer("conv", (7, 6, 6), kernel=(3, 3), width=4, groups=2),
    layer("conv", (4, 5, 32), kernel=(3, 3), width=32, groups=2, bias=False, stride=(2, 2)),
    layer("conv", (3, 6, 20), kernel=(3, 2), width=20, groups=5, dilation=(1, 2)),
    layer("conv", SEQUENCE, kernel=(3, 3), width=5, stride=(2, 2), pad="valid"),
    layer("conv", SEQUENCE, kernel=(4, 4), width=18, dilation=(2, 2)),
    layer("dwconv", IMAGE, kernel=(3, 3)),
    layer("dwconv", (9, 8, 18), kernel=(3, 2), stride=(2, 1), pad="valid", bias=False),
    layer("dwconv", IMAGE, kernel=(5, 3), stride=(2, 2), dilation=(1, 2)),
    layer("dwconv", SMALL, kernel=(3, 3), mult=3),
    layer("dwconv", SEQUENCE, kernel=(3, 3), stride=(2, 2)),
    layer("deconv", SMALL, kernel=(3, 3), width=5),
    layer("deconv", SMALL, kernel=(4, 4), width=18, stride=(2, 2)),
    layer("deconv", SMALL, kernel=(3, 2), width=2, stride=(2, 3), pad="valid", bias=False),
    layer("deconv", SMALL, kernel=(5, 5), width=3, stride=(2, 2), pad=(1, 2)),
    layer("deconv", SEQUENCE, kernel=(4, 4), width=3, stride=(2, 2)),
    layer("local", SMALL, kernel=(3, 3), width=18),
    layer("local", (5, 4, 3), kernel=(3, 2), width=4, stride=(2, 1), pad="valid", bias=False),
    layer("local", SEQUENCE, kernel=(3, 3), width=5, stride=(2, 2)),
    layer("fc", VECTOR, width=10),
    layer("maxout", VECTOR, kernel=3, width=5),
    layer("maxout", SMALL, kernel=2, width=3, bias=False),
    layer("channelpool", VECTOR, kernel=3),
    layer("channelpool", (3, 2, 8)),
    layer("fc", IMAGE, width=5, bias=False),
    layer("fc", (1,), width=1),
    layer("maxpool", IMAGE),
    layer("maxpool", IMAGE, kernel=(3, 3), stride=(2, 2)),
    layer("maxpool", IMAGE, kernel=(3, 2), stride=(1, 3), pad=(1, 1)),
    layer("avgpool", IMAGE),
    layer("avgpool", IMAGE, kernel=(3, 3), stride=(2, 2)),
    layer("avgpool", (6, 6, 18), kernel=(2, 2), pad="valid"),
    layer("avgpool", IMAGE, kernel=(4, 4), stride=(1, 1)),
    layer("maxpool", (8, 7, 3), kernel=(3, 3), stride=(2, 2), ceil=True),
    layer("avgpool", (8, 7, 3), kernel=(3, 3), stride=(2, 2), pad=(1, 1), ceil=True),
    layer("avgpool", (8, 7, 3), kernel=(3, 3), stride=(2, 2), pad=(1, 1), ceil=True, count_padding=True),
    layer("avgpool", IMAGE, kernel=(3, 3), stride=(1, 1), count_padding=True),
    layer("maxpool", SEQUENCE, kernel=(3, 3), stride=(2, 2)),
    layer("avgpool", SEQUENCE),
    layer("globalavgpool", IMAGE),
    layer("globalavgpool", SEQUENCE),
    layer("globalmaxpool", IMAGE),
    layer("globalmaxpool", SEQUENCE),
    *(layer(word, SEQUENCE) for word in ("mean", "last", "first")),
    layer("bn", IMAGE),
    layer("bn", (4, 4, 18), eps=0.1, momentum=0.3),
    layer("rnn", SEQUENCE, width=16),
    layer("rnn", SEQUENCE, width=16, act="sigmoid", bidirectional=True, last=True),
    layer("lstm", SEQUENCE, width=16),
    layer("lstm", SEQUENCE, width=32, bidirectional=True),
    layer("lstm", SEQUENCE, width=16, peephole=True, reverse=True),
    layer("lstm", SEQUENCE, width=16, last=True, forget=0.0),
    layer("gru", SEQUENCE, width=16),
    layer("gru", SEQUENCE, width=16, reset="before", bidirectional=True, last=True),
    layer("bn", SEQUENCE, scale=False),
    layer("bn", VECTOR, shift=False),
    layer("bn", SMALL, scale=False, shift=False),
    layer("ln", IMAGE),
    layer("ln", SEQUENCE, eps=1e-3),
    layer("ln", VECTOR, scale=False),
    layer("in", IMAGE),
    layer("in", SEQUENCE, shift=False),
    layer("gn", (4, 3, 6), groups=3),
    layer("gn", SMALL, groups=1, scale=False, shift=False),
    layer("gn", (18,), groups=2),
    layer("lrn", IMAGE, alpha=0.3),
    layer("lrn", VECTOR, size=3, alpha=0.5, beta=0.5, k=1.0, average=True),
    *(layer(word, VECTOR) for word in ("relu", "leaky", "elu", "sigmoid", "tanh", "step", "softplus", "swish")),
    *(layer(word, VECTOR) for word in ("gelu", "prelu")),
    layer("prelu", IMAGE, start=0.1),
    layer("scale", IMAGE, factor=0.17),
    *(layer(word, IMAGE) for word in ("relu", "abs", "tanh", "sigmoid", "linear", "identity")),
    layer("leaky", SMALL, slope=0.2),
    replace(layer("relu6", VECTOR), reach=9.0),
    layer("softmax", (10,)),
    layer("softmax", IMAGE),
    layer("logsoftmax", (17,)),
    layer("logsoftmax", SMALL),
    layer("dropout", VECTOR),
    layer("dropout", IMAGE, rate=0.25),
    layer("dropout", IMAGE, rate=0.4, spatial=True),
    layer("dropout", SEQUENCE, spatial=True),
    layer("reshape", IMAGE, shape=(15, 14)),
    layer("reshape", VECTOR, shape=(3, 1, 7)),
    layer("reshape", (25,), shape=(5, 5)),
    layer("pad", SMALL, by=(2, 1)),
    layer("pad", SEQUENCE, by=(1, 1), channels=3),
    layer("pad", SMALL, channels=2),
    layer("crop", IMAGE, by=(2, 1)),
    layer("crop", SEQUENCE, by=(3, 3)),
    layer("crop", IMAGE, (4, 5, 2)),
    layer("upsample", SMALL, kernel=(2, 3)),
    layer("upsample", SEQUENCE, kernel=(2, 2)),
    layer("upsample", SMALL, (8, 4, 7)),
    layer("upsample", SMALL, (6, 9, 2)),
    layer("upsample", SMALL, kernel=(2, 3), how="bilinear"),
    layer("upsample", (4, 5, 18), (7, 3, 2), how="bilinear"),
    layer("upsample", SEQUENCE, kernel=(3, 3), how="bilinear"),
    layer("flatten", IMAGE),
    layer("flatten", VECTOR),
    *(layer(word, IMAGE, IMAGE) for word in ("add", "mul", "sub", "max", "concat", "residual")),
    layer("add", VECTOR, VECTOR, VECTOR),
    layer("max", IMAGE, IMAGE, IMAGE),
    layer("mul", IMAGE, (5,)),
    layer("add", (5,), IMAGE),
    layer("concat", IMAGE, (7, 6, 16), (7, 6, 1)),
    layer("concat", (3,), IMAGE),
    layer("concat", VECTOR, (3,)),
)

N = BATCH
PRIMITIVES: tuple[Case, ...] = (
    Case(Map(i0 * i1 + i2), ((N, 3, 5, 18), (18,), (N, 3, 5, 1))),
    Case(Map(i0 * i1), ((N, 3, 5, 18), (N, 1, 1, 18))),
    Case(Map(tanh(i0) / i1), ((N, 3, 5, 3), ())),
    Case(Map(i0 * i1), ((N, 3, 5, 18), (N, 1, 1, 1))),
    Case(Map(i0 - i1), ((N, 18), (N, 1))),
    Case(Map(i0 * 2, (N, 3, 4, 5)), ((N, 1, 1, 5),)),
    Case(Map(i0 * i1), ((2, 3, 5, 18), (2, 3, 5, 18))),
    Case(Map(i0 * Channel() / Runtime("examples")), ((N, 18),)),
    Case(Sum(i0 * i1, "channel"), ((N, 3, 5, 18), (N, 3, 5, 18))),
    Case(Sum(exp(i0 - i1), "channel"), ((N, 18), (N, 1))),
    Case(Map(i0 * i1), ((N, 3, 5, 18), (3, 5, 18))),
    Case(Map(exp(i0) - i1), ((N, 3, 5), (3, 5))),
    Case(Sum(i0 * i1, "examples"), ((N, 3, 5, 18), (N, 3, 5, 18))),
    Case(Squares(), ((N, 3, 5, 18), (18,))),
    Case(Sum(i0 * i0 + 1, "examples"), ((N, 5, 3),)),
    Case(Sum(i0 * i1, "positions"), ((N, 3, 5, 18), (18,))),
    Case(Sum(i0 * i0, "batch"), ((N, 3, 5, 18),)),
    Case(Sum(i0 * i1, "batch"), ((N, 18), (N, 18))),
    Case(Sum(i0 * i1, "all"), ((N, 3, 5, 18), (N, 1, 1, 1))),
    Case(Sum(where(equal(Channel(), i1), i0, 0), "all"), ((N, 7), (N, 1))),
    Case(Sum(i0 * i0, "all"), ((3, 3, 2, 5),)),
    Case(Sum(i0 + i1, "all"), ((N, 3, 5, 18), (18,))),
    Case(Sum(i0, "channel", "max"), ((N, 3, 5, 18),)),
    Case(Contraction("data", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (7, 6)), ((N, 4, 3, 5), (3, 3, 4, 5))),
    Case(Contraction("weight", (3, 2), (1, 2), (1, 0, 1, 1), (1, 1), (5, 6)), ((N, 5, 6, 3), (N, 5, 3, 4))),
    Case(Contraction("data", (1, 1), (1, 1), (0, 1, 2, 1), (1, 1), (3, 4)), ((N, 5, 6, 16), (1, 1, 7, 16))),
    Case(Contraction("data", (3, 1), (2, 1), (1, 0, 0, 0), (1, 1), (8, 6)), ((N, 4, 6, 16), (3, 1, 5, 16))),
    Case(Contraction("data"), ((N, 18), (7, 18))),
    Case(Contraction("weight"), ((N, 18), (N, 7))),
    Case(Contraction(size=(1, 4)), ((N, 4, 18), (18, 7))),
    Case(Contraction("data", size=(1, 4)), ((N, 4, 18), (7, 18))),
    Case(Contraction("weight", size=(1, 4)), ((N, 4, 18), (N, 4, 7))),
    Case(Window("average", (3, 3), (2, 2), (1, 1, 1, 1), (7, 6), "data"), ((N, 4, 3, 5),)),
    Case(Reshape((6, 5)), ((N, 2, 3, 5),)),
    Case(Concat(), ((N, 3, 2, 5), (N, 3, 2, 18))),
    Case(Slice(2, 5), ((N, 3, 2, 18),)),
    Case(Slice(0, 16), ((N, 18),)),
    Case(Transpose(), ((3, 2, 4, 18),)),
    Case(Band(2, 1), ((N, 3, 2, 18),)),
    Case(Band(0, 17), ((N, 18),)),
    Case(Transpose(), ((4, 18),)),
    Case(Rows(2, 3), ((6, 18),)),
    Case(Rows(-2, 9), ((6, 18),)),
    Case(Piece(0, 18), ((N, 4, 18),)),
    *(Case(scan, recurrences.shapes(scan)) for scan in recurrences.SCANS),
    Case(
        Region(Contraction("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (6, 5)), (i0, i1), maximum(y + i2, 0)),
        ((N, 6, 5, 3), (3, 3, 3, 18), (18,)),
    ),
    Case(Region(Contraction(), (maximum(i0, 0) * i2, i1), tanh(y)), ((N, 7), (7, 18), (N, 7))),
    Case(Region(Window("average", (2, 2), (2, 2), (0, 0, 0, 0), (4, 6)), (i0,), tanh(y)), ((N, 4, 6, 3),)),
)
FORMED = (  # behind differentiation: they have no gradient
    Case(WinogradWeights(), ((3, 3, 5, 18),)),
    Case(WinogradWeights(turned=True), ((3, 3, 16, 32),)),
    Case(Panels(), ((3, 2, 5, 18),)),
    Case(Panels(turned=True), ((3, 2, 5, 18),)),
    Case(SpaceToDepth(2, (3, 4), (5, 6), (1, 2)), ((N, 5, 6, 3),)),
    Case(SpaceToDepth(3, (2, 1), (5, 3)), ((5, 3, 2, 18),)),
    Case(Winograd((1, 1, 1, 1), (6, 5)), ((N, 6, 5, 16), (3, 3, 16, 18))),
    Case(Winograd((1, 1, 1, 1), (6, 5), turned=True), ((N, 6, 5, 32), (3, 3, 16, 32))),
    Case(WinogradGradient((1, 1, 1, 1), (6, 5)), ((N, 6, 5, 16), (N, 6, 5, 18))),
    Case(WinogradWeights(stride=2), ((3, 3, 5, 18),)),
    Case(Winograd((1, 1, 1, 1), (6, 5), stride=2), ((N, 6, 5, 16), (3, 3, 16, 18))),
    Case(Winograd((1, 1, 2, 1), (3, 3), dilation=2), ((N, 3, 3, 16), (3, 3, 16, 18))),
    Case(WinogradGradient((1, 1, 1, 1), (6, 5), stride=2), ((N, 6, 5, 16), (N, 3, 3, 18))),
)
PRIMITIVES = (*PRIMITIVES, *FORMED)
LOSSES: tuple[Case, ...] = (
    Case(loss.find("cross_entropy")(), ((10,),)),
    Case(loss.find("cross_entropy")(), (SMALL,)),
    Case(loss.find("binary_cross_entropy")(), ((1,),)),
    Case(loss.find("binary_cross_entropy")(), (SMALL,)),
    Case(loss.find("squared_error")(), (VECTOR,)),
    Case(loss.find("squared_error")(), (SMALL,)),
    Case(loss.find("mae")(), (VECTOR,)),
    Case(loss.find("smooth_l1")(), (SMALL,)),
    Case(loss.find("hinge")(), ((5,),)),
    Case(loss.find("hinge")(), (SMALL,)),
    Case(loss.find("perceptron")(), ((1,),)),
    Case(loss.find("perceptron")(), (VECTOR,)),
)
CASES = (*LAYERS, *PRIMITIVES, *LOSSES)
OPTIMIZERS = (
    optimizer.find("sgd")(),
    optimizer.find("momentum")(),
    optimizer.find("nesterov")(momentum=0.8),
    optimizer.find("adam")(),
)


def chain(*layers: Layer, shape: Shape, name: str = "net", **train: Any) -> Net:
    """A net of layers one after another, named as the checker names them: conv1, conv2, fc1."""
    graph = Graph()
    at = graph.add(Node("input", Input("input"), (), Tensor("f32", (BATCH, *shape)), NOWHERE))
    for made_by in layers:
        at = append(graph, made_by, at)
    graph.outputs["output"] = at.id
    return Net(name, None, graph, train, {}, "")


def append(graph: Graph, made_by: Layer, *inputs: Node) -> Node:
    """One more layer with its weights."""
    count = 1 + sum(isinstance(n.made_by, Layer) and n.made_by.word == made_by.word for n in graph)
    path = (f"{made_by.word}{count}",)
    types = [node.type for node in inputs]
    weights = [graph.add(Node(f"{path[0]}.{w.name}", w, (), w.type, NOWHERE, path)).id for w in made_by.weights(*types)]
    read = (*(node.id for node in inputs), *weights)
    return graph.add(Node(path[0], made_by, read, made_by.infer(*types), NOWHERE, path))


def net(case: Case) -> Net:
    """A net of the one layer of a case, or of the last layer a loss belongs to."""
    graph = Graph()
    inputs = [graph.add(Node(f"x{k}", Input(f"x{k}"), (), t, NOWHERE)) for k, t in enumerate(case.types("f32"))]
    made_by = find(case.what.of or "identity")() if isinstance(case.what, loss.Loss) else case.what
    graph.outputs["output"] = append(graph, made_by, *inputs).id
    return Net("case", None, graph, {}, {}, "")


def primitives(case: Case, dtype: str = "f64", *, training: bool = True) -> Graph:
    """The graph of primitives of a case; with the scalar output "loss" if training.

    A layer's or primitive's loss is the sum of its output times an input "dy", so that its gradient is the
    gradient along dy. A loss is its own.
    """
    if isinstance(case.what, loss.Loss):
        return lower(net(case), training=True, loss=case.what, dtype=dtype)
    if isinstance(case.what, Primitive):
        graph = Graph()
        types = case.types(dtype)
        ids = [graph.add(operand(k, t)).id for k, t in enumerate(types)]
        graph.add(Node("output", case.what, tuple(ids), case.what.infer(*types), NOWHERE))
        graph.outputs["output"] = "output"
    else:
        graph = lower(net(case), training=training, dtype=dtype, scored=False)
    return scored(graph) if training else graph


def scored(graph: Graph) -> Graph:
    """The graph with the scalar output "loss": the sum of its output times an input "dy"."""
    out = graph[graph.outputs["output"]]
    graph.add(Node("dy", operand(0, out.type).made_by, (), out.type, NOWHERE))
    graph.add(Node("loss", Sum(i0 * i1, "all"), (out.id, "dy"), out.type.with_shape(), NOWHERE))
    graph.outputs["loss"] = "loss"
    return graph


def operand(k: int, type_: Tensor) -> Node:
    """An input of a case: a Weight where there is no batch axis."""
    made_by = Input(f"x{k}") if type_.batched else Weight(f"x{k}", type_, "normal")
    return Node(f"x{k}", made_by, (), type_, NOWHERE)


def differentiable(graph: Graph) -> list[str]:
    """The ids of all inputs and weights a gradient may be asked of."""
    return [
        n.id
        for n in graph
        if isinstance(n.made_by, Input | Weight) and n.id not in ("dy", "target") and not n.type.classes
    ]


def with_gradients(case: Case, dtype: str = "f64") -> Graph:
    """The graph of a case and the gradients by all its inputs and weights, and a step of Adam on its weights."""
    graph = primitives(case, dtype)
    return updates(differentiate(graph, wrt=differentiable(graph)), optimizer.find("adam")())


def feeds(graph: Graph, n: int = 3, seed: int = 0, reach: float = 2.0) -> dict[str, Any]:
    """Numbers from -reach to reach for the inputs and weights of a graph, labels where labels are read.

    Within a tensor they keep apart from one another and from 0: a maximum has one clear winner.
    """
    found: dict[str, Any] = {}
    for node in graph:
        if not isinstance(node.made_by, Input | Weight):
            continue
        rng = initial.generator(seed, node.id)
        shape = node.type.arrayed(n)
        if node.type.classes:
            found[node.id] = rng.integers(0, node.type.classes, shape).astype(float)
        elif isinstance(node.made_by, Input) and node.made_by.kind == "labels":
            classes = graph[graph.outputs["output"]].type.channels
            found[node.id] = rng.integers(0, classes, shape).astype(float)
        else:
            count = int(np.prod(shape))
            places = rng.permutation(count) + 0.5 - count / 2 + rng.uniform(-0.25, 0.25, count)
            found[node.id] = (places * (2 * reach / max(count, 8))).reshape(shape)
    return found


def launches(dtype: str = "f32") -> list[tuple[Primitive, tuple[Tensor, ...], Tensor]]:
    """Every primitive that some case is made of, forward and backward, once: what a backend must be able to run."""
    found = {}
    for case in CASES:
        graph = with_gradients(case, dtype) if smooth(case) else primitives(case, dtype)
        for node in graph.made_by(Primitive):
            found[node.made_by, tuple(graph[i].type for i in node.inputs), node.type] = None
    return list(found)


def smooth(case: Case) -> bool:
    """Whether gradients may be taken: not of regions, which are formed behind differentiation, nor of a largest."""
    return not isinstance(case.what, Region) and case not in FORMED
