"""Pictures of nets: `tree` reads, `fold` finds repeats, `flow` and `page` lay out; `markup`, `pdf`, `tikz` write."""

from dataclasses import dataclass

from netlang.graph import Net

STYLES = ("boxes", "volumes")


@dataclass(frozen=True)
class Look:
    """How a net is drawn.

    style: "boxes", or "volumes": feature maps to scale; theme: "light" or "dark"
    depth: how many blocks deep blocks are opened; blocks: whether the others are drawn once beside the net
    unroll: how many steps of a recurrent layer are drawn; 0 draws its loop
    legend: whether the colours are explained
    """

    style: str = "boxes"
    theme: str = "light"
    depth: int = 0
    blocks: bool = True
    unroll: int = 0
    legend: bool = False


def drawn(net: Net, kind: str, look: Look) -> bytes:
    """The net as "svg", "png", "pdf" or "tex". Raises RenderError where a machine cannot make one."""
    from netlang.draw import page
    from netlang.draw.boxes import Boxes
    from netlang.draw.flow import Style
    from netlang.draw.render import painted
    from netlang.draw.theme import THEMES
    from netlang.draw.tree import picture
    from netlang.draw.volumes import Volumes, gathered

    found = picture(net, look.depth, look.blocks)
    style: Style = Boxes(look.unroll)
    if look.style == "volumes":
        found = gathered(found)
        style = Volumes.of(found)
    return painted(page.scene(found, style, legend=look.legend), kind, THEMES[look.theme], found.title)


def svg(net: Net, depth: int = 0, style: str = "boxes", theme: str = "light") -> str:
    """The net as an SVG image. depth: how many blocks deep blocks are opened."""
    return drawn(net, "svg", Look(style=style, theme=theme, depth=depth)).decode()
