"""Pictures of nets: `tree` reads, `fold` finds repeats, `flow` and `page` lay out; `markup`, `pdf`, `tikz` write."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlang.graph import Net

if TYPE_CHECKING:
    from netlang.draw.scene import Scene

STYLES = ("boxes", "volumes")


@dataclass(frozen=True)
class Look:
    """How a net is drawn.

    style: "boxes", or "volumes": feature maps to scale; theme: "light" or "dark"
    depth: how many blocks deep blocks are opened; blocks: whether the others are drawn once beside the net
    unroll: how many steps of a recurrent layer are drawn; 0 draws its loop
    legend: whether the colours are explained
    cell: the word or the line of a recurrent layer whose inside is drawn; backward: whether gradients stand beside
    """

    style: str = "boxes"
    theme: str = "light"
    depth: int = 0
    blocks: bool = True
    unroll: int = 0
    legend: bool = False
    cell: str = ""
    backward: bool = False


def drawn(net: Net, kind: str, look: Look) -> bytes:
    """The net as "svg", "png", "pdf" or "tex". Raises Problem for what this net, or this machine, cannot show."""
    from netlang.draw.render import painted
    from netlang.draw.theme import THEMES

    title = net.name + (f":{net.variant}" if net.variant else "")
    return painted(_scene(net, look), kind, THEMES[look.theme], title)


def _scene(net: Net, look: Look) -> "Scene":
    from netlang.draw import backward, cell, page
    from netlang.draw.boxes import Boxes
    from netlang.draw.tree import picture
    from netlang.draw.volumes import Volumes, gathered

    if look.cell:
        return cell.scene(net, look.cell)
    found = picture(net, look.depth, look.blocks)
    if look.backward:
        return backward.scene(net, found)
    if look.style == "volumes":
        found = gathered(found)
        return page.scene(found, Volumes.of(found), legend=look.legend)
    return page.scene(found, Boxes(look.unroll), legend=look.legend)


def svg(net: Net, depth: int = 0, style: str = "boxes", theme: str = "light") -> str:
    """The net as an SVG image. depth: how many blocks deep blocks are opened."""
    return drawn(net, "svg", Look(style=style, theme=theme, depth=depth)).decode()
