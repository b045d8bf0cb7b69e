"""Pictures of nets: `tree` reads the graph, `fold` finds repeats, `dot` and `text` write it down, `render` paints."""

from netlang.graph import Net


def svg(net: Net, depth: int = 0) -> str:
    """The net as an SVG image. depth: how many blocks deep blocks are opened."""
    from netlang.draw.dot import dot
    from netlang.draw.render import render
    from netlang.draw.tree import picture

    return render(dot(picture(net, depth)), "svg").decode()
