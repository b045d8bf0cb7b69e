"""Lines to what reads a tensor drawn elsewhere: led around boxes and words along a grid, with few corners.

A* over places and directions. The lines of the grid lie beside what stands in the way, so that a way is found
wherever there is one; the outermost lead around everything.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import inf

from netlang.draw.scene import Box, Item, Line, Point, Rect, Words, around, flat

CLEAR = 7.0  # points between a line and what it passes
CORNER, CROSSING, ALONG = (
    40.0,
    30.0,
    12.0,
)  # what corners and crossings cost, in points, and each point on top of a line
RATHER = 640.0  # points that a line goes further to leave and enter on the usual side
NEAR = 400.0  # how far around its ends a line is searched first
WIDER = 60.0  # how far around everything lines may go
Segment = tuple[Point, Point]
State = tuple[int, int, int]  # column, row, and 1 where it goes across


class Routes:
    """The lines that are found one after the other; each is in the way of the next."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.solid: list[Rect] = []
        self.drawn: list[Segment] = []
        self.frames: list[Rect] = []
        self.kept: list[Rect] = []
        for item in flat(items):
            if isinstance(item, Line):
                self.drawn += pairwise(item.points)
            elif isinstance(item, Box) and item.open:
                self.frames.append(item.rect)
            else:
                self.solid.append(item.bounds)

    def keep(self, points: Iterable[Point]) -> None:
        """Lines will begin or end here: words stay away."""
        self.kept += [Rect(x - CLEAR, y - CLEAR, 2 * CLEAR, 2 * CLEAR) for x, y in points]

    def add(self, starts: list[Point], ends: list[Point], *, usual: bool = True) -> tuple[Point, ...]:
        """The cheapest line from one of some points to one of others; straight on where all ways are closed.

        usual: whether lines go from the first to the first, unless another pair is cheaper by far, or right there
        """
        points = [*starts, *ends]
        near = around(points).grown(NEAR)
        search = self.search if usual else _Grid.way
        found = search(_Grid(self.within(near), points), starts, ends)
        if not found[1]:
            found = search(_Grid(self, points), starts, ends)
        way = found[1] or (starts[0], ends[0])
        self.drawn += pairwise(way)
        return way

    def within(self, window: Rect) -> "Routes":
        """What lies in a part of the drawing."""
        part = Routes(())
        part.solid = [r for r in self.solid if r.meets(window)]
        part.frames = [r for r in self.frames if r.meets(window)]
        part.drawn = [line for line in self.drawn if crosses(line, window)]
        return part

    @staticmethod
    def search(grid: "_Grid", starts: list[Point], ends: list[Point]) -> tuple[float, tuple[Point, ...]]:
        """The cheapest way, behind what it costs."""
        found = grid.way(starts[:1], ends[:1])
        least = min(_length((start, end)) for start in starts for end in ends)
        if found[0] > min(least + RATHER, 3 * least):  # another pair may be cheaper by far
            other = grid.way(starts, ends)
            found = found if found[0] <= min(other[0] + RATHER, 3 * other[0]) else other
        return found

    def label(self, points: tuple[Point, ...], text: str, size: float) -> Words | None:
        """A place for words beside a line, clear of everything; None where there is no room."""
        for (x, y), (to_x, to_y) in sorted(pairwise(points), key=lambda s: -_length(s)):
            for part in (0.5, 0.35, 0.65, 0.2, 0.8):
                at = x + (to_x - x) * part, y + (to_y - y) * part
                for words in _beside(text, at, size, upright=x == to_x):
                    if not self.taken(words.bounds.grown(1)):
                        self.solid.append(words.bounds)
                        return words
        return None

    def taken(self, rect: Rect) -> bool:
        """Whether anything is drawn there."""
        return any(rect.meets(r) for r in (*self.solid, *self.kept)) or any(crosses(s, rect) for s in self.borders())

    def borders(self) -> Iterator[Segment]:
        """All lines, those of frames included."""
        yield from self.drawn
        for r in self.frames:
            corners = ((r.x, r.y), (r.right, r.y), (r.right, r.bottom), (r.x, r.bottom), (r.x, r.y))
            yield from pairwise(corners)


class _Grid:
    """Lines that may be walked on. xs, ys: where they lie."""

    def __init__(self, routes: Routes, points: list[Point]) -> None:
        blocks = [r.grown(CLEAR - 1) for r in routes.solid]
        xs, ys = {x for x, _ in points}, {y for _, y in points}
        for r in [r.grown(CLEAR) for r in routes.solid] + [r.grown(CLEAR) for r in routes.frames]:
            xs |= {r.x, r.right}
            ys |= {r.y, r.bottom}
        for (x, y), (to_x, to_y) in routes.drawn:
            xs |= {x - 10, x + 10} if x == to_x else set()
            ys |= {y - 10, y + 10} if y == to_y else set()
        xs |= {min(xs) - WIDER / 2, max(xs) + WIDER / 2}
        ys |= {min(ys) - WIDER / 2, max(ys) + WIDER / 2}
        self.xs, self.ys = _apart(xs, {x for x, _ in points}), _apart(ys, {y for _, y in points})
        self.across = [bytearray(len(self.xs)) for _ in self.ys]  # from a place to the next on its row
        self.down = [bytearray(len(self.xs)) for _ in self.ys]
        for r in blocks:
            self.block(r)
        for r in routes.frames:
            self.dear(r)
        self.mark(routes.drawn)

    def block(self, r: Rect) -> None:
        """Nothing may pass through a rectangle."""
        first, last = bisect_right(self.xs, r.x), bisect_left(self.xs, r.right)
        top, bottom = bisect_right(self.ys, r.y), bisect_left(self.ys, r.bottom)
        for row in range(top, bottom):
            for k in range(max(first - 1, 0), last):
                self.across[row][k] = 255
        for row in range(max(top - 1, 0), bottom):
            for k in range(first, last):
                self.down[row][k] = 255

    def dear(self, r: Rect) -> None:
        """Walking on the border of a frame costs."""
        corners = ((r.x, r.y), (r.right, r.y), (r.right, r.bottom), (r.x, r.bottom), (r.x, r.y))
        self.mark(list(pairwise(corners)))

    def mark(self, drawn: list[Segment]) -> None:
        """Walking on a line, or within a few points of it, costs; so does crossing it."""
        for (x, y), (to_x, to_y) in drawn:
            left, right = sorted((x, to_x))
            top, bottom = sorted((y, to_y))
            columns = range(bisect_left(self.xs, left - 4), bisect_right(self.xs, right + 4))
            rows = range(bisect_left(self.ys, top - 4), bisect_right(self.ys, bottom + 4))
            marked = self.across if y == to_y else self.down
            for row in rows:
                for k in columns:
                    marked[row][k] = max(marked[row][k], 1)

    def way(self, starts: list[Point], ends: list[Point]) -> tuple[float, tuple[Point, ...]]:
        """The cheapest way, its corners only, behind what it costs."""
        goals = {self.place(p) for p in ends}
        spots = [(self.xs[k], self.ys[row]) for k, row in goals]

        def left(state: State) -> float:  # never more than what is still to pay
            return min(abs(self.xs[state[0]] - x) + abs(self.ys[state[1]] - y) for x, y in spots)

        best: dict[State, float] = {}
        came: dict[State, State] = {}
        heap: list[tuple[float, State]] = []
        for p in starts:
            for turn in (0, 1):
                state = (*self.place(p), turn)
                best[state] = 0.0
                heapq.heappush(heap, (left(state), state))
        done: set[State] = set()
        while heap:
            state = heapq.heappop(heap)[1]
            if state in done:
                continue
            done.add(state)
            cost = best[state]
            if state[:2] in goals:
                return cost, self.corners(state, came)
            for step, more in self.steps(state):
                if cost + more < best.get(step, inf):
                    best[step], came[step] = cost + more, state
                    heapq.heappush(heap, (cost + more + left(step), step))
        return inf, ()

    def place(self, p: Point) -> tuple[int, int]:
        return bisect_left(self.xs, p[0]), bisect_left(self.ys, p[1])

    def steps(self, state: State) -> Iterator[tuple[State, float]]:
        """The places next to one, and what it costs to go there."""
        k, row, turn = state
        for dk, drow in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            to_k, to_row = k + dk, row + drow
            if not (0 <= to_k < len(self.xs) and 0 <= to_row < len(self.ys)):
                continue
            at_k, at_row = min(k, to_k), min(row, to_row)
            mark = (self.across if dk else self.down)[at_row][at_k]
            if mark == 255:
                continue
            long = abs(self.xs[to_k] - self.xs[k]) + abs(self.ys[to_row] - self.ys[row])
            cost = long * (ALONG if mark else 1.0) + (CORNER if turn != (1 if dk else 0) else 0.0)
            other = (self.down if dk else self.across)[to_row][to_k]
            yield (to_k, to_row, 1 if dk else 0), cost + (CROSSING if other == 1 else 0.0)

    def corners(self, state: State, came: dict[State, State]) -> tuple[Point, ...]:
        places = [state[:2]]
        while state in came:
            state = came[state]
            places.append(state[:2])
        points = [(self.xs[k], self.ys[row]) for k, row in reversed(places)]
        kept = [points[0]]
        for before, point, after in zip(points, points[1:], points[2:], strict=False):
            straight = (before[0] == point[0] == after[0]) or (before[1] == point[1] == after[1])
            if not straight:
                kept.append(point)
        return (*kept, points[-1]) if len(points) > 1 else ()


def _apart(values: set[float], kept: set[float]) -> list[float]:
    """The values in order, those left out that are next to nothing away from another."""
    found: list[float] = []
    for value in sorted(values):
        if found and value - found[-1] < 1.0 and value not in kept:
            continue
        if found and value - found[-1] < 1.0 and found[-1] not in kept:
            found.pop()
        found.append(value)
    return found


def _beside(text: str, at: Point, size: float, upright: bool) -> Iterator[Words]:
    x, y = at
    if upright:
        yield Words(text, x + 5, y, size, "skip", "start")
        yield Words(text, x - 5, y, size, "skip", "end")
    else:
        yield Words(text, x, y - size, size, "skip")
        yield Words(text, x, y + size, size, "skip")


def crosses(segment: Segment, rect: Rect) -> bool:
    """Whether an upright or level line runs through the inside of a rectangle."""
    (x, y), (to_x, to_y) = segment
    left, right = sorted((x, to_x))
    top, bottom = sorted((y, to_y))
    return left < rect.right and right > rect.x and top < rect.bottom and bottom > rect.y


def _length(segment: Segment) -> float:
    (x, y), (to_x, to_y) = segment
    return abs(to_x - x) + abs(to_y - y)
