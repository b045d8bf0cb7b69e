"""Reductions of a formula over named axes."""

from dataclasses import dataclass

from netlang.formula import Term
from netlang.primitives.primitive import Primitive


@dataclass(frozen=True)
class Sum(Primitive):
    """y = sum (or the largest) of term(i0, i1, ...) over axes.

    over: "channel"   -> ("n", h, w, 1)
          "positions" -> ("n", 1, 1, c)
          "batch"     -> (c,)   over the examples and the places
          "all"       -> ()
    how:  "sum" or "max"; a max is a constant for the gradient: it is only used where the result
          does not depend on it (the shift of a softmax)
    """

    term: Term
    over: str
    how: str = "sum"
