"""Drawings to files, as they are laid out. Pixels are made of the SVG image, by resvg."""

import tempfile

from netlang.draw.markup import Live, svg
from netlang.draw.scene import Scene
from netlang.draw.theme import Theme
from netlang.files import Problem

ZOOM = 2.0  # pixels of a PNG per point of the drawing's 96 per inch
LETTERS = "Aileron"


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


def _pixels(image: bytes, zoom: float, ground: str) -> bytes:
    try:
        import resvg_py
    except ImportError:
        raise RenderError("PNG needs `pip install resvg-py`; SVG, PDF and TeX do not") from None
    with tempfile.NamedTemporaryFile(suffix=".ttf") as font:
        font.write(_letters())
        font.flush()
        pixels = resvg_py.svg_to_bytes(
            svg_string=image.decode(),
            background=ground,
            zoom=zoom,
            skip_system_fonts=True,
            font_files=[font.name],
            font_family=LETTERS,
            sans_serif_family=LETTERS,
            serif_family=LETTERS,
        )
    return bytes(pixels)


def _letters() -> bytes:
    """The font that Pillow carries: bare machines have none."""
    from PIL import ImageFont

    font = ImageFont.load_default(12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return bytes(font.font_bytes)
