"""Terms as the text of a kernel."""

import math
from collections.abc import Iterable

from netlang.formula.calculus import order
from netlang.formula.term import SIGNS, Call, Number, Term, leaf

NUMPY = {name: f"np.{name}" for name in ("exp", "log", "sqrt", "tanh", "maximum", "minimum", "where", "absolute")}


def text(target: str, into: Iterable[str], *terms: Term, dtype: str = "f32") -> list[str]:
    """Lines that assign the terms to the names `into`, one operation a line, common parts once.

    target: "numpy" (calls np.; the caller casts the result), "vector" and "scalar" (over `netlang.simd`; scalar
        constants are typed, `f32(0.5)`), "cuda" (as scalar; selections as conditional expressions, functions of `math`)
    dtype: of typed constants
    Helper names start with the first name of `into`, so that texts for different results do not clash.
    """
    into = list(into)
    said: dict[Term, str] = {}
    lines: list[str] = []
    wanted: dict[Term, str] = {}
    for name, term in zip(into, terms, strict=True):
        wanted.setdefault(term, name)
    for part in order(*terms):
        if not isinstance(part, Call):
            said[part] = _number(target, dtype, part.value) if isinstance(part, Number) else leaf(part)
            continue
        name = said[part] = wanted.get(part, f"{into[0]}_{len(lines)}")
        arguments = [said[a] for a in part.args]
        if target == "cuda" and part.name in _CUDA_STEPS:
            steps = _CUDA_STEPS[part.name]
            lines += [step.format(*arguments, to=name, one=f"{dtype}(1.0)", zero=f"{dtype}(0.0)") for step in steps]
        else:
            lines.append(f"{name} = {_line(target, dtype, part, arguments)}")
    for name, term in zip(into, terms, strict=True):
        if said[term] != name:
            splat = target == "vector" and isinstance(term, Number)
            lines.append(f"{name} = {f'splat_{dtype}({said[term]})' if splat else said[term]}")
    return lines


def _line(target: str, dtype: str, part: Call, a: list[str]) -> str:
    if part.name == "neg":
        return f"-{a[0]}"
    if part.name in SIGNS:
        return f"{a[0]} {SIGNS[part.name][0]} {a[1]}"
    if target == "numpy":
        return _numpy(part.name, a)
    if target == "cuda" and part.name in _CUDA:
        return _CUDA[part.name].format(*a)
    if target == "vector" and part.name == "where" and all(isinstance(t, Number) for t in part.args[1:]):
        a = [a[0], *(f"splat_{dtype}({v})" for v in a[1:])]  # nothing else tells a mask's element type
    return f"{part.name}({', '.join(a)})"


_CUDA = {  # NaN where either is NaN, as in vectors: so that a fault is seen where it arises
    "where": "{1} if {0} else {2}",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
    "absolute": "abs({0})",
    **{name: f"math.{name}({{0}})" for name in ("exp", "log", "sqrt", "tanh")},
}
_CUDA_STEPS = {  # 1 / (1 + exp(-x)) and log(1 + exp(x)) overflow
    "sigmoid": (
        "{to}_small = math.exp(-abs({0}))",
        "{to} = ({one} if {0} >= {zero} else {to}_small) / ({one} + {to}_small)",
    ),
    "softplus": (
        "{to}_small = math.log1p(math.exp(-abs({0})))",
        "{to} = ({0} if {0} >= {zero} else {zero}) + {to}_small",
    ),
}


def _numpy(name: str, a: list[str]) -> str:
    if name == "sigmoid":
        return f"0.5 * (1.0 + np.tanh(0.5 * {a[0]}))"  # 1 / (1 + exp(-x)) overflows
    if name == "softplus":
        return f"np.logaddexp(0.0, {a[0]})"
    return f"{NUMPY[name]}({', '.join(a)})"


def _number(target: str, dtype: str, value: float) -> str:
    said = repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    return f"{dtype}({said})" if target in ("scalar", "cuda") else said
