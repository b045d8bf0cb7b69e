"""What is done with terms: substitution, differentiation, counting, evaluation."""

import inspect
from collections.abc import Callable, Iterable, Mapping

from netlang.formula.term import (
    Array,
    Call,
    Channel,
    Name,
    Number,
    Random,
    Runtime,
    Term,
    call,
    is_number,
    leaf,
    operations,
    sigmoid,
    where,
)


def _absolute(_y: Term, a: Term) -> tuple[Term]:
    return (where(a > 0, 1, where(a < 0, -1, 0)),)


def _maximum(y: Term, a: Term, b: Term) -> tuple["Term | float", ...]:
    if isinstance(b, Number):
        return where(y > b, 1, 0), 0  # in terms of y: ReLU's gradient reads its output only
    if isinstance(a, Number):
        return 0, where(y > a, 1, 0)
    return where(a >= b, 1, 0), where(a >= b, 0, 1)


def _minimum(y: Term, a: Term, b: Term) -> tuple["Term | float", ...]:
    if isinstance(b, Number):
        return where(y < b, 1, 0), 0
    if isinstance(a, Number):
        return 0, where(y < a, 1, 0)
    return where(a <= b, 1, 0), where(a <= b, 0, 1)


def _flat(_y: Term, *args: Term) -> tuple[float, ...]:
    return (0,) * len(args)


Rule = Callable[..., tuple[Term | float, ...]]  # (y, *arguments) -> dy/d of each argument
RULES: dict[str, Rule] = {
    "add": lambda _y, _a, _b: (1, 1),
    "sub": lambda _y, _a, _b: (1, -1),
    "mul": lambda _y, a, b: (b, a),
    "div": lambda y, _a, b: (1 / b, -y / b),
    "neg": lambda _y, _a: (-1,),
    "gt": _flat,
    "lt": _flat,
    "ge": _flat,
    "le": _flat,
    "equal": _flat,
    "where": lambda _y, m, _a, _b: (0, where(m, 1, 0), where(m, 0, 1)),
    "maximum": _maximum,
    "minimum": _minimum,
    "absolute": _absolute,
    "exp": lambda y, _a: (y,),
    "log": lambda _y, a: (1 / a,),
    "sqrt": lambda y, _a: (0.5 / y,),
    "tanh": lambda y, _a: (1 - y * y,),
    "sigmoid": lambda y, _a: (y * (1 - y),),
    "softplus": lambda _y, a: (sigmoid(a),),
}


def trace(f: Callable[..., Term], *operands: str) -> Term:
    """Run a Python function once on Names, by default those of its parameters."""
    return f(*map(Name, operands or inspect.signature(f).parameters))


def order(*terms: Term) -> list[Term]:
    """Every part of the terms once, arguments before what uses them."""
    seen: dict[Term, None] = {}

    def visit(term: Term) -> None:
        if term in seen:
            return
        for part in term.args if isinstance(term, Call) else ():
            visit(part)
        seen[term] = None

    for term in terms:
        visit(term)
    return list(seen)


def names(*terms: Term) -> tuple[str, ...]:
    """The operands read, in order of first use."""
    return tuple(t.name for t in order(*terms) if isinstance(t, Name))


def needs(*terms: Term) -> set[str]:
    """The local names a kernel must define before it runs the text: "runtime_rate", "random_7", "channel"."""
    return {leaf(t) for t in order(*terms) if isinstance(t, Runtime | Random | Channel)}


def substitute(term: Term, env: Mapping[str, Term]) -> Term:
    """The term with operands replaced, all at once."""
    return _rebuild(term, {Name(name): new for name, new in env.items()})


def replace(term: Term, old: Term, new: Term) -> Term:
    """The term with every occurrence of one part replaced."""
    return _rebuild(term, {old: new})


def _rebuild(term: Term, done: dict[Term, Term]) -> Term:
    if term not in done:
        done[term] = call(term.name, *(_rebuild(a, done) for a in term.args)) if isinstance(term, Call) else term
    return done[term]


def derive(term: Term, dy: Term, wrt: Iterable[str]) -> tuple[Term, ...]:
    """`dy` times the derivative by each operand, by reverse accumulation.

    `replace(result, term, Name("y"))` writes it in terms of the output where the rules allow.
    """
    gradient: dict[Term, Term] = {term: dy}
    for part in reversed(order(term)):
        if not isinstance(part, Call) or part not in gradient:
            continue
        for arg, slope in zip(part.args, RULES[part.name](part, *part.args), strict=True):
            if is_number(step := gradient[part] * slope, 0):
                continue
            gradient[arg] = gradient[arg] + step if arg in gradient else step
    return tuple(gradient.get(Name(name), Number(0)) for name in wrt)


def kinks(term: Term) -> tuple[Term, ...]:
    """Terms whose zeros are the corners and jumps of the formula: the laws keep away from them."""
    found: dict[Term, None] = {}
    for part in order(term):
        match part:
            case Call("maximum" | "minimum" | "gt" | "lt" | "ge" | "le" | "equal", (a, b)):
                found[a - b] = None
            case Call("absolute", (a,)):
                found[a] = None
    return tuple(found)


def keeps_zero(term: Term, zero: set[str]) -> bool:
    """Whether the term is 0 where all the operands in `zero` are 0, whatever the others are."""
    return is_number(substitute(term, {name: Number(0) for name in zero}), 0)


def count(*terms: Term) -> int:
    """Floating-point operations per element: one per operation or function, none per selection; common parts once."""
    return sum(isinstance(t, Call) and t.name != "where" for t in order(*terms))


def evaluate(
    term: Term,
    env: Mapping[str, Array],
    *,
    runtime: Mapping[str, float] | None = None,
    random: Callable[[int], Array] | None = None,
    channel: Array | None = None,
) -> Array:
    """The slow NumPy meaning, in the dtype of the operands (float64 if there are none).

    runtime: the value of each `Runtime`; random: stream -> uniform numbers, spread like an operand;
    channel: the channel index of each element, spread like an operand
    """
    import numpy as np

    dtype = np.result_type(*(np.asarray(v) for v in env.values())) if env else np.dtype(np.float64)
    value: dict[Term, Array] = {}
    for part in order(term):
        match part:
            case Call(name, args):
                value[part] = operations()[name](*(value[a] for a in args))
            case Name(name):
                value[part] = env[name]
            case Number(number):
                value[part] = dtype.type(number)
            case Runtime(name):
                value[part] = dtype.type((runtime or {})[name])
            case Random(stream):
                assert random is not None, "the formula draws random numbers"
                value[part] = np.asarray(random(stream), dtype)
            case Channel():
                assert channel is not None, "the formula reads the channel"
                value[part] = np.asarray(channel, dtype)
    return value[term]
