"""What is laid out, before it has its place on the plane; and what a style says of it."""

from collections.abc import Iterator
from dataclasses import field, replace
from typing import Protocol

from netlang.draw.parts import Part, Tap
from netlang.draw.scene import Item, Line, Point, Rect, Words, shifted
from netlang.graph import NodeId
from netlang.record import dataclass

LABEL = 10.5  # the size of the shapes on arrows
ASIDE = 6.0  # from an arrow to its label


@dataclass(frozen=True)
class Want:
    """A line to what reads a tensor that is drawn elsewhere; it is led around the boxes when they all stand.

    target: the box that reads it, or the point where its line begins; entry: whether it comes in along the flow
    exit: the point where it leaves the flow; beside its box if none
    """

    tap: Tap
    target: Rect
    entry: bool
    role: str = "skip"
    exit: Point | None = None

    def shifted(self, dx: float, dy: float) -> "Want":
        """The same elsewhere."""
        return replace(self, target=self.target.shifted(dx, dy))


@dataclass(frozen=True)
class Placed:
    """Something laid out: the flow enters at (0, 0) and leaves at (length, 0).

    left, right: how far it reaches across, both from 0 and not negative
    boxes: of steps that hold a tensor; wants: lines still to be drawn
    headed, tailed: whether a line that leads to it ends there in an arrow, and one from it begins at a box
    bare: how far from its two ends nothing stands on the axis, where lines go on to what does
    """

    items: tuple[Item, ...]
    length: float
    left: float
    right: float
    boxes: dict[NodeId, Rect] = field(default_factory=dict)
    wants: tuple[Want, ...] = ()
    headed: bool = True
    tailed: bool = True
    bare: tuple[float, float] = (0.0, 0.0)

    def moved(self, by: Point) -> "Placed":
        """The same elsewhere on the plane."""
        boxes = {node: rect.shifted(*by) for node, rect in self.boxes.items()}
        wants = tuple(want.shifted(*by) for want in self.wants)
        return replace(self, items=shifted(self.items, *by), boxes=boxes, wants=wants)


class Style(Protocol):
    """What a drawing looks like.

    down: whether it flows downwards, else to the right; labelled: whether shapes stand on the arrows
    framed: whether the steps of a line stand in a frame
    arrow, link: how long the lines are between lines of the file, and within one
    split: what is written where a line divides
    broad: points that branches may take beside one another; more of them stand in ranks behind one another
    """

    down: bool
    labelled: bool
    framed: bool
    arrow: float
    link: float
    split: str
    broad: float

    @property
    def note(self) -> str:
        """What is to be said below a drawing."""
        ...

    def step(self, part: Part, text_width: float) -> Placed:
        """A step, or one that repeats, in a box that holds text of this width at least."""
        ...

    def text_width(self, part: Part) -> float:
        """How wide the text of a step is."""
        ...

    def terminal(self, text: str) -> Placed:
        """Where a drawing begins or ends."""
        ...


def carrying(items: tuple[Item, ...], tensor: NodeId) -> Iterator[Item]:
    """The same, with the tensor said of lines that do not know theirs."""
    for item in items:
        yield replace(item, of=tensor) if isinstance(item, Line | Words) and item.of == "" else item
