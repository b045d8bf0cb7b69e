"""Pointwise formulas: plain Python run once on symbols.

A formula becomes a term. Equal terms are one object, so shared parts stay shared; terms are folded,
differentiated, substituted into one another (that is fusion), counted, evaluated in NumPy, and
printed as NumPy, vector, scalar or CUDA text. No branches: `where`, `maximum`.

Conventions, where mathematics leaves a choice:
- operands are finite, so 0*x and 0/x fold to 0
- the gradient of `maximum(x, c)` and `minimum(x, c)` at x = c is 0 for a number c (ReLU's corner);
  of two operands that tie, the first takes it all
- the gradient of `absolute` at 0 is 0; comparisons (and so `step`) have none
"""

from netlang.formula.calculus import (
    count,
    derive,
    evaluate,
    keeps_zero,
    kinks,
    names,
    needs,
    order,
    replace,
    substitute,
    trace,
)
from netlang.formula.term import (
    Call,
    Channel,
    Name,
    Number,
    Random,
    Runtime,
    Term,
    absolute,
    call,
    equal,
    exp,
    log,
    maximum,
    minimum,
    operations,
    sigmoid,
    softplus,
    sqrt,
    tanh,
    where,
)
from netlang.formula.text import text

__all__ = [
    "Call",
    "Channel",
    "Name",
    "Number",
    "Random",
    "Runtime",
    "Term",
    "absolute",
    "call",
    "count",
    "derive",
    "equal",
    "evaluate",
    "exp",
    "keeps_zero",
    "kinks",
    "log",
    "maximum",
    "minimum",
    "names",
    "needs",
    "operations",
    "order",
    "replace",
    "sigmoid",
    "softplus",
    "sqrt",
    "substitute",
    "tanh",
    "text",
    "trace",
    "where",
]
