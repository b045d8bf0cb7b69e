"""Graph of primitives to a better one. A pass is one file and one function of the same name; none mutates."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from netlang.graph import Graph
from netlang.passes.assemble import assemble
from netlang.passes.factor import factor
from netlang.passes.fold import fold
from netlang.passes.fuse import fuse
from netlang.passes.layout import layout
from netlang.passes.masks import masks
from netlang.passes.matrices import matrices
from netlang.passes.panels import panels
from netlang.passes.pieces import pieces
from netlang.passes.share import share
from netlang.passes.single import single
from netlang.passes.stems import stems
from netlang.passes.stepwise import stepwise
from netlang.passes.verify import verify
from netlang.passes.winograd import winograd

Pass = Callable[[Graph, int], Graph]
PIPELINE: tuple[Pass, ...] = (
    fold,
    share,
    stems,
    layout,
    winograd,
    panels,
    stepwise,
    fuse,
    masks,
    single,
    matrices,
    assemble,
    pieces,
    factor,
)
ROUGH: tuple[Pass, ...] = (stems, winograd)  # those that round otherwise than what is written
# The others are the CPU's: on CUDA neighbouring threads take neighbouring channels, in every layout "c"
EVERYWHERE: tuple[Pass, ...] = (fold, share, fuse)


def optimise(
    graph: Graph,
    batch: int,
    *,
    strict: bool = False,
    device: str = "cpu",
    choices: Mapping[str, str] = MappingProxyType({}),
) -> Graph:
    """The graph after every pass, for batches of up to `batch` examples; what must hold is checked after each.

    strict: leave out the passes that lose digits
    choices: of convolutions, as `winograd` takes them
    """
    known = set[int]()
    for each in PIPELINE:
        if (strict and each in ROUGH) or (device != "cpu" and each not in EVERYWHERE):
            continue
        made = each(graph, batch) if each is not winograd else winograd(graph, batch, choices)
        verify(made, known)
        graph, known = made, set(map(id, made))
    return graph
