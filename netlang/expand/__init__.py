"""A net as `.net` text in which nothing goes without saying: no defaults, blocks, repeats or constants are left.

The text is read off the graph, so that checking it gives the same graph again, up to names: each layer with its
padding, bias and activation, a projection past a residual's branches as a branch of its own (RULINGS 60).
    steps.py   the nodes of the graph as steps: a layer with its norm and activation
    series.py  the steps as lines, with branches in brackets where they belong together
    text.py    steps and lines as text
"""

from netlang.expand.text import Text
from netlang.graph import Net
from netlang.source import Source
from netlang.syntax.format import formatted


def expanded(net: Net, every: bool = False) -> str:
    """The text of a checked net. every: also settings that have their defaults.

    Raises NetError where text cannot say what the graph holds: weights of a block from a file of another layout.
    """
    return formatted(Source(f"{net.name}.net", Text(net, every).written()))


__all__ = ["Text", "expanded"]
