"""Receptive fields: what one output of a layer sees of the input (Araujo et al. 2019, eq. 2)."""

from dataclasses import replace
from fractions import Fraction

from netlang.check.counts import data
from netlang.graph import Graph, Input, Node, NodeId
from netlang.layer import Layer
from netlang.layers.deconv.op import Deconv
from netlang.layers.recurrent.op import Recurrent
from netlang.layers.shape.op import Upsample
from netlang.record import dataclass
from netlang.types import Dim

Field = tuple[Dim, ...]  # height and width in pixels, or steps of a sequence
Jump = tuple[Fraction, ...]


@dataclass(frozen=True)
class Seen:
    """What one output sees.

    field: pixels of the input, those of its padding counted; jump: pixels of the input between what two neighbours
        see, () for a vector; whole: the size of that input
    """

    field: Field
    jump: Jump
    whole: Field


def receptive_fields(graph: Graph) -> dict[NodeId, Seen | None]:
    """Of each node; None where the input is a vector, or the node is a weight."""
    found: dict[NodeId, Seen | None] = {}
    for node in graph:
        if isinstance(node.made_by, Input):
            found[node.id] = _of_input(node)
        elif isinstance(node.made_by, Layer):
            read = [found[source.id] for source in data(graph, node)]
            found[node.id] = _of_layer(node, node.made_by, read)
        else:
            found[node.id] = None
    return found


def _of_input(node: Node) -> Seen | None:
    whole = node.type.shape[1:] if node.type.classes else node.type.shape[1:-1]
    return Seen((1,) * len(whole), (Fraction(1),) * len(whole), whole) if whole else None


def _of_layer(node: Node, layer: Layer, read: list[Seen | None]) -> Seen | None:
    """read: what each input sees; of a tensor that only tells a size (`like=@a`) the jump alone matters."""
    axes = len(node.type.shape) - 2
    sources = [seen for seen in (read[:1] if layer.references else read) if seen is not None]
    if not sources:
        return None
    alike = [seen for seen in sources if len(seen.jump) == axes]
    if not axes or not alike:  # a vector made of an image has seen all of it
        return Seen(sources[0].whole, (), sources[0].whole)
    field = tuple(_largest([seen.field[axis] for seen in sources if len(seen.field) == axes]) for axis in range(axes))
    seen = replace(alike[0], field=field)
    match layer:
        case Recurrent():
            return replace(seen, field=seen.whole)
        case Deconv():
            kernel, stride = _along(layer.kernel, axes), _along(layer.stride, axes)
            return _spread(seen, [-(-k // s) for k, s in zip(kernel, stride, strict=True)], stride)
        case Upsample():
            more = _spread(seen, [1 if layer.how == "nearest" else 2] * axes, _along(layer.kernel or (1, 1), axes))
            return replace(more, jump=read[1].jump) if len(read) > 1 and read[1] else more
    return _slid(seen, layer, axes) if layer.slides else seen


def _slid(seen: Seen, layer: Layer, axes: int) -> Seen:
    """Windows of k pixels, d apart, whose neighbours look s pixels apart: (k - 1) * d * jump more are seen."""
    kernel = _along(getattr(layer, "kernel", (1, 1)), axes)
    dilation = _along(getattr(layer, "dilation", (1, 1)), axes)
    field = tuple(
        _wider(n, (k - 1) * d * jump) for n, k, d, jump in zip(seen.field, kernel, dilation, seen.jump, strict=True)
    )
    jump = tuple(j * s for j, s in zip(seen.jump, _along(layer.jump(), axes), strict=True))
    return Seen(field, jump, seen.whole)


def _spread(seen: Seen, read: list[int], times: tuple[int, ...]) -> Seen:
    """A layer that makes an image `times` as large, each pixel of which reads `read` neighbours."""
    field = tuple(_wider(n, (r - 1) * jump) for n, r, jump in zip(seen.field, read, seen.jump, strict=True))
    return Seen(field, tuple(j / s for j, s in zip(seen.jump, times, strict=True)), seen.whole)


def _along(setting: tuple[int, int], axes: int) -> tuple[int, ...]:
    """A setting of height and width; a sequence has one axis."""
    return setting[-axes:]


def _wider(size: Dim, by: Fraction) -> Dim:
    """Pixels that are touched count whole. A size that is all of an input that is not fixed yet stays."""
    return -(-(size + by) // 1) if isinstance(size, int) else size


def _largest(found: list[Dim]) -> Dim:
    free = [size for size in found if not isinstance(size, int)]
    return free[0] if free else max(size for size in found if isinstance(size, int))
