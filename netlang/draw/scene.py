"""A drawing as shapes on a plane: what is laid out, and what SVG, TikZ and PDF are written from.

x goes right, y down, both in points. Colours are roles of a `Theme`; "" draws nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import ceil

from netlang.draw import letters
from netlang.draw.parts import Step
from netlang.graph import NodeId
from netlang.record import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """Where something is, from its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower side."""
        return self.y + self.height

    @property
    def centre(self) -> Point:
        """The point in the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def grown(self, by: float) -> "Rect":
        """The same with a margin all around."""
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def meets(self, other: "Rect") -> bool:
        """Whether the two share more than a side."""
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def shifted(self, dx: float, dy: float) -> "Rect":
        """The same elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True)
class Box:
    """A rectangle. fill, line: roles; open: whether it is a frame around other shapes, that lines may cross."""

    rect: Rect
    fill: str = ""
    line: str = ""
    radius: float = 5.0
    dashed: bool = False
    open: bool = False

    def shifted(self, dx: float, dy: float) -> "Box":
        """The same elsewhere."""
        return replace(self, rect=self.rect.shifted(dx, dy))

    @property
    def bounds(self) -> Rect:
        """What it covers."""
        return self.rect


@dataclass(frozen=True)
class Face:
    """A side of a body: a filled polygon. shade: how much darker than its role, 0 to 1."""

    points: tuple[Point, ...]
    fill: str
    line: str = "line"
    shade: float = 0.0

    def shifted(self, dx: float, dy: float) -> "Face":
        """The same elsewhere."""
        return replace(self, points=_moved(self.points, dx, dy))

    @property
    def bounds(self) -> Rect:
        """What it covers."""
        return around(self.points)


@dataclass(frozen=True)
class Words:
    """A line of text. x: of its start, middle or end, as `anchor` says; y: of the middle of its letters.

    of: the tensor whose line it stands beside, if any
    """

    text: str
    x: float
    y: float
    size: float = 12.0
    role: str = "ink"
    anchor: str = "middle"
    of: NodeId | None = None

    def shifted(self, dx: float, dy: float) -> "Words":
        """The same elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    @property
    def width(self) -> float:
        """How far it reaches."""
        return letters.width(self.text, self.size)

    @property
    def bounds(self) -> Rect:
        """What it covers, from above the capitals to below the baseline."""
        left = {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * self.width
        return Rect(self.x - left, self.y - 0.55 * self.size, self.width, 1.1 * self.size)


@dataclass(frozen=True)
class Line:
    """A line through points, its corners rounded. heads: whether it ends, and whether it begins, in an arrow.

    tail: whether it begins at a box, where it would end if it ran the other way
    of: the tensor that flows along it; "" for what comes into the part that it belongs to
    """

    points: tuple[Point, ...]
    role: str = "line"
    dashed: bool = False
    heads: tuple[bool, bool] = (True, False)
    tail: bool = False
    of: NodeId = ""

    def shifted(self, dx: float, dy: float) -> "Line":
        """The same elsewhere."""
        return replace(self, points=_moved(self.points, dx, dy))

    @property
    def bounds(self) -> Rect:
        """What it covers."""
        return around(self.points)


@dataclass(frozen=True)
class Group:
    """Shapes that show one thing together: a step, which says what it computes when pointed at, or `said`.

    opened: whether it is the frame of a block that is opened
    """

    items: tuple["Item", ...]
    step: Step | None = None
    said: str = ""
    opened: bool = False

    def shifted(self, dx: float, dy: float) -> "Group":
        """The same elsewhere."""
        return replace(self, items=shifted(self.items, dx, dy))

    @property
    def bounds(self) -> Rect:
        """What it covers."""
        return bounds(self.items)


Item = Box | Face | Words | Line | Group


@dataclass(frozen=True)
class Scene:
    """A whole drawing: its size, and its shapes from back to front."""

    width: float
    height: float
    items: tuple[Item, ...]


def shifted(items: Iterable[Item], dx: float, dy: float) -> tuple[Item, ...]:
    """Shapes elsewhere."""
    return tuple(item.shifted(dx, dy) for item in items)


def bounds(items: Iterable[Item]) -> Rect:
    """What shapes cover together."""
    rects = [item.bounds for item in items]
    return around([p for r in rects for p in ((r.x, r.y), (r.right, r.bottom))])


def around(points: Iterable[Point]) -> Rect:
    """The smallest rectangle that holds all points."""
    xs, ys = zip(*points, strict=True)
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def flat(items: Iterable[Item]) -> Iterator[Box | Face | Words | Line]:
    """All shapes, those of groups included."""
    for item in items:
        if isinstance(item, Group):
            yield from flat(item.items)
        else:
            yield item


def fitted(items: Iterable[Item], margin: float) -> Scene:
    """A drawing of these, with a margin around them."""
    items = tuple(items)
    found = bounds(items).grown(margin)
    return Scene(ceil(found.width), ceil(found.height), shifted(items, -found.x, -found.y))


def _moved(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)
