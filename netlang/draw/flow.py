"""Where everything of a series stands: steps along an axis, branches beside one another, frames around what repeats.

Works in two directions of its own: *along* the flow and *across* it, to the left of one who walks along it being the
negative side in a drawing that goes down. A `Style` says which is which, and what a step looks like.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol

from netlang.draw.parts import Fork, Frame, Part, Repeat, Series, Step, Tap, line_of, shape_of
from netlang.draw.scene import Box, Item, Line, Point, Rect, Words, shifted
from netlang.graph import NodeId

BETWEEN = 16.0  # points between branches
SPLIT = 12.0  # from where a line divides to where its arms turn
LANE = 14.0  # from a branch to the line that skips it
LABEL = 10.5  # the size of the shapes on arrows
ASIDE = 6.0  # from an arrow to its label


@dataclass(frozen=True)
class Want:
    """A line to what reads a tensor that is drawn elsewhere; it is led around the boxes when they all stand.

    target: the box that reads it, or the point where its line begins; entry: whether it comes in along the flow
    """

    tap: Tap
    target: Rect
    entry: bool
    role: str = "skip"

    def shifted(self, dx: float, dy: float) -> "Want":
        """The same elsewhere."""
        return replace(self, target=self.target.shifted(dx, dy))


@dataclass(frozen=True)
class Placed:
    """Something laid out: the flow enters at (0, 0) and leaves at (length, 0).

    left, right: how far it reaches across, both from 0 and not negative
    boxes: of steps that hold a tensor; wants: lines still to be drawn
    headed: whether a line that leads to it ends there in an arrow
    bare: how far from its two ends nothing stands on the axis, where lines go on to what does
    """

    items: tuple[Item, ...]
    length: float
    left: float
    right: float
    boxes: dict[NodeId, Rect] = field(default_factory=dict)
    wants: tuple[Want, ...] = ()
    headed: bool = True
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
    """

    down: bool
    labelled: bool
    framed: bool
    arrow: float
    link: float

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


class Flow:
    """Lays out one drawing. drawn: the tensors that stand in it; another one is a beginning of its own."""

    def __init__(self, style: Style, drawn: Iterable[NodeId]) -> None:
        self.style, self.drawn = style, set(drawn)

    def at(self, along: float, across: float) -> Point:
        """A point of the plane."""
        return (across, along) if self.style.down else (along, across)

    def rect(self, along: tuple[float, float], across: tuple[float, float]) -> Rect:
        """A rectangle of the plane, from and to."""
        (x, y), (right, bottom) = self.at(along[0], across[0]), self.at(along[1], across[1])
        return Rect(x, y, right - x, bottom - y)

    def series(self, series: Series) -> Placed:
        """A series; a `Tap` before its first step is a line still to be drawn."""
        chain = _Chain(self)
        for line, parts in groupby(series, key=line_of):
            found = list(parts)
            if line is not None:
                chain.add(self.line(found), shape_of(found[-1]), found)
                continue
            for part in found:
                if isinstance(part, Tap):
                    self.tapped(chain, part)
                else:
                    chain.add(self.part(part), shape_of(part), [part])
        return chain.placed()

    def tapped(self, chain: "_Chain", tap: Tap) -> None:
        """A series that begins at what is drawn elsewhere, or at a name."""
        if tap.id in self.drawn:
            chain.tap = tap
        else:
            placed = self.style.terminal(tap.name)
            chain.add(replace(placed, boxes={tap.id: placed.items[0].bounds}), tap.shape, [])

    def line(self, parts: list[Part]) -> Placed:
        """The steps of a line of the file, in a frame if they are several."""
        wide = max(map(self.style.text_width, parts))
        chain = _Chain(self)
        for part in parts:
            chain.link(self.style.step(part, wide if self.style.framed else 0.0))
        placed = chain.placed()
        if len(parts) == 1 or not self.style.framed:
            return placed
        return self.surrounded(placed, 5.0, Box(Rect(0, 0, 0, 0), line="frame", radius=7, open=True))

    def surrounded(self, inner: Placed, pad: float, box: Box) -> Placed:
        """A frame around, at which arrows end."""
        moved = inner.moved(self.at(pad, 0))
        across = (-inner.left - pad, inner.right + pad)
        frame = replace(box, rect=self.rect((0, inner.length + 2 * pad), across))
        return replace(
            moved, items=(frame, *moved.items), length=inner.length + 2 * pad, left=-across[0], right=across[1],
            bare=(0.0, 0.0),
        )  # fmt: skip

    def part(self, part: Part) -> Placed:
        """What is no step."""
        match part:
            case Fork():
                return self.fork(part)
            case Frame():
                return self.framed(part.series, part.title)
            case Repeat(series=(Frame() as frame,)):
                return self.framed(frame.series, f"{frame.title}   x{part.times}")
            case Repeat():
                return self.framed(part.series, f"x{part.times}")
        raise AssertionError(part)

    def framed(self, series: Series, title: str) -> Placed:
        """A dashed frame around a block or what repeats, with the flow going through it."""
        inner = self.series(series)
        above, pad = 20.0, 10.0
        name = Words(title, 0, 0, LABEL, "quiet", "end" if self.style.down else "start")
        before = above if self.style.down else pad
        length = before + max(inner.length, 0 if self.style.down else name.width) + pad
        left = inner.left + (pad if self.style.down else above)
        right = max(inner.right + pad, name.width + 2 * ASIDE if self.style.down else 0)
        x, y = (right - ASIDE, 10.0) if self.style.down else (ASIDE, -left + 10.0)
        box = Box(self.rect((0, length), (-left, right)), line="frame", dashed=True, radius=7, open=True)
        moved = inner.moved(self.at(before, 0))
        end = before + inner.length
        lines = (
            Line((self.at(0, 0), self.at(before + inner.bare[0], 0)), heads=(inner.headed, False)),
            Line((self.at(end - inner.bare[1], 0), self.at(length, 0)), heads=(False, False)),
        )
        items = (box, replace(name, x=x, y=y), *(lines if continues(series) else lines[1:]), *moved.items)
        return replace(moved, items=items, length=length, left=left, right=right, headed=False, bare=(0.0, 0.0))

    def fork(self, fork: Fork) -> Placed:
        """Branches beside one another, and what merges them."""
        return _Fork(self, fork).placed()


class _Chain:
    """Things along the axis, one after the other. tap: what the next one reads instead."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.style = flow, flow.style
        self.items: list[Item] = []
        self.boxes: dict[NodeId, Rect] = {}
        self.wants: list[Want] = []
        self.cursor = self.left = self.right = 0.0
        self.shape = ""
        self.bare = (0.0, 0.0)
        self.tap: Tap | None = None
        self.empty = self.headed = True

    def add(self, placed: Placed, shape: str, parts: list[Part]) -> None:
        """The next one, behind an arrow with the shape that leads to it."""
        if not self.empty:
            self.arrow(placed)
        elif self.tap is not None:
            entry = Rect(*self.flow.at(placed.bare[0], 0), 0, 0)
            self.wants.append(Want(self.tap, entry, entry=True))
        self.put(placed)
        self.shape, self.tap = shape, None

    def link(self, placed: Placed) -> None:
        """The next one of the same line."""
        if not self.empty:
            self.lead(placed, self.style.link, headed=not self.style.framed)
        self.put(placed)

    def put(self, placed: Placed) -> None:
        """At the end of the axis."""
        moved = placed.moved(self.flow.at(self.cursor, 0))
        self.items += moved.items
        self.boxes |= moved.boxes
        self.wants += moved.wants
        self.left, self.right = max(self.left, placed.left), max(self.right, placed.right)
        self.headed = placed.headed if self.empty else self.headed
        self.bare = (placed.bare[0] if self.empty else self.bare[0], placed.bare[1])
        self.cursor += placed.length
        self.empty = False

    def lead(self, placed: Placed, long: float, headed: bool) -> None:
        """A line from what stands at the end to the next."""
        start, self.cursor = self.cursor, self.cursor + long
        points = self.flow.at(start - self.bare[1], 0), self.flow.at(self.cursor + placed.bare[0], 0)
        self.items.append(Line(points, heads=(headed, False)))

    def arrow(self, placed: Placed) -> None:
        """An arrow, with the shape that flows along it."""
        start = self.cursor
        self.lead(placed, self.style.arrow, placed.headed)
        if self.style.labelled and self.shape:
            label = Words(self.shape, *self.flow.at((start + self.cursor) / 2, ASIDE), LABEL, "quiet", "start")
            self.items.append(label)
            self.right = max(self.right, ASIDE + label.width)

    def placed(self) -> Placed:
        """All of it."""
        if self.tap is not None and self.empty:
            self.wants.append(Want(self.tap, Rect(*self.flow.at(0, 0), 0, 0), entry=True))
        return Placed(
            tuple(self.items), self.cursor, self.left, self.right, self.boxes, tuple(self.wants), self.headed, self.bare
        )


class _Fork:
    """Branches, where they divide and where they meet again."""

    def __init__(self, flow: Flow, fork: Fork) -> None:
        self.flow, self.style, self.fork = flow, flow.style, fork
        self.merge = flow.style.step(fork.merge, 0.0)
        self.items: list[Item] = []
        self.boxes: dict[NodeId, Rect] = {}
        self.wants: list[Want] = []
        self.left, self.right = self.merge.left, self.merge.right

    def placed(self) -> Placed:
        """All of it: columns that begin here or elsewhere, and lines past them."""
        columns = [(k, b) for k, b in enumerate(self.fork.branches) if b and not self.far(b)]
        empty = [k for k, branch in enumerate(self.fork.branches) if not branch]
        straight = [k for k in empty[:1] if not any(continues(b) for _, b in columns)]
        found = sorted([*columns, *((k, ()) for k in straight)])
        reach = self.columns(found)
        start = reach + (self.style.arrow if self.style.labelled else SPLIT + 8)
        self.join(found, start)
        skips = [k for k in empty if k not in straight]
        self.past(skips, found, start)
        merge = self.merge.moved(self.flow.at(start, 0))
        for branch in self.fork.branches:
            if branch and self.far(branch):
                assert isinstance(branch[0], Tap)
                self.wants.append(Want(branch[0], self.box(merge), entry=False))
        length = start + self.merge.length
        items, boxes = (*self.items, *merge.items), {**self.boxes, **merge.boxes}
        wants, bare = (*self.wants, *merge.wants), (0.0, self.merge.bare[1])
        return Placed(items, length, self.left, self.right, boxes, wants, headed=False, bare=bare)

    def far(self, branch: Series) -> bool:
        """Whether a branch is a tensor that is drawn elsewhere, and nothing else."""
        return len(branch) == 1 and isinstance(branch[0], Tap) and branch[0].id in self.flow.drawn

    def box(self, merge: Placed) -> Rect:
        return next(iter(merge.boxes.values()))

    def columns(self, found: list[tuple[int, Series]]) -> float:
        """Put the branches beside one another; how far the longest reaches along."""
        placed = [self.flow.series(branch) for _, branch in found]
        labels = [self.label(branch) for _, branch in found]
        self.across = _spread([(p.left, max(p.right, ASIDE + w)) for p, w in zip(placed, labels, strict=True)])
        self.ends: list[float] = []
        self.bare: list[float] = []
        top = SPLIT + (10 if len(found) > 1 or self.style.down else 8)
        for (_, branch), column, across, label in zip(found, placed, self.across, labels, strict=True):
            moved = column.moved(self.flow.at(top, across))
            self.items += moved.items
            self.boxes |= moved.boxes
            self.wants += moved.wants
            self.ends.append(top + column.length if branch else 0.0)
            self.bare.append(column.bare[1])
            self.reach(across - column.left, across + max(column.right, ASIDE + label))
            if branch and continues(branch):
                self.arm(top + column.bare[0], across, column.headed)
        return max([SPLIT, *self.ends])

    def label(self, branch: Series) -> float:
        """How wide the shape is that a branch gives."""
        if not (branch and self.style.labelled):
            return 0.0
        return Words(shape_of(branch[-1]), 0, 0, LABEL).width

    def arm(self, top: float, across: float, headed: bool) -> None:
        """From where the line divides to the head of a branch."""
        at = self.flow.at
        points = (at(0, 0), at(SPLIT, 0), at(SPLIT, across), at(top, across))
        self.items.append(Line(points if across else (at(0, 0), at(top, 0)), heads=(headed, False)))

    def join(self, found: list[tuple[int, Series]], start: float) -> None:
        """From the ends of the branches to the merge, each with the shape it gives."""
        at = self.flow.at
        to = at(start + self.merge.bare[0], 0)
        for (_, branch), across, end, bare in zip(found, self.across, self.ends, self.bare, strict=True):
            bus, begin = start - SPLIT, at(end - bare, across)
            points = (begin, at(bus, across), at(bus, 0), to) if across else (begin, to)
            self.items.append(Line(points, role="line" if branch else "skip"))
            if branch and self.style.labelled:
                where = at(bus - 9, across + ASIDE)
                self.items.append(Words(shape_of(branch[-1]), *where, LABEL, "quiet", "start"))

    def past(self, skips: list[int], found: list[tuple[int, Series]], start: float) -> None:
        """Lines that skip the branches, on the side where they stand in the file."""
        at = self.flow.at
        middle = start + self.merge.length / 2
        first = min((k for k, _ in found), default=0)
        for skip in skips:
            left = skip < first or not self.style.down  # captions stand below what flows to the right
            across = -self.left - LANE if left else self.right + LANE
            side = -self.merge.left if left else self.merge.right
            points = (at(0, 0), at(SPLIT / 2, 0), at(SPLIT / 2, across), at(middle, across), at(middle, side))
            self.items.append(Line(points, role="skip"))
            self.reach(across, across)

    def reach(self, left: float, right: float) -> None:
        self.left, self.right = max(self.left, -left), max(self.right, right)


def continues(series: Series) -> bool:
    """Whether a series reads what stands before it; else it begins with an input or a tensor drawn elsewhere."""
    match series[:1]:
        case (Tap(),):
            return False
        case (Step(family=family),):
            return family != "input"
        case (Fork(branches=branches),):
            return any(map(continues, branches))
        case (Frame(series=inner) | Repeat(series=inner),):
            return continues(inner)
    return True


def _spread(reaches: list[tuple[float, float]]) -> list[float]:
    """Where across the axes of columns lie that reach so far to either side: apart, and 0 in their middle."""
    at: list[float] = []
    for k, (left, _) in enumerate(reaches):
        at.append(0.0 if k == 0 else at[-1] + reaches[k - 1][1] + BETWEEN + left)
    middle = (at[0] + at[-1]) / 2 if at else 0.0
    near = min(at, key=lambda a: abs(a - middle), default=0.0)
    if len(at) % 2 and abs(near - middle) < BETWEEN:  # the middle one goes straight
        middle = near
    return [a - middle for a in at]
