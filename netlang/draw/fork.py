"""Branches beside one another, where they divide and where they meet again."""

from typing import TYPE_CHECKING

from netlang.draw.parts import Fork, Series, Tap, continues, given, shape_of
from netlang.draw.placed import ASIDE, LABEL, Placed, Want
from netlang.draw.scene import Item, Line, Rect, Words
from netlang.graph import NodeId

if TYPE_CHECKING:
    from netlang.draw.flow import Flow

BETWEEN = 16.0  # points between branches
SPLIT = 12.0  # from where a line divides to where its arms turn
LANE = 14.0  # from a branch to the line that skips it


class Branches:
    """Branches, where they divide and where they meet again."""

    def __init__(self, flow: "Flow", fork: Fork) -> None:
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
        if self.style.split and len(skips) + sum(not branch or continues(branch) for _, branch in found) > 1:
            self.items.append(Words(self.style.split, *self.flow.at(4, -9), of=""))
            self.reach(-14, 0)
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
        """The box of the merge."""
        return next(iter(merge.boxes.values()))

    def columns(self, found: list[tuple[int, Series]]) -> float:
        """Put the branches beside one another; how far the longest reaches along."""
        placed = [self.flow.series(branch) for _, branch in found]
        labels = [self.label(branch) for _, branch in found]
        self.across = _spread([(p.left, max(p.right, ASIDE + w)) for p, w in zip(placed, labels, strict=True)])
        self.ends: list[tuple[float, float, bool]] = []  # how far, how much of it bare, whether it ends in a box
        top = SPLIT + (10 if len(found) > 1 or self.style.down else 8)
        for (_, branch), column, across, label in zip(found, placed, self.across, labels, strict=True):
            moved = column.moved(self.flow.at(top, across))
            self.items += moved.items
            self.boxes |= moved.boxes
            self.wants += moved.wants
            self.ends.append((top + column.length if branch else 0.0, column.bare[1], column.tailed))
            self.reach(across - column.left, across + max(column.right, ASIDE + label))
            if branch and continues(branch):
                self.arm(top + column.bare[0], across, column.headed)
        return max([SPLIT, *(end for end, _, _ in self.ends)])

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
        for (_, branch), across, (end, bare, tail) in zip(found, self.across, self.ends, strict=True):
            bus, begin = start - SPLIT, at(end - bare, across)
            points = (begin, at(bus, across), at(bus, 0), to) if across else (begin, to)
            tensor = given(branch[-1]) if branch else ""
            self.items.append(Line(points, role="line" if branch else "skip", tail=tail and bool(branch), of=tensor))
            if branch and self.style.labelled:
                where = at(bus - 9, across + ASIDE)
                self.items.append(Words(shape_of(branch[-1]), *where, LABEL, "quiet", "start", tensor))

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
        """Something lies as far as this to either side."""
        self.left, self.right = max(self.left, -left), max(self.right, right)


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
