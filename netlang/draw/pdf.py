"""A drawing as a PDF of one page: lines and letters, in Helvetica, which every reader of PDF has."""

import zlib
from collections.abc import Iterator

from netlang.draw.letters import in_helvetica
from netlang.draw.markup import drawn, rounded, shaded
from netlang.draw.scene import Box, Face, Item, Line, Point, Rect, Scene, Words, flat
from netlang.draw.theme import Theme

ARC = 0.5523  # how far the handles of a Bézier quarter of a circle lie from its ends, in radii
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def pdf(scene: Scene, theme: Theme) -> bytes:
    """The bytes of the file."""
    body = "\n".join(_page(scene, theme)).encode("ascii")
    packed = zlib.compress(body)
    box = f"[0 0 {_n(scene.width)} {_n(scene.height)}]".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox " + box + b" /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(packed), packed),
        FONT,
    ]
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    """Objects, numbered from 1, and the table of where each stands."""
    text = b"%PDF-1.4\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(text))
        text += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return text + head + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(text))


def _page(scene: Scene, theme: Theme) -> Iterator[str]:
    """Operators that paint: y goes up in PDF, so that the page is turned over first."""
    yield f"1 0 0 -1 0 {_n(scene.height)} cm 1 j"
    yield f"{_colour(theme['ground'])} rg 0 0 {_n(scene.width)} {_n(scene.height)} re f"
    for item in flat(scene.items):
        yield from _painted(item, theme)


def _painted(item: Item, theme: Theme) -> Iterator[str]:
    match item:
        case Box():
            yield from _ink(item.fill and theme[item.fill], item.line and theme[item.line], item.dashed)
            yield f"{_box(item.rect, item.radius)} {_how(item.fill, item.line)}"
        case Face():
            yield from _ink(shaded(theme[item.fill], item.shade), theme[item.line])
            yield f"{_polygon(item.points)} {_how(item.fill, item.line)}"
        case Line():
            points, heads = drawn(item)
            yield from _ink(theme[item.role], theme[item.role], item.dashed)
            yield f"{_line(points)} S"
            for head in heads:
                yield f"{_polygon(head)} f"
        case Words():
            yield from _words(item, theme)


def _ink(fill: str, line: str, dashed: bool = False) -> Iterator[str]:
    if fill:
        yield f"{_colour(fill)} rg"
    if line:
        yield f"{_colour(line)} RG 1.1 w {'[5 3]' if dashed else '[]'} 0 d"


def _how(fill: str, line: str) -> str:
    return "B" if fill and line else "f" if fill else "S" if line else "n"


def _words(words: Words, theme: Theme) -> Iterator[str]:
    text = words.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    left = {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor]
    x, y = words.x - left * in_helvetica(words.text, words.size), words.y + 0.35 * words.size
    yield f"{_colour(theme[words.role])} rg BT /F {_n(words.size)} Tf 1 0 0 -1 {_n(x)} {_n(y)} Tm ({text}) Tj ET"


def _box(r: Rect, radius: float) -> str:
    radius = min(radius, r.width / 2, r.height / 2)
    k = radius * (1 - ARC)
    x, y, right, bottom = r.x, r.y, r.right, r.bottom
    return " ".join((
        f"{_p((x + radius, y))} m {_p((right - radius, y))} l",
        f"{_p((right - k, y))} {_p((right, y + k))} {_p((right, y + radius))} c {_p((right, bottom - radius))} l",
        f"{_p((right, bottom - k))} {_p((right - k, bottom))} {_p((right - radius, bottom))} c",
        f"{_p((x + radius, bottom))} l",
        f"{_p((x + k, bottom))} {_p((x, bottom - k))} {_p((x, bottom - radius))} c {_p((x, y + radius))} l",
        f"{_p((x, y + k))} {_p((x + k, y))} {_p((x + radius, y))} c h",
    ))  # fmt: skip


def _polygon(points: tuple[Point, ...]) -> str:
    first, *rest = points
    return f"{_p(first)} m {' '.join(f'{_p(p)} l' for p in rest)} h"


def _line(points: tuple[Point, ...]) -> str:
    """Lines with round corners: a quadratic curve, as PDF has it, a cubic one."""
    text = f"{_p(points[0])} m"
    for start, corner, end in rounded(points):
        one, other = (((p[0] + 2 * corner[0]) / 3, (p[1] + 2 * corner[1]) / 3) for p in (start, end))
        text += f" {_p(start)} l {_p(one)} {_p(other)} {_p(end)} c"
    return f"{text} {_p(points[-1])} l"


def _colour(colour: str) -> str:
    return " ".join(f"{int(colour[k : k + 2], 16) / 255:.3f}" for k in (1, 3, 5))


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(value: float) -> str:
    return f"{value:.2f}"
