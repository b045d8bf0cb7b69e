"""Two nets in one drawing: what they share in grey, what only one of them has in a colour of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netlang.draw.boxes import HIGH, PAD, SIZE
from netlang.draw.layered import Vertex, layered
from netlang.draw.letters import ascii_only, widest
from netlang.draw.page import MARGIN
from netlang.draw.placed import LABEL
from netlang.draw.scene import Box, Group, Item, Line, Rect, Scene, Words, bounds, fitted
from netlang.types import Dim, shown

if TYPE_CHECKING:
    from netlang.report.compare import Comparison, Pair, Place

RUN = 3  # layers the same below one another that are still drawn one by one
SIDES = ("old", "new")


def scene(found: "Comparison", titles: tuple[str, str]) -> Scene:
    """A comparison laid out. titles: what the two nets are called."""
    drawing = _Drawing(found)
    drawing.all()
    items = drawing.placed()
    return fitted((*items, *_legend(titles, bounds(items))), MARGIN)


class _Drawing:
    """The drawing so far. boxes: colour and text, by name; edges: the sides that each is on, 0 and 1

    of: the box of each layer of the old net, and of the new one, by its number
    """

    def __init__(self, found: "Comparison") -> None:
        self.found = found
        self.of: tuple[dict[int, str], dict[int, str]] = ({}, {})
        self.boxes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.edges: dict[tuple[str, str], set[int]] = {}

    def all(self) -> None:
        """Every box, and what leads from one to another."""
        places = [
            (side, p) for pair in self.found.pairs for side, p in enumerate((pair.old, pair.new)) if p is not None
        ]
        self._ends("input", [(side, end) for side, place in places for end in place.takes])
        for number, group in enumerate(self._groups()):
            self._box(number, group)
        self._ends("output", [(side, (name, ())) for side, place in places for name in place.gives])
        for side, place in places:
            self._arrows(side, place)

    def _ends(self, what: str, found: list[tuple[int, tuple[str, tuple[Dim, ...]]]]) -> None:
        """A box for each input, or output, with the colour of the nets that have it."""
        for name, shape in dict.fromkeys(end for _, end in found):
            sides = {side for side, end in found if end == (name, shape)}
            rows = name if name == what else f"{what} @{name}", *([shown(shape)] if shape else [])
            colour = "same" if len(sides) == 2 else SIDES[min(sides)]
            self.boxes[f"{what} {name} {shape}"] = colour, tuple(map(ascii_only, rows))

    def placed(self) -> tuple[Item, ...]:
        """All of it in its place."""
        vertices = [
            Vertex(name, widest(rows, SIZE) + 2 * PAD, HIGH + 13 * (len(rows) - 1))
            for name, (_, rows) in self.boxes.items()
        ]
        found = layered(vertices, list(self.edges))
        items: list[Item] = []
        for points, sides in zip(found.lines, self.edges.values(), strict=True):
            items.append(Line(points, "line" if len(sides) == 2 else f"{SIDES[min(sides)]} line"))
        for name, (colour, rows) in self.boxes.items():
            r = found.places[name]
            x, y = r.centre
            words = [Words(rows[0], x, y - 6.5 * (len(rows) - 1), SIZE)]
            words += [Words(text, x, y + 7.5, LABEL, "quiet") for text in rows[1:]]
            items.append(Group((Box(r, colour), *words)))
        return tuple(items)

    def _groups(self) -> Iterator[list["Pair"]]:
        """Layers that are the same and pass on one tensor share a box, if they are many."""
        last = self._last_readers()
        pairs = self.found.pairs
        at = 0
        while at < len(pairs):
            end = self._end(at, last)
            many = end - at > RUN
            yield from [list(pairs[at:end])] if many else [[pair] for pair in pairs[at:end]]
            at = end

    def _end(self, start: int, last: list[int]) -> int:
        """Behind the longest series of layers the same of which only the last is read elsewhere."""
        pairs, end, reach = self.found.pairs, start + 1, 0
        for at in range(start, len(pairs)):
            if not pairs[at].same:
                break
            if reach <= at:
                end = at + 1
            reach = max(reach, last[at])
        return end

    def _last_readers(self) -> list[int]:
        """The last pair that reads each pair; itself if none does."""
        last = list(range(len(self.found.pairs)))
        for side in ("old", "new"):
            where = {getattr(p, side).at: k for k, p in enumerate(self.found.pairs) if getattr(p, side) is not None}
            for k, pair in enumerate(self.found.pairs):
                place = getattr(pair, side)
                for at in place.reads if place is not None else ():
                    last[where[at]] = max(last[where[at]], k)
        return last

    def _box(self, number: int, group: list["Pair"]) -> None:
        pair = group[0]
        if pair.same:
            rows = _rows(pair.old) if len(group) == 1 else (f"{len(group)} layers the same",)
            self.boxes[f"same{number}"] = ("same", rows)
            for each in group:
                self._holds(f"same{number}", each)
            return
        for side, place in enumerate((pair.old, pair.new)):
            if place is not None:
                name = f"{SIDES[side]}{number}"
                self.boxes[name] = (SIDES[side], _rows(place))
                self.of[side][place.at] = name

    def _holds(self, name: str, pair: "Pair") -> None:
        for side, place in enumerate((pair.old, pair.new)):
            if place is not None:
                self.of[side][place.at] = name

    def _arrows(self, side: int, place: "Place") -> None:
        to = self.of[side][place.at]
        for at in place.reads:
            source = self.of[side][at]
            if source != to:
                self._edge(side, source, to)
        for name, shape in place.takes:
            self._edge(side, f"input {name} {shape}", to)
        for name in place.gives:
            self._edge(side, to, f"output {name} {()}")

    def _edge(self, side: int, source: str, to: str) -> None:
        self.edges.setdefault((source, to), set()).add(side)


def _rows(place: "Place | None") -> tuple[str, ...]:
    assert place is not None
    row = place.row
    return ascii_only(f"{row.layer} {row.activation or ''}".strip()), ascii_only(shown(("n", *row.output)))


def _legend(titles: tuple[str, str], r: Rect) -> Iterator[Item]:
    """Whose colours these are, above the drawing."""
    texts = (("old", f"only in {titles[0]}"), ("new", f"only in {titles[1]}"), ("same", "in both"))
    for k, (colour, text) in enumerate(texts):
        y = r.y - 20 * (len(texts) - k) - 6
        yield Box(Rect(r.x, y, 16, 12), colour, radius=3)
        yield Words(ascii_only(text), r.x + 22, y + 6, LABEL, "quiet", "start")
