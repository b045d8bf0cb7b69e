"""A graph of any form in layers from top to bottom: no edge runs through a node, and few cross.

Sugiyama, Tagawa and Toda 1981: layers by the longest path, orders by barycentres, places by least squares. Edges run
upright through the layers, level between them, each on a track of its own.
"""

from collections.abc import Sequence
from dataclasses import field
from itertools import pairwise

from netlang.draw.scene import Point, Rect
from netlang.record import dataclass

APART, TRACK, NEAR = 22.0, 9.0, 12.0  # between nodes, between tracks, and from nodes to tracks
SWEEPS, SETTLED = 24, 40  # times that orders, and places, are bettered
PORT = 13.0  # between the arrows that enter a node
BEND = 12.0  # how far round an edge rather goes than to bend once more
JOG = 4.0  # by how much an arrow rather enters beside its place than bends


@dataclass(frozen=True)
class Vertex:
    """Something to be placed, of this size."""

    name: str
    width: float
    height: float


@dataclass(frozen=True)
class Placement:
    """Where everything stands. lines: of the edges in their order, from the lower sides of vertices to upper ones."""

    places: dict[str, Rect]
    lines: tuple[tuple[Point, ...], ...]


def layered(vertices: Sequence[Vertex], edges: Sequence[tuple[str, str]]) -> Placement:
    """Places for vertices, each of which stands before those that read it."""
    return _Layers(vertices, edges).placement()


@dataclass
class _Spot:
    """A vertex, or where an edge passes a layer. x: its middle."""

    width: float
    height: float
    rank: int
    x: float = 0.0
    above: list["_Spot"] = field(default_factory=list)
    below: list["_Spot"] = field(default_factory=list)
    real: bool = True


class _Layers:
    def __init__(self, vertices: Sequence[Vertex], edges: Sequence[tuple[str, str]]) -> None:
        ranks: dict[str, int] = {}
        for v in vertices:
            ranks[v.name] = 1 + max((ranks[a] for a, b in edges if b == v.name), default=-1)
        for v in reversed(vertices):  # what is read late only stands late
            if not any(b == v.name for _, b in edges):
                ranks[v.name] = min((ranks[b] for a, b in edges if a == v.name), default=1) - 1
        self.spots = {v.name: _Spot(v.width, v.height, ranks[v.name]) for v in vertices}
        self.rows: list[list[_Spot]] = [[] for _ in range(max(ranks.values(), default=0) + 1)]
        for spot in self.spots.values():
            self.rows[spot.rank].append(spot)
        self.chains = [self.chain(self.spots[a], self.spots[b]) for a, b in edges]

    def chain(self, start: _Spot, end: _Spot) -> list[_Spot]:
        """The spots that an edge goes through, its ends included."""
        chain = [start]
        for rank in range(start.rank + 1, end.rank):
            chain.append(_Spot(2.0, 0.0, rank, real=False))
            self.rows[rank].append(chain[-1])
        chain.append(end)
        for a, b in pairwise(chain):
            a.below.append(b)
            b.above.append(a)
        return chain

    def placement(self) -> Placement:
        self.order()
        self.settle()
        self.sort()
        tracks = [self.tracks(rank) for rank in range(len(self.rows) - 1)]
        tops, y = [], 0.0
        for rank, row in enumerate(self.rows):
            tops.append(y)
            count = max(tracks[rank].values(), default=-1) + 1 if rank < len(tracks) else 0
            y += max(s.height for s in row) + 2 * NEAR + TRACK * max(count - 1, 0)
        places = {
            name: Rect(s.x - s.width / 2, tops[s.rank] + (self.high(s.rank) - s.height) / 2, s.width, s.height)
            for name, s in self.spots.items()
        }
        lines = tuple(self.line(chain, tops, tracks) for chain in self.chains)
        return Placement(places, lines)

    def high(self, rank: int) -> float:
        return max(s.height for s in self.rows[rank])

    def order(self) -> None:
        """Rows in the order of the middles of what they are joined to, the best of many sweeps."""
        best, least = [list(row) for row in self.rows], self.crossings()
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            for row in self.rows if down else reversed(self.rows):
                at = {id(s): k for other in self.rows for k, s in enumerate(other)}
                middles = {id(s): _middle([at[id(o)] for o in (s.above if down else s.below)], at[id(s)]) for s in row}
                row.sort(key=lambda s: middles[id(s)])
            found = self.crossings()
            if found < least:
                best, least = [list(row) for row in self.rows], found
        self.rows = best

    def crossings(self) -> int:
        total = 0
        for row, other in pairwise(self.rows):
            at = {id(s): k for k, s in enumerate(other)}
            ends = [at[id(b)] for s in row for b in sorted(s.below, key=lambda s: at[id(s)])]
            total += sum(a > b for k, a in enumerate(ends) for b in ends[k + 1 :])
        return total

    def settle(self) -> None:
        """Each row as near as it can to the middles of what it is joined to, row after row."""
        for turn in range(SETTLED):
            for row in self.rows if turn % 2 == 0 else self.rows[::-1]:
                wanted = [_middle([o.x for o in (s.above + s.below)], s.x) for s in row]
                weights = [1.0 if s.real else 4.0 for s in row]
                for spot, x in zip(row, _apart(row, wanted, weights), strict=True):
                    spot.x = x
        for _ in range(2):
            self.sort()
            for chain in self.chains:
                self.straighten(chain)

    def sort(self) -> None:
        """What enters a vertex in the order in which it stands above."""
        for spot in self.spots.values():
            spot.above.sort(key=lambda s: s.x)

    def straighten(self, chain: list[_Spot]) -> None:
        """Take the bends out of an edge where there is room: move where it passes, or its only reader."""
        first, *middle, last = chain
        if not middle and len(first.below) == len(last.above) == 1:
            if self.free(last, first.x):
                last.x = first.x
            elif self.free(first, last.x):
                first.x = last.x
        ends = first.x, _port(chain[-2], last)
        free = [x for x in {*ends, *(s.x for s in middle)} if all(self.free(s, x) for s in middle)]
        best = min(free, key=lambda x: (sum(abs(x - end) + BEND * (x != end) for end in ends), x), default=None)
        for spot in middle if best is not None else []:
            assert best is not None
            spot.x = best

    def free(self, spot: _Spot, x: float) -> bool:
        """Whether there is room for a spot at this place of its row."""
        row = self.rows[spot.rank]
        at = next(k for k, s in enumerate(row) if s is spot)
        left = at == 0 or row[at - 1].x + _reach(row[at - 1], spot) <= x + 1e-6
        return left and (at == len(row) - 1 or x + _reach(spot, row[at + 1]) <= row[at + 1].x + 1e-6)

    def tracks(self, rank: int) -> dict[int, int]:
        """The track below a row that each of its spots leads its edges along: none with one that it would meet."""
        taken: list[list[tuple[float, float]]] = []
        found: dict[int, int] = {}
        for spot in sorted(self.rows[rank], key=lambda s: (len(s.below), s.x)):
            xs = [spot.x, *(_port(spot, b) for b in spot.below)]
            reach = min(xs) - 4, max(xs) + 4
            if max(xs) - min(xs) < 0.5:
                continue
            free = (k for k, track in enumerate(taken) if all(reach[1] <= a or b <= reach[0] for a, b in track))
            track = next(free, len(taken))
            if track == len(taken):
                taken.append([])
            taken[track].append(reach)
            found[id(spot)] = track
        return found

    def line(self, chain: list[_Spot], tops: list[float], tracks: list[dict[int, int]]) -> tuple[Point, ...]:
        """The corners of an edge."""
        first, last = chain[0], chain[-1]
        points = [(first.x, tops[first.rank] + (self.high(first.rank) + first.height) / 2)]
        for a, b in pairwise(chain):
            x = _port(a, b)
            if id(a) in tracks[a.rank]:
                y = tops[a.rank] + self.high(a.rank) + NEAR + TRACK * tracks[a.rank][id(a)]
                points += [(a.x, y), (x, y)] if abs(x - a.x) > 0.5 else []
        end = points[-1][0] if len(points) > 1 else _port(chain[-2], last)
        points[0] = (end, points[0][1]) if len(points) == 1 else points[0]
        return (*points, (end, tops[last.rank] + (self.high(last.rank) - last.height) / 2))


def _port(a: _Spot, b: _Spot) -> float:
    """Where an edge from one enters the other: beside the other arrows."""
    if not b.real:
        return b.x
    several = len(b.above) - 1
    spread = min(PORT, (b.width - 8) / max(several, 1))
    place = next(k for k, s in enumerate(b.above) if s is a)
    port = b.x + (place - several / 2) * spread
    return a.x if abs(a.x - port) < min(JOG, spread / 3) else port


def _reach(a: _Spot, b: _Spot) -> float:
    """How far the middles of two neighbours are apart at least."""
    return (a.width + b.width) / 2 + (APART if a.real and b.real else APART / 2)


def _middle(values: list[float] | list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(row: list[_Spot], wanted: list[float], weights: list[float]) -> list[float]:
    """The places nearest to those wanted, by least squares, at which nothing of a row meets: violators are pooled."""
    shifts = [0.0]
    for a, b in pairwise(row):
        shifts.append(shifts[-1] + _reach(a, b))
    pools: list[tuple[float, float, int]] = []  # place, weight, how many
    for want, weight, shift in zip(wanted, weights, shifts, strict=True):
        pools.append((want - shift, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (x, w, n), (y, v, m) = pools[-2:]
            pools[-2:] = [((x * w + y * v) / (w + v), w + v, n + m)]
    places = [x for x, _, n in pools for _ in range(n)]
    return [x + shift for x, shift in zip(places, shifts, strict=True)]
