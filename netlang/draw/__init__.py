"""Pictures of nets: `tree` reads, `fold` finds repeats, `flow` and `page` lay out; `markup`, `pdf`, `tikz` write."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlang.graph import Net

if TYPE_CHECKING:
    from netlang.draw.markup import Live
    from netlang.draw.placed import Style
    from netlang.draw.scene import Scene

STYLES = ("boxes", "volumes")


@dataclass(frozen=True)
class Look:
    """How a net is drawn.

    style: "boxes", or "volumes": feature maps to scale; theme: "light" or "dark"
    depth: how many blocks deep blocks are opened; blocks: whether the others are drawn once beside the net
    unroll: how many steps of a recurrent layer are drawn; 0 draws its loop
    legend: whether the colours are explained
    live: of an SVG image: "titles" has each box say its line and arithmetic, "script" opens blocks on a click too
    cell: the word or the line of a recurrent layer whose inside is drawn; backward: whether gradients stand beside
    """

    style: str = "boxes"
    theme: str = "light"
    depth: int = 0
    blocks: bool = True
    unroll: int = 0
    legend: bool = False
    live: str = ""
    cell: str = ""
    backward: bool = False


def drawn(net: Net, kind: str, look: Look) -> bytes:
    """The net as "svg", "png", "pdf" or "tex". Raises Problem for what this net, or this machine, cannot show."""
    from netlang.draw.render import painted
    from netlang.draw.theme import THEMES

    scene, style = _scene(net, look)
    live = _live(net, scene, style, script=look.live == "script") if kind == "svg" and look.live else None
    title = net.name + (f":{net.variant}" if net.variant else "")
    return painted(scene, kind, THEMES[look.theme], title, live)


def svg(net: Net, depth: int = 0, style: str = "boxes", theme: str = "light", live: str = "") -> str:
    """The net as an SVG image. depth: how many blocks deep blocks are opened; live: as in `Look`."""
    return drawn(net, "svg", Look(style=style, theme=theme, depth=depth, live=live)).decode()


def _scene(net: Net, look: Look) -> "tuple[Scene, Style]":
    from netlang.draw import backward, cell, page
    from netlang.draw.boxes import Boxes
    from netlang.draw.tree import picture
    from netlang.draw.volumes import Volumes, gathered

    boxes = Boxes(look.unroll)
    if look.cell:
        return cell.scene(net, look.cell), boxes
    found = picture(net, look.depth, look.blocks)
    if look.backward:
        return backward.scene(net, found), boxes
    if look.style == "volumes":
        found = gathered(found)
        volumes = Volumes.of(found)
        return page.scene(found, volumes, legend=look.legend), volumes
    return page.scene(found, boxes, legend=look.legend), boxes


def _live(net: Net, scene: "Scene", style: "Style", *, script: bool) -> "Live":
    """What the steps of a drawing say, and what its blocks open."""
    from netlang.draw.hover import Texts
    from netlang.draw.markup import Live
    from netlang.draw.page import keyed
    from netlang.draw.scene import Group
    from netlang.draw.tree import insides

    texts = Texts(net)
    shown = [item.step for item in scene.items if isinstance(item, Group) and item.step]
    keys = insides(net, shown) if script else ()
    return Live(texts.of, {key.step.block or (): keyed(key, style) for key in keys}, script)
