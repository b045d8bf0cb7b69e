"""Branches beside one another, where they divide and where they meet again."""

from dataclasses import field
from math import ceil
from typing import TYPE_CHECKING

from netlang.draw.parts import Fork, Series, Tap, continues, given, shape_of
from netlang.draw.placed import ASIDE, LABEL, Placed, Want
from netlang.draw.scene import Item, Line, Point, Rect, Words
from netlang.graph import NodeId
from netlang.record import dataclass

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
        self.room = self.style.arrow if self.style.labelled else SPLIT + 8  # from the branches to the merge

    def placed(self) -> Placed:
        """All of it: columns that begin here or elsewhere, and lines past them."""
        columns = [(k, b) for k, b in enumerate(self.fork.branches) if b and not self.far(b)]
        empty = [k for k, branch in enumerate(self.fork.branches) if not branch]
        straight = [k for k in empty[:1] if not any(continues(b) for _, b in columns)]
        found = sorted([*columns, *((k, ()) for k in straight)])
        reach = self.columns(found)
        start = reach + self.room
        self.join(start)
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
        """Put the branches beside one another, in ranks if they are many; how far the last rank reaches along."""
        self.ranks = self.ranked(found)
        for rank in self.ranks:
            self.reach(rank.left, rank.right)
        lane = -self.left - LANE  # on which the line that divides leads past ranks to the next one
        if len(self.ranks) > 1:
            self.reach(lane, self.right + LANE)
        start = end = 0.0
        for k, rank in enumerate(self.ranks):
            rank.start, end = start, self.rank(rank, start, lane if k else None)
            rank.bus = end + self.room - SPLIT
            start = rank.bus + SPLIT
        return end if self.ranks else SPLIT

    def ranked(self, found: list[tuple[int, Series]]) -> list["_Rank"]:
        """The branches in as few ranks of like number as are no broader than the style wants them."""
        whole = _Rank.of(self.flow, [branch for _, branch in found])
        count = ceil((whole.right - whole.left) / self.style.broad)
        if count < 2 or not all(whole.branches):
            return [whole]
        each = ceil(len(found) / count)
        parts = [whole.branches[k : k + each] for k in range(0, len(found), each)]
        return [_Rank.of(self.flow, part) for part in parts]

    def rank(self, rank: "_Rank", start: float, lane: float | None) -> float:
        """Put the branches of a rank in their places; how far the longest reaches along."""
        top = start + SPLIT + (10 if len(rank.branches) > 1 or self.style.down else 8)
        ends = [start + SPLIT]
        for branch, column, across in zip(rank.branches, rank.placed, rank.across, strict=True):
            moved = column.moved(self.flow.at(top, across))
            self.items += moved.items
            self.boxes |= moved.boxes
            self.wants += moved.wants
            ends.append(top + column.length if branch else 0.0)
            if branch and continues(branch):
                self.arm(start, top + column.bare[0], across, column.headed, lane)
        rank.ends = ends[1:]
        return max(ends)

    def arm(self, start: float, top: float, across: float, headed: bool, lane: float | None) -> None:
        """From where the line divides to the head of a branch. lane: on which it leads to its rank, but the first."""
        at = self.flow.at
        to: tuple[Point, ...] = (at(SPLIT, across),) if across else ()
        if lane is not None:
            to = (at(SPLIT, lane), at(start + SPLIT, lane), at(start + SPLIT, across))
        points = (at(0, 0), *((at(SPLIT, 0), *to) if to else ()), at(top, across))
        self.items.append(Line(points, heads=(headed, False)))

    def join(self, start: float) -> None:
        """From the ends of the branches to the merge, each with the shape it gives."""
        at, lane = self.flow.at, self.right - LANE / 2  # on which lines lead past the ranks behind theirs
        to = at(start + self.merge.bare[0], 0)
        for rank in self.ranks:
            past = () if rank is self.ranks[-1] else (at(rank.bus, lane), at(start - SPLIT, lane))
            for branch, column, across, end in zip(rank.branches, rank.placed, rank.across, rank.ends, strict=True):
                begin = at(end - column.bare[1], across)
                points = (begin, at(rank.bus, across), *past, at(start - SPLIT, 0), to)
                if not across and not past:
                    points = (begin, to)
                tensor = given(branch[-1]) if branch else ""
                role, tail = ("line", column.tailed) if branch else ("skip", False)
                self.items.append(Line(points, role, tail=tail, of=tensor))
                if branch and self.style.labelled:
                    where = at(rank.bus - 9, across + ASIDE)
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


@dataclass
class _Rank:
    """Branches beside one another. across: where their axes lie; start: of the rank; bus: where its lines join"""

    branches: list[Series]
    placed: list[Placed]
    across: list[float]
    left: float
    right: float
    start: float = 0.0
    bus: float = 0.0
    ends: list[float] = field(default_factory=list)

    @staticmethod
    def of(flow: "Flow", branches: list[Series]) -> "_Rank":
        """Branches laid out; what they reach holds their shapes."""
        placed = [flow.series(branch) for branch in branches]
        labels = [_label(branch) if flow.style.labelled else 0.0 for branch in branches]
        reaches = [(p.left, max(p.right, ASIDE + w)) for p, w in zip(placed, labels, strict=True)]
        across = _spread(reaches)
        left = min((a - reach[0] for a, reach in zip(across, reaches, strict=True)), default=0.0)
        right = max((a + reach[1] for a, reach in zip(across, reaches, strict=True)), default=0.0)
        return _Rank(branches, placed, across, left, right)


def _label(branch: Series) -> float:
    """How wide the shape is that a branch gives."""
    return Words(shape_of(branch[-1]), 0, 0, LABEL).width if branch else 0.0


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
