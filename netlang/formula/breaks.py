r"""Long equations in lines of a page: how wide LaTeX is when typeset, and where it may go on in the next line.

Reads the LaTeX that `formula.latex` and `report.equations` write, not any LaTeX. Widths are points at 10 points' type,
reckoned a little large from the Computer Modern metrics; lines break at signs and commas, the outer ones first.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from netlang.record import dataclass

PAGE = 345.0  # points: \textwidth of `article` at 10 points, the narrowest of its sizes
SAFE = 0.97  # of the page, since widths are reckoned
INDENT = 20.0  # points of \qquad, at which a line goes on
LIMITS = ("\\sum", "\\max")  # what has its index below, not beside
SCRIPT = 0.8  # of an index: 7 points, but wider letters
WORDS = {
    "\\sum": 14.5, "\\max": 17.0, "\\min": 16.0, "\\exp": 15.5, "\\log": 13.0, "\\tanh": 22.0, "\\sigma": 6.0,
    "\\cdot": 7.5, "\\delta": 5.0, "\\eta": 5.5, "\\ge": 13.5, "\\le": 13.5, "\\,": 1.7, "\\;": 2.8,
    "\\ ": 3.4, "\\quad": 10.0,
}  # fmt: skip
NARROW, BROAD = set("ijlt.,:;|()[]{}'! "), set("mwMWNHL")
TOKEN = re.compile(r"\\(?:left|right)(?:\\.|.)|\\[A-Za-z]+|\\.|[^\\]", re.DOTALL)
SPACES = (" ", "\\;")
CASES, ENDED = r"\begin{cases}", r"\end{cases}"
ARGUED = (
    "\\frac",
    "\\sqrt",
    "\\bar",
    "\\overleftarrow",
    "\\mathrm",
    "\\text",
    "\\operatorname",
    "\\begin",
)  # what has arguments


@dataclass(frozen=True)
class Piece:
    r"""What stays together in a line. opens: 1 at \left, -1 at \right; gap: 0 if no line may begin here, 2 if badly"""

    text: str
    width: float
    opens: int = 0
    gap: int = 0


def aligned(equations: Sequence[str], width: float = PAGE) -> Iterator[str]:
    r"""Lines of an `align*` block, from equations `left &= right`, none wider than the page."""
    halves = [equation.partition(" &= ") for equation in equations]
    room = SAFE * width - max(measure(left) for left, _, _ in halves) - 14.0
    for left, _, right in halves:
        first, *rest = lines(right, room)
        yield f"{left} &= {first}"
        yield from (rf"&\qquad {line}" for line in rest)


def measure(text: str) -> float:
    """How wide a text of mathematics is, in points."""
    return sum(piece.width for piece in _pieces(text))


def lines(text: str, room: float) -> Iterator[str]:
    """A text in lines; what cannot be broken may be wider."""
    pieces, depth = _split(list(_pieces(text)), room), 0
    indent = 0.0
    while pieces:
        count = _fitting(pieces, room - indent)
        now, pieces = pieces[:count], pieces[count:]
        opened = "{} " if indent and now[0].text[0] in "+-" else ""
        start = r"\left. " * depth + opened
        depth += sum(piece.opens for piece in now)
        yield start + "".join(piece.text for piece in now).strip() + r" \right." * (depth if pieces else 0)
        if pieces and pieces[0].text.strip() == "\\,":
            pieces[0] = replace(pieces[0], text="\\cdot ", width=WORDS["\\cdot"])
        indent = INDENT


def _fitting(pieces: list[Piece], room: float) -> int:
    """How many pieces stand in the next line: to the outermost break in its later two thirds, else to any."""
    found: list[tuple[bool, int, int, int]] = []
    reached, depth = 0.0, 0
    for k, piece in enumerate(pieces):
        if k and piece.gap:
            found.append((reached < room / 3, depth, piece.gap, -k))
        depth += piece.opens
        reached += piece.width
        if reached > room and found:
            return -min(found)[3]
    return len(pieces)


def _split(pieces: list[Piece], room: float) -> list[Piece]:
    """Fractions and selections that are wider than a line, written in a row."""
    done: list[Piece] = []
    for piece in pieces:
        if piece.width > room - INDENT and (row := _in_a_row(piece.text)):
            done += _split(list(_pieces(row)), room)
        else:
            done.append(piece)
    return done


def _in_a_row(text: str) -> str:
    if text.startswith("\\frac"):
        top, bottom = _arguments(text, 5, 2)[0]
        return rf"\left({top}\right) / \left({bottom}\right)"
    if text.startswith("\\begin"):
        (then, condition), (otherwise, _) = _cases(text)
        condition = condition.strip().removeprefix(r"\text{if }")
        return rf"\operatorname{{where}}\left({condition.strip()}, {then.strip()}, {otherwise.strip()}\right)"
    return ""


def _pieces(text: str) -> Iterator[Piece]:
    """A text as what stays together, each with the index behind it."""
    at, free, comma = 0, False, False  # free: whether a sign here would stand between two things
    while at < len(text):
        token: str = next(TOKEN.finditer(text, at))[0]
        piece, end, limits = _piece(text, at, token)
        scripts = 0.0
        while end < len(text) and text[end] in "_^":
            (inner,), end = _arguments(text, end + 1, 1)
            scripts = max(scripts, SCRIPT * measure(inner))
        wide = max(piece.width, scripts) if limits else piece.width + scripts
        sign = token in ("+", "-", "\\cdot", "\\,")
        gap = (1 if token in "+-" else 2) if sign and free else int(comma and token not in SPACES)
        yield replace(piece, text=text[at:end], width=wide, gap=gap)
        if token not in SPACES:
            free, comma = not sign and piece.opens <= 0 and token not in (",", "=", "/", *LIMITS), token == ","
        at = end


def _piece(text: str, at: int, token: str) -> tuple[Piece, int, bool]:
    """What begins here without an index, where it ends, and whether its index stands below it."""
    end = at + len(token)
    if token.startswith(("\\left", "\\right")) and token not in WORDS:
        return Piece(token, 6.0, 1 if token.startswith("\\left") else -1), end, False
    if token == "\\begin":
        end = _closed(text, at, CASES, ENDED)
        columns = [max(map(measure, column)) for column in zip(*_cases(text[at:end]), strict=True)]
        return Piece("", sum(columns) + 24.0), end, False
    if token in ARGUED:
        inner, end = _arguments(text, end, 2 if token == "\\frac" else 1)
        if token in ("\\text", "\\mathrm", "\\operatorname"):
            return Piece("", sum(map(_letter, inner[0]))), end, inner[0] == "mean"
        wide = max(map(measure, inner)) + {"\\frac": 3.0, "\\sqrt": 9.0}.get(token, 0.0)
        return Piece("", wide), end, False
    if token == "{":
        (inner_text,), end = _arguments(text, at, 1)
        return Piece("", measure(inner_text)), end, False
    sides = 12.5 if token in "+-=<>" else WORDS.get(token, 0.0 if token == " " else _letter(token))
    return Piece("", sides), end, token in LIMITS


def _letter(letter: str) -> float:
    if letter in NARROW:
        return 4.0
    return 9.0 if letter in BROAD else 7.2 if letter.isupper() else 5.4


def _arguments(text: str, at: int, count: int) -> tuple[list[str], int]:
    """The next groups in braces, and where they end."""
    found = []
    for _ in range(count):
        start, at = at + 1, _closed(text, at, "{", "}")
        found.append(text[start : at - 1])
    return found, at


def _closed(text: str, at: int, opening: str, closing: str) -> int:
    """Where what is opened here is closed again."""
    depth = 0
    for found in TOKEN.finditer(text, at):
        depth += text.startswith(opening, found.start()) - text.startswith(closing, found.start())
        if not depth:
            return found.start() + len(closing)
    raise AssertionError(text)


def _cases(text: str) -> list[list[str]]:
    r"""The cells of the rows of a `cases`; those of one inside it are left together."""
    inner = text.removeprefix(CASES).removesuffix(ENDED)
    rows, depth = [[""]], 0
    for token in TOKEN.findall(inner):
        depth += (token == "\\begin") - (token == "\\end")
        if token == "\\\\" and not depth:
            rows.append([""])
        elif token == "&" and not depth:
            rows[-1].append("")
        else:
            rows[-1][-1] += token
    return rows
