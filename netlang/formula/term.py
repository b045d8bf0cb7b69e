"""Terms: what a formula is made of, and how one is built and folded."""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, ClassVar, Self, cast
from weakref import WeakValueDictionary

from netlang.types import decimal

Array = Any  # a NumPy array or scalar of float or bool


class Term:
    """A node of a formula. Equal terms are the same object: `==` and `is` agree."""

    __slots__ = ("__weakref__",)
    _known: ClassVar["WeakValueDictionary[tuple[Any, ...], Term]"] = WeakValueDictionary()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *parts: Any) -> Self:
        """The one term of this class and parts."""
        key = (cls, *map(repr, parts)) if cls is Number else (cls, *parts)  # 0.0 and -0.0 are equal, but two numbers
        found = Term._known.get(key)
        if found is None:
            found = object.__new__(cls)
            for name, part in zip(cls.__match_args__, parts, strict=True):
                object.__setattr__(found, name, part)
            Term._known[key] = found
        return cast(Self, found)

    def __reduce__(self) -> Any:
        return type(self), tuple(getattr(self, name) for name in self.__match_args__)

    def __add__(self, other: "Term | float") -> "Term":
        return call("add", self, other)

    def __radd__(self, other: float) -> "Term":
        return call("add", other, self)

    def __sub__(self, other: "Term | float") -> "Term":
        return call("sub", self, other)

    def __rsub__(self, other: float) -> "Term":
        return call("sub", other, self)

    def __mul__(self, other: "Term | float") -> "Term":
        return call("mul", self, other)

    def __rmul__(self, other: float) -> "Term":
        return call("mul", other, self)

    def __truediv__(self, other: "Term | float") -> "Term":
        return call("div", self, other)

    def __rtruediv__(self, other: float) -> "Term":
        return call("div", other, self)

    def __neg__(self) -> "Term":
        return call("neg", self)

    def __gt__(self, other: "Term | float") -> "Term":
        return call("gt", self, other)

    def __lt__(self, other: "Term | float") -> "Term":
        return call("lt", self, other)

    def __ge__(self, other: "Term | float") -> "Term":
        return call("ge", self, other)

    def __le__(self, other: "Term | float") -> "Term":
        return call("le", self, other)

    def __bool__(self) -> bool:
        raise TypeError("a formula has no branches: write where(condition, then, else) or maximum(a, b)")

    def __str__(self) -> str:
        return _python(self)[0]

    __repr__ = __str__


class Name(Term):
    """An operand, by name."""

    __slots__ = __match_args__ = ("name",)
    name: str


class Number(Term):
    """A constant."""

    __slots__ = __match_args__ = ("value",)
    value: float

    def __new__(cls, value: float) -> Self:
        """The constant, as a float."""
        return super().__new__(cls, float(value))


class Call(Term):
    """An operation (a key of OPERATIONS) of other terms. Made by `call`, which folds."""

    __slots__ = __match_args__ = ("name", "args")
    name: str
    args: tuple[Term, ...]


class Runtime(Term):
    """A scalar of the running program: "examples" (of this batch), "rate" (learning rate), "step" (from 1)."""

    __slots__ = __match_args__ = ("name",)
    name: str


class Random(Term):
    """A uniform number in [0, 1), drawn anew for every element and step. stream: from the path of the layer."""

    __slots__ = __match_args__ = ("stream",)
    stream: int


class Channel(Term):
    """The public channel index of the element, as a float."""

    __slots__ = ()


@cache
def operations() -> dict[str, Callable[..., Array]]:
    """What each operation computes. Made when it is first asked for: NumPy takes 0.1 s to load."""
    import numpy as np

    def sigmoid(x: Array) -> Array:
        small = np.exp(-np.abs(x))  # never overflows
        return np.where(np.greater_equal(x, 0), 1 / (1 + small), small / (1 + small))

    return {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "div": np.divide,
        "neg": np.negative,
        "gt": np.greater,
        "lt": np.less,
        "ge": np.greater_equal,
        "le": np.less_equal,
        "equal": np.equal,
        "where": np.where,
        "maximum": np.maximum,
        "minimum": np.minimum,
        "absolute": np.abs,
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "tanh": np.tanh,
        "sigmoid": sigmoid,
        "softplus": lambda x: np.logaddexp(np.zeros_like(x), x),
    }


# how an operation is written between two operands, and how tightly it binds in Python
SIGNS = {
    "add": ("+", 2), "sub": ("-", 2), "mul": ("*", 3), "div": ("/", 3),
    "gt": (">", 1), "lt": ("<", 1), "ge": (">=", 1), "le": ("<=", 1), "equal": ("==", 1),
}  # fmt: skip


def call(name: str, *args: Term | float) -> Term:
    """The operation of the arguments, folded."""
    return _called(name, *[a if isinstance(a, Term) else Number(a) for a in args])


@lru_cache(20_000)
def _called(name: str, *terms: Term) -> Term:
    numbers = [t.value for t in terms if isinstance(t, Number)]
    if len(numbers) == len(terms):
        import numpy as np

        with np.errstate(all="ignore"):
            return Number(operations()[name](*numbers))
    folded = _FOLDS[name](*terms) if name in _FOLDS else None
    term: Term = Call(name, terms) if folded is None else folded
    return term


def is_number(term: Term, value: float) -> bool:
    """Whether a term is this constant."""
    return isinstance(term, Number) and term.value == value


def _fold_add(a: Term, b: Term) -> Term | None:
    match a, b:
        case (Number(0.0), x) | (x, Number(0.0)):
            return x
        case Call("neg", (x,)), y:
            return y - x
        case x, Call("neg", (y,)):
            return x - y
        case Call("where", (m, p, q)), Call("where", (k, r, s)) if (
            m is k and (is_number(p, 0) or is_number(r, 0)) and (is_number(q, 0) or is_number(s, 0))
        ):
            return where(m, p + r, q + s)
    return None


def _fold_sub(a: Term, b: Term) -> Term | None:
    match a, b:
        case x, Number(0.0):
            return x
        case Number(0.0), x:
            return -x
        case x, Call("neg", (y,)):
            return x + y
    return Number(0) if a is b else None


def _fold_mul(a: Term, b: Term) -> Term | None:
    match a, b:
        case (Number(0.0), _) | (_, Number(0.0)):
            return Number(0)
        case (Number(1.0), x) | (x, Number(1.0)):
            return x
        case (Number(-1.0), x) | (x, Number(-1.0)):
            return -x
        case (Call("where", (m, p, q)), x) | (x, Call("where", (m, p, q))) if is_number(p, 0) or is_number(q, 0):
            return where(m, p * x, q * x)
    return None


def _fold_div(a: Term, b: Term) -> Term | None:
    return a if is_number(b, 1) or is_number(a, 0) else None


def _fold_neg(a: Term) -> Term | None:
    match a:
        case Call("neg", (x,)):
            return x
        case Call("sub", (x, y)):
            return y - x
    return None


def _fold_where(m: Term, a: Term, b: Term) -> Term | None:
    if isinstance(m, Number):
        return a if m.value else b
    return a if a is b else None


def _fold_comparison(mirrored: str) -> Callable[[Term, Term], Term | None]:
    def fold(a: Term, b: Term) -> Term | None:  # the number stands on the right
        return Call(mirrored, (b, a)) if isinstance(a, Number) else None

    return fold


_FOLDS: dict[str, Callable[..., Term | None]] = {
    "add": _fold_add,
    "sub": _fold_sub,
    "mul": _fold_mul,
    "div": _fold_div,
    "neg": _fold_neg,
    "where": _fold_where,
    "gt": _fold_comparison("lt"),
    "lt": _fold_comparison("gt"),
    "ge": _fold_comparison("le"),
    "le": _fold_comparison("ge"),
    "equal": _fold_comparison("equal"),
}


def exp(x: Term | float) -> Term:
    """The exponential function."""
    return call("exp", x)


def log(x: Term | float) -> Term:
    """The natural logarithm."""
    return call("log", x)


def sqrt(x: Term | float) -> Term:
    """The square root."""
    return call("sqrt", x)


def tanh(x: Term | float) -> Term:
    """The hyperbolic tangent."""
    return call("tanh", x)


def sigmoid(x: Term | float) -> Term:
    """1 / (1 + exp(-x)), without overflow."""
    return call("sigmoid", x)


def softplus(x: Term | float) -> Term:
    """log(1 + exp(x)), without overflow."""
    return call("softplus", x)


def absolute(x: Term | float) -> Term:
    """|x|."""
    return call("absolute", x)


def maximum(a: Term | float, b: Term | float) -> Term:
    """The larger of two."""
    return call("maximum", a, b)


def minimum(a: Term | float, b: Term | float) -> Term:
    """The smaller of two."""
    return call("minimum", a, b)


def where(condition: Term | float, then: Term | float, otherwise: Term | float) -> Term:
    """`then` where the condition (a comparison) holds, else `otherwise`."""
    return call("where", condition, then, otherwise)


def equal(a: Term | float, b: Term | float) -> Term:
    """Whether two numbers are the same; a condition for `where`."""
    return call("equal", a, b)


def leaf(term: Term) -> str:
    """How a part without arguments is written in every text."""
    match term:
        case Name(name):
            return name
        case Runtime(name):
            return f"runtime_{name}"
        case Random(stream):
            return f"random_{stream}"
    return "channel"


def _python(term: Term) -> tuple[str, int]:
    """The term as a Python expression, and how tightly its outermost operation binds."""
    if isinstance(term, Number):
        return decimal(term.value), 5 - 2 * (term.value < 0)
    if not isinstance(term, Call):
        return leaf(term), 5
    sign, rank = SIGNS.get(term.name, ("", 5))
    parts = [_python(a) for a in term.args]
    if term.name == "neg":
        return "-" + _bracketed(parts[0], 4), 3
    if not sign:
        return f"{term.name}({', '.join(p for p, _ in parts)})", 5
    left, right = _bracketed(parts[0], rank), _bracketed(parts[1], rank + 1)
    return f"{left} {sign} {right}", rank


def _bracketed(part: tuple[str, int], rank: int) -> str:
    return part[0] if part[1] >= rank else f"({part[0]})"
