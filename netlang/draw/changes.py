"""Two nets in one drawing: what they share in grey, what only one of them has in a colour of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import graphviz

from netlang.draw.dot import FONT, INK, LINE, QUIET
from netlang.draw.letters import ascii_only
from netlang.types import shown

if TYPE_CHECKING:
    from netlang.report.compare import Comparison, Pair, Place

OLD, NEW, BOTH = ("#f7d4d2", "#b3261e"), ("#d5ecd4", "#2e7d32"), ("#eef1f4", LINE)  # background, edges
RUN = 3  # layers the same below one another that are still drawn one by one


def dot(found: "Comparison", titles: tuple[str, str]) -> str:
    """The DOT text of a comparison. titles: what the two nets are called."""
    graph = graphviz.Digraph("diff")
    legend = f"red: only in {titles[0]}     green: only in {titles[1]}"
    graph.attr(bgcolor="white", pad="0.15", nodesep="0.3", ranksep="0.25", fontname=FONT, fontsize="11",
               label=ascii_only(legend), labelloc="t", fontcolor=QUIET)  # fmt: skip
    graph.attr("node", shape="box", style="filled,rounded", color="#ffffff00", fontname=FONT, fontsize="12",
               fontcolor=INK, height="0.3", margin="0.12,0.04")  # fmt: skip
    graph.attr("edge", fontname=FONT, fontsize="10.5", fontcolor=QUIET, arrowsize="0.6", penwidth="1.2")
    _Drawing(graph, found).all()
    return str(graph.source)


class _Drawing:
    """The drawing so far. of: the box of each layer of the old net, and of the new one, by its number."""

    def __init__(self, graph: graphviz.Digraph, found: "Comparison") -> None:
        self.graph, self.found = graph, found
        self.of: tuple[dict[int, str], dict[int, str]] = ({}, {})
        self.edges: dict[tuple[str, str], set[int]] = {}

    def all(self) -> None:
        for number, group in enumerate(self._groups()):
            self._box(number, group)
        for pair in self.found.pairs:
            for side, place in enumerate((pair.old, pair.new)):
                if place is not None:
                    self._arrows(side, place)
        for (source, to), sides in self.edges.items():
            colour = LINE if len(sides) == 2 else (OLD, NEW)[sides.copy().pop()][1]
            self.graph.edge(source, to, color=colour)

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
            text = _text(pair.old) if len(group) == 1 else f"{len(group)} layers the same"
            self._node(f"same{number}", text, BOTH)
            for each in group:
                self._holds(f"same{number}", each)
            return
        for side, (place, colours) in enumerate(((pair.old, OLD), (pair.new, NEW))):
            if place is not None:
                name = f"{('old', 'new')[side]}{number}"
                self._node(name, _text(place), colours)
                self.of[side][place.at] = name

    def _holds(self, name: str, pair: "Pair") -> None:
        for side, place in enumerate((pair.old, pair.new)):
            if place is not None:
                self.of[side][place.at] = name

    def _node(self, name: str, text: str, colours: tuple[str, str]) -> None:
        self.graph.node(name, text, fillcolor=colours[0])

    def _arrows(self, side: int, place: "Place") -> None:
        to = self.of[side][place.at]
        for at in place.reads:
            source = self.of[side][at]
            if source != to:
                self.edges.setdefault((source, to), set()).add(side)


def _text(place: "Place | None") -> str:
    assert place is not None
    row = place.row
    return ascii_only(f"{row.layer} {row.activation or ''}".strip() + f"\n{shown(('n', *row.output))}")
