"""Pictures of nets: `tree` reads, `fold` finds repeats, `flow` and `page` lay out; `markup`, `pdf`, `tikz` write."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netlang.graph import Net
from netlang.record import dataclass

if TYPE_CHECKING:
    from netlang.draw.markup import View
    from netlang.draw.parts import Picture
    from netlang.draw.placed import Style
    from netlang.draw.scene import Scene

STYLES = ("boxes", "volumes")


@dataclass(frozen=True)
class Look:
    """How a net is drawn.

    style: "boxes", or "volumes": feature maps to scale
    theme: "light", "dark", or "auto": an SVG image has the one that the reader's browser prefers, others the light one
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
    from netlang.draw.hover import Texts
    from netlang.draw.markup import Live
    from netlang.draw.render import painted
    from netlang.draw.theme import THEMES

    scene, views = _scene(net, look)
    live = None
    if kind == "svg" and look.live:
        script = look.live == "script"
        live = Live(Texts(net).of, tuple(views) if script else (), script)
    title = net.name + (f":{net.variant}" if net.variant else "")
    return painted(scene, kind, THEMES[look.theme], title, live)


def svg(net: Net, depth: int = 0, style: str = "boxes", theme: str = "light", live: str = "") -> str:
    """The net as an SVG image. depth: how many blocks deep blocks are opened; live: as in `Look`."""
    return drawn(net, "svg", Look(style=style, theme=theme, depth=depth, live=live)).decode()


def _scene(net: Net, look: Look) -> "tuple[Scene, Iterator[View]]":
    """A drawing, and what it becomes when its blocks are opened."""
    from netlang.draw import backward, cell, page
    from netlang.draw.boxes import Boxes
    from netlang.draw.fold import told_apart
    from netlang.draw.tree import picture
    from netlang.draw.volumes import Volumes, gathered, sized

    if look.cell:
        return cell.scene(net, look.cell), iter(())
    found = picture(net, look.depth, look.blocks)
    if look.backward:
        return backward.scene(net, found), iter(())
    if look.style == "volumes":
        found = told_apart(found, sized)
        volumes = Volumes.of(found)
        return page.scene(gathered(found), volumes, legend=look.legend), _views(net, found, volumes, look, gathered)
    boxes = Boxes(look.unroll)
    return page.scene(found, boxes, legend=look.legend), _views(net, found, boxes, look)


def _views(
    net: Net, found: "Picture", style: "Style", look: Look, told: "Callable[[Picture], Picture]" = lambda same: same
) -> "Iterator[View]":
    """The drawing with each block opened, in as many pieces as before, so that what is above stays where it is."""
    from netlang.draw import page
    from netlang.draw.markup import View
    from netlang.draw.unfold import unfolded

    count = page.parted(told(found), style)
    for each in unfolded(net, found):
        scene = page.scene(told(each.picture), style, legend=look.legend, count=count)
        yield View(each.path, each.above, scene)
