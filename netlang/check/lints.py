"""What is allowed but rarely meant (RULINGS 46, 58)."""

from netlang.check.problems import Problems
from netlang.graph import Graph, Node
from netlang.layer import Layer
from netlang.types import shown

AXES = ("row", "column")


def unused(graph: Graph, problems: Problems) -> None:
    """Note windows that leave rows or columns at the end of an image unread.

    Windows further apart than they are wide leave pixels out by intent, as in a strided 1x1 projection.
    """
    for node in graph.made_by(Layer):
        kernel = getattr(node.made_by, "kernel", None)
        if kernel is None or not node.made_by.slides or len(node.type.shape) != 4:
            continue
        left = [_unread(graph, node, kernel, axis) for axis in (0, 1)]
        if any(left):
            what = " and ".join(f"{n} {AXES[axis]}{'s' * (n > 1)}" for axis, n in enumerate(left) if n)
            problems.note(
                "unused",
                f"`{node.made_by}` never reads the last {what} of {shown(graph[node.inputs[0]].type.shape)}",
                node.span,
                help="a smaller stride, `pad=` or no `valid` would cover them",
            )


def _unread(graph: Graph, node: Node, kernel: tuple[int, int], axis: int) -> int:
    """Real rows (axis 0) or columns behind the last window; padding before the first one shifts it."""
    layer = node.made_by
    pad = getattr(layer, "pad", 0)
    if isinstance(pad, str) and pad != "valid":
        return 0
    before = pad[axis] if isinstance(pad, tuple) else 0
    stride = (getattr(layer, "stride", None) or kernel)[axis]
    reach = (kernel[axis] - 1) * getattr(layer, "dilation", (1, 1))[axis] + 1
    size, windows = graph[node.inputs[0]].type.shape[1 + axis], node.type.shape[1 + axis]
    if not (isinstance(size, int) and isinstance(windows, int)):
        return 0
    left = size - ((windows - 1) * stride - before + reach)
    return max(left, 0) if kernel[axis] >= stride else 0


def one_direction(graph: Graph, problems: Problems) -> None:
    """Note steps that take the end of a sequence that was read in both directions (RULINGS 58)."""
    for node in graph.made_by(Layer):
        source = graph[node.inputs[0]]
        if node.made_by.final and getattr(source.made_by, "bidirectional", False):
            problems.note(
                "one-direction",
                f"at its last step, the backward half of `{source.made_by.word}` has seen one step only",
                node.span,
                help=f"write `{node.made_by.word}` behind `bidirectional`, without a comma: it joins both final states",
            )
