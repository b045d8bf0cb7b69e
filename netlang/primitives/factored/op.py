"""Updates of weights whose gradient is never written: it stays in its two factors."""

from typing import ClassVar

from netlang.primitives.map.op import Update
from netlang.record import dataclass


@dataclass(frozen=True)
class FactoredUpdate(Update):
    """The optimizer's step on one weight: (w, x, dy, *states), whose gradient is x^T dy, formed by `passes/factor.py`.

    w[c,f], x[n,c], dy[n,f]; in the terms i1 is the gradient, as in an `Update`, and i2, i3, ... are the states.
    """

    states_from: ClassVar[int] = 3
