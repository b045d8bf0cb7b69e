"""Where everything of a series stands: steps along an axis, branches beside one another, frames around what repeats.

Works in two directions of its own: *along* the flow and *across* it, to the left of one who walks along it being the
negative side in a drawing that goes down. A `Style` says which is which, and what a step looks like.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from netlang.draw.fork import Branches
from netlang.draw.parts import Fork, Frame, Part, Repeat, Series, Step, Tap, continues, given, line_of, shape_of
from netlang.draw.placed import ASIDE, LABEL, Placed, Style, Want, carrying
from netlang.draw.scene import Box, Group, Item, Line, Point, Rect, Words
from netlang.graph import NodeId


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
                chain.add(self.line(found), found[-1])
                continue
            for part in found:
                if isinstance(part, Tap):
                    self.tapped(chain, part)
                else:
                    chain.add(self.part(part), part)
        return chain.placed()

    def tapped(self, chain: "_Chain", tap: Tap) -> None:
        """A series that begins at what is drawn elsewhere, or at a name."""
        if tap.id in self.drawn:
            chain.tap = tap
        else:
            placed = self.style.terminal(tap.name)
            chain.add(replace(placed, boxes={tap.id: placed.items[0].bounds}), tap)

    def line(self, parts: list[Part]) -> Placed:
        """The steps of a line of the file, in a frame if they are several."""
        wide = max(map(self.style.text_width, parts))
        chain = _Chain(self)
        for part in parts:
            chain.link(self.style.step(part, wide if self.style.framed else 0.0), part)
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
                return self.framed(part.series, part.title, part.step)
            case Repeat(series=(Frame() as frame,)):
                return self.framed(frame.series, f"{frame.title}   x{part.times}", frame.step)
            case Repeat():
                return self.framed(part.series, f"x{part.times}")
        raise AssertionError(part)

    def framed(self, series: Series, title: str, step: Step | None = None) -> Placed:
        """A dashed frame around a block, `step`, or what repeats, with the flow going through it."""
        inner, last = self.series(series), given(series[-1])
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
            Line(
                (self.at(end - inner.bare[1], 0), self.at(length, 0)), heads=(False, False), tail=inner.tailed, of=last
            ),
        )
        name = replace(name, x=x, y=y)
        head: tuple[Item, ...] = (Group((box, name), step, opened=True),) if step else (box, name)
        items = (*head, *(lines if continues(series) else lines[1:]), *moved.items)
        bare = (0.0, 0.0)
        return replace(moved, items=items, length=length, left=left, right=right, headed=False, tailed=False, bare=bare)

    def fork(self, fork: Fork) -> Placed:
        """Branches beside one another, and what merges them."""
        return Branches(self, fork).placed()


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
        self.given: NodeId = ""
        self.empty = self.headed = self.tailed = True

    def add(self, placed: Placed, part: Part) -> None:
        """The next one, behind an arrow with the shape that leads to it. part: what it is, or the last of it."""
        if not self.empty:
            self.arrow(placed)
        elif self.tap is not None:
            entry = Rect(*self.flow.at(placed.bare[0], 0), 0, 0)
            self.wants.append(Want(self.tap, entry, entry=True))
        self.put(placed, part)
        self.shape, self.tap = shape_of(part), None

    def link(self, placed: Placed, part: Part) -> None:
        """The next one of the same line."""
        if not self.empty:
            self.lead(placed, self.style.link, not self.style.framed, not self.style.framed)
        self.put(placed, part)

    def put(self, placed: Placed, part: Part) -> None:
        """At the end of the axis."""
        moved = placed.moved(self.flow.at(self.cursor, 0))
        self.items += carrying(moved.items, self.given)
        self.boxes |= moved.boxes
        self.wants += moved.wants
        self.left, self.right = max(self.left, placed.left), max(self.right, placed.right)
        self.headed = placed.headed if self.empty else self.headed
        self.bare = (placed.bare[0] if self.empty else self.bare[0], placed.bare[1])
        self.cursor += placed.length
        self.empty, self.tailed, self.given = False, placed.tailed, given(part)

    def lead(self, placed: Placed, long: float, headed: bool, tail: bool) -> None:
        """A line from what stands at the end to the next."""
        start, self.cursor = self.cursor, self.cursor + long
        points = self.flow.at(start - self.bare[1], 0), self.flow.at(self.cursor + placed.bare[0], 0)
        self.items.append(Line(points, heads=(headed, False), tail=tail, of=self.given))

    def arrow(self, placed: Placed) -> None:
        """An arrow, with the shape that flows along it."""
        start = self.cursor
        self.lead(placed, self.style.arrow, placed.headed, self.tailed)
        if self.style.labelled and self.shape:
            where = self.flow.at((start + self.cursor) / 2, ASIDE)
            label = Words(self.shape, *where, LABEL, "quiet", "start", self.given)
            self.items.append(label)
            self.right = max(self.right, ASIDE + label.width)

    def placed(self) -> Placed:
        """All of it."""
        if self.tap is not None and self.empty:
            self.wants.append(Want(self.tap, Rect(*self.flow.at(0, 0), 0, 0), entry=True))
        return Placed(
            tuple(self.items), self.cursor, self.left, self.right, self.boxes, tuple(self.wants),
            self.headed, self.tailed, self.bare,
        )  # fmt: skip
