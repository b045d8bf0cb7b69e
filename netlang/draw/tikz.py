"""A drawing as TikZ: a document of one picture, to be set or to be cut out of."""

from collections.abc import Iterator

from netlang.draw.letters import ascii_only
from netlang.draw.markup import drawn, rounded, shaded
from netlang.draw.scene import Box, Face, Item, Line, Point, Scene, Words, flat
from netlang.draw.theme import Theme
from netlang.formula.latex import plain


def tikz(scene: Scene, theme: Theme, title: str) -> str:
    """The text of the document: y goes down, a unit is a point of PostScript."""
    body = list(_commands(scene, theme))
    colours = sorted({colour for line in body for colour in _colours(line)})
    names = [rf"\definecolor{{{colour}}}{{HTML}}{{{colour[2:]}}}" for colour in colours]
    return "\n".join((
        f"% {ascii_only(title)}",
        r"\documentclass{article}",
        rf"\usepackage[paperwidth={_n(scene.width)}bp,paperheight={_n(scene.height)}bp,margin=0pt]{{geometry}}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{helvet}",
        r"\usepackage{tikz}",
        r"\pagestyle{empty}\parindent=0pt\topskip=0pt\parskip=0pt\hfuzz=2pt\vfuzz=2pt",
        *names,
        r"\begin{document}",
        r"\begin{tikzpicture}[x=1bp, y=-1bp, line width=1.1bp, line join=round, inner sep=0pt, outer sep=0pt,",
        r"  every node/.style={font=\sffamily}]",
        rf"\useasboundingbox (0,0) rectangle {_p((scene.width, scene.height))};",
        *body,
        r"\end{tikzpicture}",
        r"\end{document}",
        "",
    ))  # fmt: skip


def _commands(scene: Scene, theme: Theme) -> Iterator[str]:
    yield rf"\fill[{_c(theme['ground'])}] (0,0) rectangle {_p((scene.width, scene.height))};"
    for item in flat(scene.items):
        yield from _command(item, theme)


def _command(item: Item, theme: Theme) -> Iterator[str]:
    match item:
        case Box():
            r = item.rect
            style = _style(item.fill and theme[item.fill], item.line and theme[item.line], item.dashed)
            radius = min(item.radius, r.width / 2, r.height / 2)
            corners = f"{_p((r.x, r.y))} rectangle {_p((r.right, r.bottom))}"
            yield rf"\path[{style}, rounded corners={_n(radius)}bp] {corners};"
        case Face():
            style = _style(shaded(theme[item.fill], item.shade), theme[item.line])
            yield rf"\path[{style}] {' -- '.join(map(_p, item.points))} -- cycle;"
        case Line():
            points, heads = drawn(item)
            yield rf"\path[{_style('', theme[item.role], item.dashed)}] {_path(points)};"
            for head in heads:
                yield rf"\fill[{_c(theme[item.role])}] {' -- '.join(map(_p, head))} -- cycle;"
        case Words():
            yield _words(item, theme)


def _style(fill: str, line: str, dashed: bool = False) -> str:
    parts = ([f"fill={_c(fill)}"] if fill else []) + ([f"draw={_c(line)}"] if line else [])
    return ", ".join(parts + (["dash pattern=on 5bp off 3bp"] if dashed else []))


def _words(words: Words, theme: Theme) -> str:
    anchor = {"start": "base west", "middle": "base", "end": "base east"}[words.anchor]
    size = rf"\fontsize{{{_n(words.size)}bp}}{{{_n(1.2 * words.size)}bp}}\selectfont "
    text = plain(words.text).replace('"', r"\textquotedbl{}")
    while "  " in text:
        text = text.replace("  ", "~ ")
    at = _p((words.x, words.y + 0.35 * words.size))
    return rf"\node[anchor={anchor}, text={_c(theme[words.role])}] at {at} {{{size}{text}}};"


def _path(points: tuple[Point, ...]) -> str:
    """Lines with round corners."""
    text = _p(points[0])
    for start, corner, end in rounded(points):
        one, other = (((p[0] + 2 * corner[0]) / 3, (p[1] + 2 * corner[1]) / 3) for p in (start, end))
        text += f" -- {_p(start)} .. controls {_p(one)} and {_p(other)} .. {_p(end)}"
    return f"{text} -- {_p(points[-1])}"


def _colours(command: str) -> Iterator[str]:
    """The names of colours in a command: "nl" and six digits."""
    for part in command.replace("=", ",").replace("[", ",").replace("]", ",").split(","):
        name = part.strip()
        if name.startswith("nl") and len(name) == 8:
            yield name


def _c(colour: str) -> str:
    return f"nl{colour[1:].upper()}"


def _p(point: Point) -> str:
    return f"({_n(point[0])},{_n(point[1])})"


def _n(value: float) -> str:
    return f"{value:.2f}"
