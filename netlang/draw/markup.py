"""A drawing as SVG, complete in itself: without scripts a picture, with them boxes that explain themselves and open."""

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from netlang.draw.parts import Step
from netlang.draw.scene import Box, Face, Group, Item, Line, Point, Scene, Words
from netlang.draw.theme import Theme
from netlang.record import dataclass

FONT = "Helvetica, Arial, sans-serif"
SCRIPT = Path(__file__).with_name("hover.js").read_text(encoding="utf8")
ROUND = 8.0  # the radius of the corners of lines
Block = tuple[str, ...]
HEAD, WING = 6.5, 2.6  # how long an arrow's head is, and half as wide


@dataclass(frozen=True)
class View:
    """The drawing with a block opened. path: of the block; above: of the one around it that stays when it closes"""

    path: Block
    above: Block
    scene: Scene


@dataclass(frozen=True)
class Live:
    """What an image does beside being looked at.

    say: what a step says when it is pointed at; views: what the drawing becomes when blocks are opened by a click
    script: whether there is one; without it, browsers show the texts in a way of their own, and nothing opens
    """

    say: Callable[[Step], str]
    views: tuple[View, ...] = ()
    script: bool = True


def svg(scene: Scene, theme: Theme, title: str, live: Live | None = None) -> str:
    """The text of the image."""
    width, height = _n(scene.width), _n(scene.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{FONT}">'
    )
    writer = _Writer(theme, live)
    ground = f'<rect width="100%" height="100%" fill="{writer.colour("ground")}"/>'
    scripted = live is not None and live.script
    body = "\n".join([ground, *(writer.scripted(scene) if scripted else writer.all(scene.items))])
    return "\n".join([head, f"<title>{_text(title)}</title>", *writer.styles(), body, "</svg>", ""])


class _Writer:
    """Shapes to elements."""

    def __init__(self, theme: Theme, live: Live | None) -> None:
        self.theme, self.live = theme, live
        self.views = {view.path: number for number, view in enumerate(live.views, 1)} if live else {}
        self.above = {view.path: self.views.get(view.above, 0) for view in live.views} if live else {}
        self.texts: dict[str, int] = {}  # what steps say; in views that are hidden at first each once
        self.hidden = False
        self.dark: dict[str, str] = {}  # colours for readers who prefer a dark ground

    def all(self, items: tuple[Item, ...]) -> Iterator[str]:
        """Each shape in a line of its own."""
        for item in items:
            match item:
                case Box():
                    yield self.box(item)
                case Face():
                    yield self.face(item)
                case Words():
                    yield self.words(item)
                case Line():
                    yield from self.line(item)
                case Group():
                    yield from self.group(item)

    def group(self, group: Group) -> Iterator[str]:
        """A step, with what it says and opens."""
        if self.live is None:
            yield from self.all(group.items)
            return
        path = group.step.block if group.step else None
        opens = f' data-opens="{self.views[path]}"' if path in self.views else ""
        closes = f' data-closes="{self.above[path]}"' if opens and path and group.opened else ""
        text = self.live.say(group.step) if group.step else group.said
        known = text in self.texts
        says = f' data-says="{self.texts.setdefault(text, len(self.texts))}"' if self.live.script else ""
        yield f'<g class="step"{says}{opens}{closes}>'
        if text and not (known and self.hidden):
            yield f"<title>{_text(text)}</title>"
        yield from self.all(group.items)
        yield "</g>"

    def scripted(self, scene: Scene) -> Iterator[str]:
        """What a script shows: the drawing, the same with each block opened, and a place for texts."""
        assert self.live is not None
        yield f'<g data-view="0" data-size="{_n(scene.width)} {_n(scene.height)}">'
        yield from self.all(scene.items)
        yield "</g>"
        self.hidden = True
        for view in self.live.views:
            size = f"{_n(view.scene.width)} {_n(view.scene.height)}"
            above = self.above[view.path]
            yield f'<g data-view="{self.views[view.path]}" data-above="{above}" data-size="{size}" display="none">'
            yield from self.all(view.scene.items)
            yield "</g>"
        panel = self.paint("panel", "frame")
        yield f'<g class="tip" display="none" pointer-events="none"><rect rx="5" {panel}/>'
        yield f'<text font-family="monospace" font-size="11" fill="{self.colour("ink")}" xml:space="preserve"/></g>'
        yield f"<script><![CDATA[\n{SCRIPT}]]></script>"

    def styles(self) -> Iterator[str]:
        """The other colours, of a theme that has some; programs that do not know of them show the first."""
        if self.dark:
            rules = "".join(
                f'[fill="{one}"]{{fill:{other}}}[stroke="{one}"]{{stroke:{other}}}' for one, other in self.dark.items()
            )
            yield f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"

    def colour(self, role: str, shade: float = 0.0) -> str:
        """The colour of a role, a share darker."""
        colour = shaded(self.theme[role], shade)
        if self.theme.dark:
            self.dark[colour] = shaded(self.theme.dark[role], shade)
        return colour

    def box(self, box: Box) -> str:
        """A rectangle with round corners."""
        r = box.rect
        return (
            f'<rect x="{_n(r.x)}" y="{_n(r.y)}" width="{_n(r.width)}" height="{_n(r.height)}" rx="{_n(box.radius)}" '
            f"{self.paint(box.fill, box.line, box.dashed)}/>"
        )

    def paint(self, fill: str, line: str, dashed: bool = False, width: float = 1.1) -> str:
        """Attributes of the inside and the outline."""
        stroke = f' stroke="{self.colour(line)}" stroke-width="{_n(width)}"' if line else ""
        dashes = ' stroke-dasharray="5 3"' if dashed else ""
        return f'fill="{self.colour(fill) if fill else "none"}"{stroke}{dashes}'

    def face(self, face: Face) -> str:
        """A polygon, darker the more it is turned away."""
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in face.points)
        fill, stroke = self.colour(face.fill, face.shade), self.colour(face.line)
        return (
            f'<polygon points="{points}" fill="{fill}" stroke="{stroke}" stroke-width="0.7" stroke-linejoin="round"/>'
        )

    def words(self, words: Words) -> str:
        """A line of text, as long as was reckoned whatever the font."""
        anchor = "" if words.anchor == "start" else f' text-anchor="{words.anchor}"'
        return (
            f'<text x="{_n(words.x)}" y="{_n(words.y + 0.35 * words.size)}"{anchor} font-size="{_n(words.size)}" '
            f'fill="{self.colour(words.role)}" xml:space="preserve" '
            f'textLength="{_n(words.width)}" lengthAdjust="spacingAndGlyphs">'
            f"{escape(words.text)}</text>"
        )

    def line(self, line: Line) -> Iterator[str]:
        """A path, and its heads."""
        points, heads = drawn(line)
        yield f'<path d="{path(points)}" {self.paint("", line.role, line.dashed)}/>'
        for head in heads:
            yield f'<polygon points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in head)}" fill="{self.colour(line.role)}"/>'


def drawn(line: Line) -> tuple[tuple[Point, ...], tuple[tuple[Point, Point, Point], ...]]:
    """The points of a line up to its heads, and the corners of those."""
    points = [p for k, p in enumerate(line.points) if k == 0 or p != line.points[k - 1]]
    heads = []
    for wanted, order in ((line.heads[0], -1), (line.heads[1], 1)):
        if wanted and len(points) > 1:
            tip, before = (points[-1], points[-2]) if order < 0 else (points[0], points[1])
            back, corners = _head(tip, before)
            heads.append(corners)
            points[-1 if order < 0 else 0] = back
    return tuple(points), tuple(heads)


def _head(tip: Point, before: Point) -> tuple[Point, tuple[Point, Point, Point]]:
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    long = (dx * dx + dy * dy) ** 0.5
    dx, dy = dx / long, dy / long
    x, y = tip[0] - HEAD * dx, tip[1] - HEAD * dy
    return (x, y), (tip, (x - WING * dy, y + WING * dx), (x + WING * dy, y - WING * dx))


def path(points: tuple[Point, ...]) -> str:
    """Lines with round corners."""
    text = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for start, corner, end in rounded(points):
        text += f"L{_n(start[0])} {_n(start[1])}Q{_n(corner[0])} {_n(corner[1])} {_n(end[0])} {_n(end[1])}"
    return f"{text}L{_n(points[-1][0])} {_n(points[-1][1])}"


def rounded(points: tuple[Point, ...]) -> Iterator[tuple[Point, Point, Point]]:
    """The corners between points: where the curve begins, where the corner is, and where the curve ends."""
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(ROUND, _far(before, corner) / 2, _far(corner, after) / 2)
        yield _toward(corner, before, radius), corner, _toward(corner, after, radius)


def _far(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _toward(start: Point, end: Point, by: float) -> Point:
    share = by / max(_far(start, end), 1e-9)
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def shaded(colour: str, by: float) -> str:
    """A colour, darker by a share."""
    parts = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return "#" + "".join(f"{round(part * (1 - by)):02x}" for part in parts)


def _text(text: str) -> str:
    """A text of XML 1.0, in which some characters cannot stand, however they are written."""
    return escape("".join(letter if _known(ord(letter)) else "?" for letter in text))


def _known(code: int) -> bool:
    return code in (9, 10) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def _n(value: float) -> str:
    """A number in as few letters as a tenth of a point takes."""
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )
