"""Which axis lies in the vector lanes of each value: its channels or its examples.

Channels fill the lanes of a wide convolution; examples fill those of a narrow one (LeNet's 6 channels
would leave 10 of 16 lanes empty). One choice holds for all images of a net; vectors keep their channels
in the lanes, where dense products are fastest.

before:  c = Contraction(image, w)                f = Reshape(c)          y = Contraction(f, v)
after:   c = Contraction(image in "n" lanes, w)   f = Reshape(c)          y = Contraction(Convert("c")(f), v)
"""

from dataclasses import replace
from math import prod

from netlang.graph import Graph, Input, Node
from netlang.primitives.contraction.dense import suits
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.contraction.tight import FEW
from netlang.primitives.gather.op import Convert, Reshape, SpaceToDepth, Transpose
from netlang.primitives.launch import LANES
from netlang.types import BATCH, Tensor

MARGIN = 1.1  # examples in the lanes must promise this much more: they cost conversions at the border of the images


def layout(graph: Graph, batch: int) -> Graph:
    """Inputs get their lanes, `Convert` nodes stand where lanes change, data gradients read transposed weights."""
    images = image_lanes(graph, batch)
    laid = _Laid(graph, batch)
    for node in graph:
        lanes = _wants(graph, node, images)
        if isinstance(node.made_by, Input) and lanes == "c" and _as_rows(graph, node):
            laid.rows(node)
            continue
        laid.take(node, lanes, _reads(graph, node, images) if lanes == "w" else lanes)
    laid.graph.outputs.update({name: laid.now[of] for name, of in graph.outputs.items()})
    return laid.graph


def image_lanes(graph: Graph, batch: int) -> str:
    """The lanes of images: "n" where the products would use more of them with examples in them, else "c"."""
    used = work = 0.0
    for node in graph.made_by(Contraction):
        types = [graph[i].type for i in node.inputs]
        if all(len(t.shape) != 4 or not t.batched for t in (*types, node.type)):
            continue
        lanes = types[1].channels if node.made_by.role == "weight" else node.type.channels
        macs = _macs(node, types)
        work += macs
        used += macs * lanes / _whole(lanes)
    return "n" if work and used * MARGIN < work * batch / _whole(batch) else "c"


def _whole(count: int) -> int:
    return -(-count // LANES) * LANES


def _macs(node: Node, types: list[Tensor]) -> int:
    """Multiply-adds per example, from the two of x, w and y that are there."""
    kernel = prod(node.made_by.kernel)
    x = types[0] if node.made_by.role != "data" else node.type
    y = {"out": node.type, "data": types[0], "weight": types[-1]}[node.made_by.role]
    return int(y.positions * y.channels * x.channels * kernel)


def _wants(graph: Graph, node: Node, images: str) -> str:
    """The lanes a node's result shall have; "w" for what has no batch axis."""
    if not node.type.batched:
        return "w"
    if isinstance(node.made_by, Reshape):
        source = graph[node.inputs[0]].type
        return images if 4 in (len(node.type.shape), len(source.shape)) else "c"
    return images if len(node.type.shape) == 4 else "c"


def _reads(graph: Graph, node: Node, images: str) -> str:
    """The lanes in which a reduction over the batch reads its operands."""
    return images if any(len(graph[i].type.shape) == 4 and graph[i].type.batched for i in node.inputs) else "c"


def _as_rows(graph: Graph, node: Node) -> bool:
    """Whether all who read an image copy its pixels (as `contraction/tight.py`), which then are the caller's."""
    readers = graph.readers(node.id)
    few = len(node.type.shape) == 4 and node.type.channels <= FEW and node.id not in graph.outputs.values()
    return few and all(
        isinstance(r.made_by, SpaceToDepth)
        or (isinstance(r.made_by, Contraction) and node.id not in r.inputs[1:] and _by_lines(r.made_by))
        for r in readers
    )


def _by_lines(reader: Contraction) -> bool:
    """Whether it copies the lines of an x of few channels."""
    return reader.role != "data" and reader.kernel[1] > 1 and reader.dilation[1] == 1


def _sides(image: Tensor) -> tuple[int, int]:
    """Height and width."""
    _, height, width, _ = image.arrayed(0)
    return height, width


def _border(graph: Graph, node: Node) -> tuple[int, int, int, int] | None:
    """The zeros around an image, if all who read it are products that want the same."""
    readers = graph.readers(node.id)
    if node.id in graph.outputs.values() or not all(isinstance(r.made_by, Contraction) for r in readers):
        return None
    if any(r.made_by.role == "data" or r.inputs.index(node.id) != 0 for r in readers):  # they read what is behind x
        return None
    pads = {r.made_by.pad for r in readers}
    return pads.pop() if len(pads) == 1 and any(*pads) else None


class _Laid:
    """The graph under construction.

    before: the old one; now: where each old node's value is; other: where its conversions are
    rowed: the images that are rows; bordered: those that have their border with them, and so how large they are
    """

    def __init__(self, before: Graph, batch: int) -> None:
        self.before, self.graph, self.batch = before, Graph(), batch
        self.now, self.other, self.lanes = dict[str, str](), dict[tuple[str, str], str](), dict[str, str]()
        self.rowed, self.bordered = set[str](), dict[str, tuple[int, int]]()

    def take(self, node: Node, lanes: str, reads: str) -> None:
        if isinstance(node.made_by, Input) and lanes == "n":
            self.image(node)
            return
        made_by = replace(node.made_by, lanes=lanes) if isinstance(node.made_by, Input) else node.made_by
        inputs = tuple(self.converted(i, reads, node) for i in node.inputs)
        if inputs[:1] and inputs[0] in self.rowed:
            made_by = replace(made_by, rows=True)
        if inputs[:1] and inputs[0] in self.bordered:
            made_by = replace(made_by, pad=(0, 0, 0, 0), size=self.bordered[inputs[0]])
        if isinstance(made_by, Contraction) and made_by.role == "data" and lanes == "c" and not self.dense(inputs):
            made_by = replace(made_by, transposed=True)
            inputs = (inputs[0], self.transposed(inputs[1], node))
        alike = made_by is node.made_by and inputs == node.inputs
        self.graph.add(node if alike else replace(node, made_by=made_by, inputs=inputs))
        self.now[node.id], self.lanes[node.id] = node.id, lanes

    def rows(self, node: Node) -> None:
        """An input that arrives as rows, and is read so."""
        self.graph.add(replace(node, type=node.type.with_shape(BATCH, node.type.size)))
        self.now[node.id], self.lanes[node.id] = node.id, "c"
        self.rowed.add(node.id)

    def image(self, node: Node) -> None:
        """An input with examples in its lanes arrives as rows, which threads turn faster than the border can."""
        rows = replace(node, type=node.type.with_shape(BATCH, node.type.size))
        if (pad := _border(self.before, node)) is not None:
            self.graph.add(rows)
            turn = Convert("n", _sides(node.type), pad)
            image = Node(f"{node.id}.image", turn, (node.id,), turn.infer(rows.type), node.span, node.path)
            self.now[node.id], self.lanes[node.id] = self.graph.add(image).id, "n"
            self.bordered[image.id] = _sides(image.type)
            return
        turned = Node(f"{node.id}.n", Convert("n"), (node.id,), rows.type, node.span, node.path)
        image = Node(
            f"{node.id}.image", Reshape(node.type.arrayed(0)[1:]), (turned.id,), node.type, node.span, node.path
        )
        for each in (rows, turned, image):
            self.graph.add(each)
        self.now[node.id], self.lanes[node.id] = image.id, "n"

    def dense(self, inputs: tuple[str, ...]) -> bool:
        """Whether few examples read many weights, as they are."""
        dy, weight = (self.graph[i].type for i in inputs)
        return suits(dy, weight, self.batch)

    def converted(self, source: str, lanes: str, reader: Node) -> str:
        if self.lanes[source] in (lanes, "w"):
            return self.now[source]
        if (source, lanes) not in self.other:
            of = self.graph[self.now[source]]
            made = Node(f"{source}.{lanes}", Convert(lanes), (of.id,), of.type, reader.span, reader.path)
            self.other[source, lanes] = self.graph.add(made).id
        return self.other[source, lanes]

    def transposed(self, weight: str, reader: Node) -> str:
        if (weight, "t") not in self.other:
            flip = Transpose()
            made = flip.infer(self.graph[weight].type)
            node = Node(f"{weight}.t", flip, (weight,), made, reader.span, reader.path)
            self.other[weight, "t"] = self.graph.add(node).id
        return self.other[weight, "t"]
