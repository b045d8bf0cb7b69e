"""A picture as DOT, the language of Graphviz: a frame per line of the file, shapes on the edges.

Plain labels in ASCII only: the Graphviz that runs in process knows no HTML labels, and the font beside it no `×`.
"""

from itertools import groupby

import graphviz

from netlang.draw.tree import Fork, Part, Picture, Repeat, Series, Step, line_of, shape_of

FONT = "Helvetica,Arial,sans-serif"
INK, QUIET, LINE = "#1f2933", "#616e7c", "#9aa5b1"
LETTER = 0.082  # inches a letter takes in 12 points, on average
COLOURS = {  # background of a step by family: pale, so that black text reads well, and apart in grey too
    "window": "#d6e6f7",
    "full": "#e3dcf3",
    "pool": "#dcefdc",
    "activation": "#fbeacb",
    "merge": "#f0e0e4",
    "other": "#eef1f4",
}


def dot(picture: Picture) -> str:
    """The DOT text of a picture."""
    graph = graphviz.Digraph(picture.title)
    graph.attr(bgcolor="white", pad="0.15", nodesep="0.3", ranksep="0.15", fontname=FONT, fontsize="11")
    graph.attr("node", shape="box", style="filled,rounded", color="#ffffff00", fontname=FONT, fontsize="12",
               fontcolor=INK, height="0.3", margin="0.12,0.04")  # fmt: skip
    graph.attr("edge", color=LINE, fontname=FONT, fontsize="10.5", fontcolor=QUIET, arrowsize="0.6", penwidth="1.1")
    _Drawing(graph).whole(picture)
    return str(graph.source)


class _Drawing:
    """Steps and frames are numbered as they come, so that equal nets give equal text."""

    def __init__(self, graph: graphviz.Digraph) -> None:
        self.graph, self.number = graph, 0

    def whole(self, picture: Picture) -> None:
        """Input, all that follows, and the shape that comes out."""
        self.terminal("input")
        end, shape = self.series(self.graph, picture.series, "input", picture.input)
        self.terminal("output")
        self.edge("output", end, shape)

    def terminal(self, name: str) -> None:
        """Where the net begins or ends."""
        self.graph.node(name, name, shape="plaintext", style="", fontcolor=QUIET, height="0.25", margin="0.05")

    def new(self, kind: str) -> str:
        """A name for a step or frame."""
        self.number += 1
        return f"{kind}{self.number}"

    def edge(self, to: str, source: str, shape: str) -> None:
        """An arrow with the shape of what flows."""
        self.graph.edge(source, to, label=f"  {shape} ", minlen="2")

    def series(self, where: graphviz.Digraph, series: Series, above: str, shape: str) -> tuple[str, str]:
        """Draw a series below a step; the last step and the shape it gives."""
        for line, parts in groupby(series, key=line_of):
            found = list(parts)
            if line is not None:
                above, shape = self.line(where, found, above, shape)
            else:
                for part in found:
                    above, shape = self.part(where, part, above, shape)
        return above, shape

    def line(self, where: graphviz.Digraph, parts: list[Part], above: str, shape: str) -> tuple[str, str]:
        """The steps of a line below one another, framed if they are several."""
        texts = [_text(part) for part in parts]
        wide = f"{max(map(len, texts)) * LETTER + 0.3:.2f}"
        with where.subgraph(name=self.new("cluster")) as frame:
            frame.attr(label="", style="rounded" if len(parts) > 1 else "invis", color=LINE, margin="6")
            for index, (part, text) in enumerate(zip(parts, texts, strict=True)):
                name = self.new("step")
                frame.node(name, text, fillcolor=COLOURS[_family(part)], width=wide)
                if index:
                    frame.edge(above, name, arrowhead="none")
                else:
                    self.edge(name, above, shape)
                above = name
        return above, shape_of(parts[-1])

    def part(self, where: graphviz.Digraph, part: Part, above: str, shape: str) -> tuple[str, str]:
        """Branches, or a repeat of several steps."""
        if isinstance(part, Fork):
            return self.fork(where, part, above, shape)
        assert isinstance(part, Repeat)
        with where.subgraph(name=self.new("cluster")) as frame:
            frame.attr(
                label=f"x{part.times}", labeljust="r", style="rounded,dashed", color=LINE, fontcolor=QUIET, margin="10"
            )
            return self.series(frame, part.series, above, shape)

    def fork(self, where: graphviz.Digraph, fork: Fork, above: str, shape: str) -> tuple[str, str]:
        """Branches side by side, and their merge below."""
        ends = [self.series(where, branch, above, shape) for branch in fork.branches]
        name = self.new("step")
        where.node(name, _text(fork.merge), fillcolor=COLOURS["merge"])
        for end, given in ends:
            self.edge(name, end, given)
        return name, fork.merge.shape


def _text(part: Part) -> str:
    if isinstance(part, Repeat):
        return f"{_text(part.series[0])}   x{part.times}"
    assert isinstance(part, Step)
    return f"{part.text}   {part.activation}" if part.activation else part.text


def _family(part: Part) -> str:
    if isinstance(part, Repeat):
        return _family(part.series[0])
    assert isinstance(part, Step)
    return part.family
