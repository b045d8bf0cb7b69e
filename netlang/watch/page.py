"""What there is to show of a file, as HTML. The page loads nothing: its style, scripts and drawing stand in it."""

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from pathlib import Path

from netlang.diagnostics import Diagnostic, count, render
from netlang.draw.markup import SCRIPT as HOVER
from netlang.report import Summary
from netlang.report.table import TEXTS, Cells, cells, totals
from netlang.types import shown
from netlang.watch.follow import View

STYLE, SCRIPT = (Path(__file__).with_name(f"page.{kind}").read_text(encoding="utf8") for kind in ("css", "js"))
BROAD = 600.0  # points of a drawing that has a table beside it at most
DRAWINGS = f"\n{HOVER}"  # what stands between the marks of CDATA in a drawing


def policy(live: bool) -> str:
    """What the browser may do on the page: nothing but what stands in it, so that no text of a file runs or loads.

    live: whether the page follows its file, for which it needs its script and a place to ask
    """
    known = " ".join(map(_hash, (SCRIPT, DRAWINGS) if live else (DRAWINGS,)))
    asks = "; connect-src 'self'" if live else ""
    rules = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"{rules}; script-src {known}{asks}"


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def page(view: View, live: bool) -> str:
    """The whole page. live: whether it follows the file; else it is a file of its own."""
    content = inside(view)
    script = f'<p class="lost">netlang watch has ended</p>\n<script>{SCRIPT}</script>\n' if live else ""
    rules = "" if live else f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(live))}">\n'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{rules}"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(view.name)} - netlang</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<main data-tag="{escape(tag(content))}">\n{content}\n</main>\n{script}</body>\n</html>\n'
    )


@lru_cache(maxsize=1)  # it is asked for twice a second, of the same view
def inside(view: View) -> str:
    """What changes when the file does: the messages, on top, the drawing and the table."""
    return "\n".join(_parts(view))


def tag(content: str) -> str:
    """What HTTP knows a content by: another one has another tag."""
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:20]}"'


def _parts(view: View) -> Iterator[str]:
    yield f'<div class="{"stale" if view.stale else "fresh"}">'
    yield f"<h1>{escape(view.name)}{_figures(view.figures) if view.figures else ''}</h1>"
    yield from map(_message, view.messages)
    if view.problem:
        yield f'<pre class="error" role="alert"><b>error</b>: {escape(view.problem)}</pre>'
    if view.stale:
        yield "<p>The drawing and the table are those of the last version without errors.</p>"
    if view.drawing:
        yield '<p><input type="checkbox" id="full"> <label for="full">full size</label></p>'
    yield f'<div class="sheets{" below" if _wide(view.drawing) else ""}">'
    if view.drawing:
        yield f'<div class="sheet drawing">{_embedded(view.drawing)}</div>'
    if view.figures:
        yield f'<div class="sheet">{_table(view.figures)}</div>'
    yield "</div></div>"


def _figures(found: Summary) -> str:
    ends = (
        ", ".join(shown(("n", *end.shape)) for end in part if not end.side) for part in (found.inputs, found.outputs)
    )
    text = f"{' -> '.join(ends)}, {count(found.parameters, 'parameter')}, {count(found.macs, 'MAC')}"
    return f"<small>{escape(text)}</small>"


def _message(problem: Diagnostic) -> str:
    head, colon, rest = escape(render(problem)).partition(":")
    role = "alert" if problem.severity == "error" else "status"
    return f'<pre class="{escape(problem.severity)}" role="{role}"><b>{head}</b>{colon}{rest}</pre>'


def _embedded(svg: str) -> str:
    """An SVG image without what stands before its root element in a file of its own."""
    return re.sub(r"^.*?(?=<svg\b)", "", svg, count=1, flags=re.DOTALL).strip()


def _wide(svg: str) -> bool:
    """Whether a drawing lies across, or leaves no room beside it, so that the table has its place below it."""
    size = re.search(r'<svg[^>]* width="([\d.]+)[^>]* height="([\d.]+)', svg)
    return size is not None and float(size[1]) > min(1.5 * float(size[2]), BROAD)


def _table(found: Summary) -> str:
    grid = cells(found)
    parts = "".join(f"<tbody>{''.join(_row(row, grid.heads, 'td') for row in part)}</tbody>" for part in grid.parts)
    below = "\n".join(map(escape, totals(found)))
    return f'<table><thead>{_row(grid.heads, grid.heads, "th")}</thead>{parts}</table><div class="totals">{below}</div>'


def _row(row: Cells, heads: Cells, element: str) -> str:
    text = ' class="text"'
    filled = (
        f"<{element}{text if head in TEXTS else ''}>{escape(cell)}</{element}>"
        for cell, head in zip(row, heads, strict=True)
    )
    return f"<tr>{''.join(filled)}</tr>"
