"""Regions: an anchor with formulas pasted around it, computed in one launch."""

from netlang.formula import Term, names
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.primitive import Primitive, broadcast, named
from netlang.primitives.winograd.op import Winograd
from netlang.record import dataclass
from netlang.types import Tensor


@dataclass(frozen=True)
class Region(Primitive):
    """result = after(y = anchor(before[0], before[1], ...)), formed by `passes/fuse.py`.

    before: a formula for each input of the anchor, in the names of the region's inputs; often just `i0`
    after: a formula in "y", what the anchor made, and the names of the region's inputs

    Its reference is the composition of its members, so every law covers fusion.
    """

    anchor: Primitive
    before: tuple[Term, ...]
    after: Term

    def infer(self, *inputs: Tensor) -> Tensor:
        types = named(inputs)
        read = [broadcast(*(types[name] for name in names(term))) for term in self.before]
        return self.anchor.infer(*read)


def made(primitive: object) -> bool:
    """Whether a node is made by a product, or around one, whose results leave it one by one."""
    anchor = primitive.anchor if isinstance(primitive, Region) else primitive
    return isinstance(anchor, Winograd) or (isinstance(anchor, Contraction | Grouped) and anchor.role != "weight")
