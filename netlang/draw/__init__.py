"""Pictures of nets: `picture` reads the graph, `dot` and `text` write it down, `render` makes images."""

from netlang.graph import Net


def svg(net: Net) -> str:
    """The net as an SVG image."""
    from netlang.draw.dot import dot
    from netlang.draw.render import render
    from netlang.draw.tree import picture

    return render(dot(picture(net)), "svg").decode()
