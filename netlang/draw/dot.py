"""A picture as DOT, the language of Graphviz: a frame per line of the file, shapes on the edges.

For tools that read it, and for Graphviz, which lays it out in its own way. Labels are plain and in ASCII.
"""

from itertools import groupby, pairwise

import graphviz

from netlang.draw.fold import steps
from netlang.draw.letters import ascii_only
from netlang.draw.parts import (
    End,
    Fork,
    Frame,
    Key,
    Part,
    Picture,
    Repeat,
    Series,
    Step,
    Tap,
    height,
    line_of,
    shape_of,
)
from netlang.draw.theme import LIGHT, Theme
from netlang.graph import NodeId

TITLE = 3  # the rows that the frame of a block takes beside its steps
FONT = "Helvetica,Arial,sans-serif"
INK, QUIET, LINE = LIGHT["ink"], LIGHT["quiet"], LIGHT["line"]
STRAIGHT = 20  # the weight of an edge of a series, against 1 of those that leave it
LETTER = 0.082  # inches a letter takes in 12 points, on average


def dot(picture: Picture, unroll: int = 0, theme: Theme = LIGHT) -> str:
    """The DOT text of a picture. unroll: how many steps of a recurrent layer are drawn; 0 draws its loop."""
    graph = graphviz.Digraph(graphviz.nohtml(picture.title))  # a name in `<>` is text too
    graph.attr(
        bgcolor=theme["ground"], pad="0.15", nodesep="0.3", ranksep="0.15", ordering="out", fontname=FONT, fontsize="11"
    )
    graph.attr("node", shape="box", style="filled,rounded", color="#ffffff00", fontname=FONT, fontsize="12",
               fontcolor=theme["ink"], height="0.3", margin="0.12,0.04")  # fmt: skip
    graph.attr(
        "edge",
        color=theme["line"],
        fontname=FONT,
        fontsize="10.5",
        fontcolor=theme["quiet"],
        arrowsize="0.6",
        penwidth="1.1",
    )
    numbers = _Numbers()
    _Drawing(graph, numbers, [end.series for end in picture.ends], unroll, theme).whole(picture)
    above, room = "", 0
    for key in picture.keys:  # below one another as far as the net is long, then beside
        start, end = _Drawing(graph, numbers, [key.series], unroll, theme).key(key)
        room -= height(key.series) + TITLE
        if above and room >= 0:
            graph.edge(above, start, style="invis", minlen="3")
        else:
            room = max(height(end.series) for end in picture.ends) - height(key.series) - TITLE
        above = end
    return str(graph.source)


class _Numbers:
    """Steps and frames are numbered as they come, so that equal nets give equal text."""

    def __init__(self) -> None:
        self.last = 0

    def new(self, kind: str) -> str:
        """A name for a step or frame."""
        self.last += 1
        return f"{kind}{self.last}"


class _Drawing:
    """The net, or one block beside it. names: of the steps, by the node each holds."""

    def __init__(
        self, graph: graphviz.Digraph, numbers: _Numbers, found: list[Series], unroll: int, theme: Theme
    ) -> None:
        self.theme = theme
        self.graph, self.where, self.new, self.unroll = graph, graph, numbers.new, unroll
        self.names: dict[NodeId, str] = {}
        for series in found:
            for step in steps(series):
                self.names.setdefault(step.id, self.new("step"))

    def whole(self, picture: Picture) -> None:
        """All series, each with its output."""
        for end in picture.ends:
            above, shape = self.series(self.graph, end.series, "", "")
            if end.name:
                self.end(end, above, shape)

    def end(self, end: End, above: str, shape: str) -> None:
        """An output; one of training only stands on a dashed line."""
        name = self.new("output")
        self.terminal(self.graph, name, f"{end.name} (training)" if end.side else end.name)
        self.edge(name, above, shape, style="dashed" if end.side else "solid")

    def key(self, key: Key) -> tuple[str, str]:
        """A block, drawn once: framed, with its call as the title; where it begins and ends."""
        with self.graph.subgraph(name=self.new("cluster")) as frame:
            frame.attr(label=ascii_only(key.step.text), style="rounded,filled", fontsize="12", margin="12")
            frame.attr(color=self.theme["frame"], fillcolor=self.theme["panel"], fontcolor=self.theme["ink"])
            self.where = frame
            start = self.new("input")
            self.terminal(frame, start, "in" if key.input else "")
            above, shape = self.series(frame, key.series, start, key.input)
            end = self.new("output")
            self.terminal(frame, end, "out")
            self.edge(end, above, shape)
        return start, end

    def terminal(self, where: graphviz.Digraph, name: str, text: str) -> None:
        """Where the net or a block begins or ends."""
        where.node(
            name,
            ascii_only(text),
            shape="plaintext",
            style="",
            fontcolor=self.theme["quiet"],
            height="0.25",
            margin="0.05",
        )

    def edge(self, to: str, source: str, shape: str, style: str = "solid", weight: int = 1) -> None:
        """An arrow with the shape of what flows. weight: how much Graphviz cares that it is short and straight."""
        if source:
            label, length = (_roomy(shape), "2") if shape else ("", "1")
            self.graph.edge(source, to, label=label, minlen=length, style=style, weight=str(weight))

    def skip(self, to: str, source: str, shape: str = "") -> None:
        """An arrow past other steps."""
        label = _roomy(shape) if shape else ""
        self.graph.edge(
            source,
            to,
            label=label,
            color=self.theme["skip"],
            fontcolor=self.theme["skip"],
            style="dashed" if shape else "solid",
        )

    def series(self, where: graphviz.Digraph, series: Series, above: str, shape: str) -> tuple[str, str]:
        """Draw a series below a step; the last step and the shape it gives."""
        inside = False  # the first edge of a series may bend: it leaves a fork, or what is drawn elsewhere
        for line, parts in groupby(series, key=line_of):
            found = list(parts)
            if line is not None:
                above, shape = self.line(where, found, above, shape, inside)
            else:
                for part in found:
                    above, shape = self.part(where, part, above, shape)
            inside = not isinstance(found[-1], Tap)
        return above, shape

    def line(self, where: graphviz.Digraph, parts: list[Part], above: str, shape: str, inside: bool) -> tuple[str, str]:
        """The steps of a line below one another, framed if they are several. inside: whether steps stand above."""
        texts = [_text(part) for part in parts]
        wide = f"{max(map(len, texts)) * LETTER + 0.3:.2f}"
        with where.subgraph(name=self.new("cluster")) as frame:
            frame.attr(label="", style="rounded" if len(parts) > 1 else "invis", color=self.theme["frame"], margin="6")
            for index, (part, text) in enumerate(zip(parts, texts, strict=True)):
                step = _step(part)
                name = self.names[step.id]
                unrolled = step.recurrence is not None and self.unroll > 0
                if unrolled:
                    self.steps(frame, step, text, above, "" if index else shape)
                elif step.family == "input":
                    self.terminal(frame, name, text)
                else:
                    frame.node(name, text, fillcolor=self.theme[step.family], width=wide)
                    self.loop(frame, step)
                if index and not unrolled:
                    frame.edge(above, name, arrowhead="none")
                elif not unrolled:
                    self.edge(name, above, shape, weight=STRAIGHT if inside else 1)
                self.read_beside(step)
                above, inside = name, True
        return above, shape_of(parts[-1])

    def loop(self, where: graphviz.Digraph, step: Step) -> None:
        """What a recurrent layer leaves to its own next step."""
        if step.recurrence:
            name = self.names[step.id]
            where.edge(
                f"{name}:e",
                f"{name}:e",
                label=f" {', '.join(step.recurrence.states)}",
                color=self.theme["skip"],
                fontcolor=self.theme["skip"],
            )

    def steps(self, where: graphviz.Digraph, step: Step, text: str, above: str, shape: str) -> None:
        """The first steps of a recurrent layer beside one another, a row for each direction, and what it gives."""
        found = step.recurrence
        assert found is not None
        name, states = self.names[step.id], ", ".join(found.states)
        with where.subgraph(name=self.new("cluster")) as frame:
            frame.attr(
                label=text,
                labeljust="l",
                labelloc="b",
                style="rounded,filled",
                color=self.theme["frame"],
                fillcolor=self.theme["panel"],
                margin="8",
            )
            for way in found.ways:
                boxes = [self.new("time") for _ in range(self.unroll)]
                with frame.subgraph() as row:
                    row.attr(rank="same")
                    for t, box in enumerate(boxes, 1):
                        row.node(box, f"t = {t}", fillcolor=self.theme[step.family])
                for one, other in pairwise(boxes):
                    ends = {"dir": "back"} if way == "backward" else {}
                    frame.edge(
                        one, other, label=f" {states} ", color=self.theme["skip"], fontcolor=self.theme["skip"], **ends
                    )
                for t, box in enumerate(boxes):
                    self.edge(box, above, shape if t == 0 and way == found.ways[0] else "")
                given = [boxes[0 if way == "backward" else -1]] if found.last else boxes
                for box in given:
                    frame.edge(box, name)
            self.terminal(frame, name, "last step" if found.last else "all steps")

    def read_beside(self, step: Step) -> None:
        """Dashed arrows from what a step reads beside what stands before it."""
        for tap in step.also:
            self.skip(self.names[step.id], self.named(tap), tap.shape)

    def named(self, tap: Tap) -> str:
        """The name of a step drawn elsewhere; a new start where it is not in this drawing."""
        if tap.id not in self.names:
            self.names[tap.id] = self.new("input")
            self.terminal(self.where, self.names[tap.id], tap.name)
        return self.names[tap.id]

    def part(self, where: graphviz.Digraph, part: Part, above: str, shape: str) -> tuple[str, str]:
        """Anything that is not a step."""
        match part:
            case Fork():
                return self.fork(where, part, above, shape)
            case Frame():
                return self.framed(where, part.series, ascii_only(part.title), above, shape)
            case Repeat(series=(Frame() as frame,)):
                title = f"{ascii_only(frame.title)}   x{part.times}"
                return self.framed(where, frame.series, title, above, shape)[0], shape_of(part)
            case Repeat():
                return self.framed(where, part.series, f"x{part.times}", above, shape)[0], shape_of(part)
            case Tap():
                return self.named(part), part.shape
        raise AssertionError(part)

    def framed(self, where: graphviz.Digraph, series: Series, title: str, above: str, shape: str) -> tuple[str, str]:
        """A series in a dashed frame: a repeat of several steps, or a block."""
        with where.subgraph(name=self.new("cluster")) as frame:
            frame.attr(
                label=title,
                labeljust="r",
                style="rounded,dashed",
                color=self.theme["frame"],
                fontcolor=self.theme["quiet"],
                margin="10",
            )
            return self.series(frame, series, above, shape)

    def fork(self, where: graphviz.Digraph, fork: Fork, above: str, shape: str) -> tuple[str, str]:
        """Branches side by side, and their merge below; the shape that enters is written once."""
        name = self.names[fork.merge.id]
        where.node(name, ascii_only(fork.merge.written), fillcolor=self.theme["merge"])
        written = False
        for branch in fork.branches:
            if not branch:
                self.skip(name, above)
                continue
            end, given = self.series(where, branch, above, "" if written else shape)
            written = True
            self.edge(name, end, given)
        self.read_beside(fork.merge)
        return name, fork.merge.shape


def _text(part: Part) -> str:
    if isinstance(part, Repeat):
        return f"{_text(part.series[0])}   x{part.times}"
    assert isinstance(part, Step)
    return ascii_only("   ".join((part.text, *part.options)))


def _roomy(shape: str) -> str:
    """A label of an edge with blanks around it, more of them the longer it is.

    They keep it off the line: letters may be wider than those Graphviz reckons with, and labels are set in the middle.
    """
    room = " " * (2 + len(shape) // 8)
    return f"{room}{shape}{room}"


def _step(part: Part) -> Step:
    if isinstance(part, Repeat):
        return _step(part.series[0])
    assert isinstance(part, Step)
    return part
