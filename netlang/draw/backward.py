"""A net and its gradients side by side: the forward picture, and the same with each arrow turned round.

What stands in a box of the right side is read off the differentiated graph of primitives: which gradients it makes, and
from which tensors of the forward pass, which are kept for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netlang.check import sized
from netlang.check.counts import data
from netlang.diagnostics import NetError, count
from netlang.differentiate import differentiate
from netlang.draw import letters
from netlang.draw.boxes import PAD, SIZE, Boxes, step_of
from netlang.draw.fold import steps, told_apart
from netlang.draw.letters import ascii_only
from netlang.draw.page import APART, MARGIN, Drawn, block, packed, titled, whole
from netlang.draw.parts import Part, Picture, Repeat, Step
from netlang.draw.placed import LABEL, Placed, Want
from netlang.draw.scene import Box, Group, Item, Line, Rect, Scene, Words, bounds, fitted, shifted
from netlang.files import Problem
from netlang.graph import Graph, Input, Net, Node, NodeId
from netlang.layer import Kept, Layer, Misfit, Weight
from netlang.lower import lower
from netlang.record import dataclass
from netlang.sizes import letters as open_letters

HIGH = 36.0  # of a box with two rows
MOST = 4  # weights that are named one by one
ORDER = ("dy", "x", "w", "W", "b", "y", "z")  # in which the tensors are named that a gradient is made from
SIDES = (64, 224, 512)  # that are tried for an open size
LINES = 14  # primitives that a box tells when pointed at


def scene(net: Net, picture: Picture) -> Scene:
    """Both passes of a net. Raises Problem for one without weights or without a loss."""
    gradients = Gradients(net)
    picture = told_apart(picture, lambda copy: tuple(gradients.of(step).rows for step in steps(copy)))
    forward, back = Pass(gradients, turned=False), Pass(gradients, turned=True)

    def both(one: Drawn, other: Drawn) -> Drawn:
        return _beside(one, _turned(other, gradients))

    names = {f"{end.name} (training)" if end.side else end.name for end in picture.ends}
    back.ends = {"in": "dx", "out": "dy"} | dict.fromkeys(names, "loss")
    main = both(_headed(whole(picture, forward), "forward"), _headed(whole(picture, back), "backward"))
    keys = [
        titled(both(block(key, forward), block(key, back)), ascii_only(key.title)) for key in picture.keys
    ]  # fmt: skip
    items = packed(main, keys, down=True)
    if gradients.note:
        r = bounds(items)
        items = (*items, Words(gradients.note, r.x, r.bottom + 20, LABEL, "quiet", "start"))
    return fitted(items, MARGIN)


@dataclass(frozen=True)
class Made:
    """What the backward pass of a step makes. gradients: by name; reads: what it is made from; nodes: primitives."""

    gradients: tuple[str, ...]
    reads: tuple[str, ...]
    nodes: tuple[Node, ...]

    @property
    def rows(self) -> tuple[str, str]:
        """The text of its box."""
        if not self.nodes:
            return "dx = dy" if self.gradients else "no gradient", ""  # a sum hands its gradient on as it is
        said = [f"d{name}" for name in self.gradients]
        weights = [name for name in said if name != "dx"]
        if len(weights) > MOST:
            said = [*(["dx"] if "dx" in said else []), f"{len(weights)} dw"]
        return ", ".join(said) or "dx", f"from {', '.join(self.reads)}" if self.reads else ""

    @property
    def said(self) -> str:
        """The primitives, line by line."""
        lines = [f"{n.id}: {n.type} = {n.made_by}({', '.join(n.inputs)})" for n in self.nodes[:LINES]]
        rest = len(self.nodes) - LINES
        return "\n".join([*lines, f"and {count(rest, 'primitive')} more"] if rest > 0 else lines)


class Gradients:
    """What the differentiated graph says of each step. active: the tensors of the net that have a gradient.

    note: which sizes stand for those that the file leaves open
    """

    def __init__(self, net: Net) -> None:
        chosen, self.note = _chosen(net)
        self.net = net
        self.forward = _lowered(chosen)
        self.graph = differentiate(self.forward)
        self.behind = _Places(node for node in self.graph if node.id not in self.forward)
        self.layers = _Places(net.graph.made_by(Layer))
        self.paths = {node.path for node in net.graph.made_by(Layer)}
        named = (name[2:] for name in self.graph.outputs if name.startswith("d:"))
        self.weights = _Places(self.graph[name] for name in named)
        self.made: dict[tuple[tuple[str, ...], ...], Made] = {}
        self.active: set[NodeId] = set()
        for node in net.graph:
            trained = isinstance(node.made_by, Weight) and not node.made_by.frozen
            if trained or any(i in self.active for i in node.inputs):
                self.active.add(node.id)

    def of(self, step: Step) -> Made:
        """What is made for a step."""
        if step.layers not in self.made:
            self.made[step.layers] = self.found(step)
        return self.made[step.layers]

    def found(self, step: Step) -> Made:
        """What the graph has of a step."""
        nodes, layers = self.owned(self.behind, step), self.owned(self.layers, step)
        ids = {node.id for node in layers}
        outside = {i.id for node in layers for i in data(self.net.graph, node)} - ids
        own = [node.id.rpartition(".")[2] for node in self.owned(self.weights, step)]
        dx = ["x"] if outside & self.active else []
        return Made((*dx, *own), self.reads(step, nodes, ids), nodes)

    def owned(self, places: "_Places", step: Step) -> tuple[Node, ...]:
        """The nodes of a step. A projection stands inside of its merge, but is a step of its own."""
        return tuple(node for node in places.within(step.layers) if self.owns(step, node))

    def owns(self, step: Step, node: Node) -> bool:
        """Whether a node stands in a step: in a block anywhere, in a layer not in one that stands inside of it."""
        inside = next((path for path in step.layers if node.path[: len(path)] == path), None)
        if inside is None or step.block is not None:
            return inside is not None
        deeper = (node.path[:length] for length in range(len(inside) + 1, len(node.path) + 1))
        return not any(path in self.paths for path in deeper)

    def reads(self, step: Step, nodes: tuple[Node, ...], ids: set[NodeId]) -> tuple[str, ...]:
        """The tensors that gradients are made from, as a layer calls them: x in, y out, z between."""
        if step.block is not None:
            return (count(len(ids), "layer"),)
        read = {i for node in nodes for i in node.inputs}
        found = {self.called(step, self.forward[i]) for i in read if i in self.forward}
        if any(i in self.graph and i not in self.forward and not self.owns(step, self.graph[i]) for i in read):
            found.add("dy")
        return tuple(sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)))

    def called(self, step: Step, source: Node) -> str:
        """What a layer calls a tensor of the forward pass."""
        if isinstance(source.made_by, Input) and source.made_by.kind != "values":
            return source.made_by.name
        if isinstance(source.made_by, Weight):
            return source.made_by.name.rpartition(".")[2]
        if source.id == step.id:
            return "y"
        trained = any(isinstance(each.made_by, Weight | Kept) for each in self.behind_of(source, step))
        return "z" if trained else "x"

    def behind_of(self, source: Node, step: Step) -> Iterator[Node]:
        """A tensor and what the same layer makes it from."""
        yield source
        for i in source.inputs:
            if self.owns(step, source):
                yield from self.behind_of(self.forward[i], step)


class Pass(Boxes):
    """One of the two sides. turned: whether it is that of the gradients; ends: what its terminals are called."""

    def __init__(self, gradients: Gradients, *, turned: bool) -> None:
        super().__init__()
        self.gradients, self.turned = gradients, turned
        self.split = "+" if turned else ""
        self.ends: dict[str, str] = {}

    def text_width(self, part: Part) -> float:
        """The wider of both sides: boxes stand level."""
        first, second = self.gradients.of(step_of(part)).rows
        wide = max(letters.width(first + _times(part), SIZE), letters.width(second, LABEL))
        return max(wide, super().text_width(part))

    def terminal(self, text: str) -> Placed:
        """A word where a drawing begins or ends."""
        return super().terminal(self.ends.get(text, text))

    def step(self, part: Part, text_width: float) -> Placed:
        """A box as high and wide on both sides."""
        step = step_of(part)
        if step.family == "input":
            return super().step(part, text_width)
        wide = max(text_width, self.text_width(part))
        placed = super().step(part, wide)
        group, *loop = placed.items
        assert isinstance(group, Group)
        box, words = group.items
        assert isinstance(box, Box)
        assert isinstance(words, Words)
        half, low = wide / 2 + PAD, HIGH - box.rect.height
        rect = Rect(-half, 0, 2 * half, HIGH)
        items: Item = Group((replace(box, rect=rect), replace(words, y=HIGH / 2)), step)
        if self.turned:
            items = self.made(self.gradients.of(step), rect, _times(part))
        wants = tuple(Want(tap, rect, entry=False) for tap in step.also)
        around = (items, *shifted(loop, 0, low / 2))
        return replace(placed, items=around, length=HIGH, boxes={step.id: rect}, wants=wants)

    def made(self, made: Made, rect: Rect, times: str) -> Group:
        """The box of the gradients of a step."""
        first, second = made.rows
        if not made.nodes:
            return Group((Box(rect, "", "frame", dashed=True), Words(first, 0, HIGH / 2, SIZE, "quiet")))
        words = (Words(first + times, 0, 11 if second else HIGH / 2, SIZE), Words(second, 0, 26, LABEL, "quiet"))
        return Group((Box(rect, "gradient"), *(words if second else words[:1])), said=made.said)


class _Places:
    """Nodes by where they stand: their path and all that it begins with."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.at: dict[tuple[str, ...], list[tuple[int, Node]]] = {}
        for order, node in enumerate(nodes):
            for length in range(len(node.path) + 1):
                self.at.setdefault(node.path[:length], []).append((order, node))

    def within(self, inside: tuple[tuple[str, ...], ...]) -> tuple[Node, ...]:
        """Those that stand inside some paths, in their order."""
        found = dict(pair for path in inside for pair in self.at.get(path, ()))
        return tuple(found[order] for order in sorted(found))


def _chosen(net: Net) -> tuple[Net, str]:
    """The net with its open sizes chosen: gradients are the same for all. Raises Problem where none suits."""
    sizes = open_letters(*(d for node in net.graph.made_by(Input) for d in node.type.shape[1:]))
    if not sizes:
        return net, ""
    for side in SIDES:
        try:
            return sized(net, dict.fromkeys(sizes, side)), f"gradients of {' = '.join((*sizes, str(side)))}"
        except NetError:
            continue
    raise Problem(f"the size `{sizes[0]}` is to be chosen here: `--set {sizes[0]}=64`")


def _lowered(net: Net) -> Graph:
    if all(node.made_by.frozen for node in net.graph.made_by(Weight)):
        raise Problem(f"`{net.name}` has no weights to train: nothing has a gradient")
    try:
        return lower(net, training=True)
    except Misfit as misfit:
        raise Problem(str(misfit)) from None


def _times(part: Part) -> str:
    return f"   x{part.times}" if isinstance(part, Repeat) else ""


def _turned(items: Drawn, gradients: Gradients) -> Drawn:
    """Lines the other way round; none for tensors without a gradient."""
    found: list[Item] = []
    for item in items:
        if isinstance(item, Line | Words) and item.of and item.of not in gradients.active:
            continue
        if isinstance(item, Line):
            item = replace(item, points=item.points[::-1], heads=(item.tail, False))
        found.append(item)
    return tuple(found)


def _headed(items: Drawn, title: str) -> Drawn:
    r = bounds(items)
    return (*items, Words(title, r.centre[0], r.y - 22))


def _beside(one: Drawn, other: Drawn) -> Drawn:
    left, right = bounds(one), bounds(other)
    return (*one, *shifted(other, left.right + APART - right.x, 0))
