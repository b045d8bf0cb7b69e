"""A cell: a recurrent layer as equations over one step of a sequence (LANGUAGE.md section 5, RULINGS 55 to 57).

Equations are formulas. They read `x` (the step of the sequence), the states of the step before (`c'`), the values of
equations above, parameters, and what they own: products `W[..]`, biases `b` and weights `w`, by the weights' names.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import inf

from netlang.formula import Number, Term, names, substitute
from netlang.layer import Misfit
from netlang.record import dataclass

INPUT = "x"  # the step of the sequence; `x W w b` are reserved


def before(state: str) -> str:
    """What equations call a state until its own line: its value of the step before."""
    return f"{state}'"


@dataclass(frozen=True, slots=True)
class Owned:
    """What an equation trains, and how it calls it.

    kind: "W" a product `W[..]`, "b" a bias, "w" a weight that numbers are multiplied by one by one
    name: the weight's, "f.W"; "f.W1" where the equation has several of the kind
    operands: what W[..] multiplies, joined
    """

    kind: str
    name: str
    operands: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Equation:
    """name = term. owned: in the order of the text; of products within products the outer one comes first."""

    name: str
    term: Term
    owned: tuple[Owned, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """The equations of one step, for all values of the parameters.

    parameters: their names and usual values (None where a value must be given); the first is the cell's width
    states: their names and widths, formulas of the parameters; each has an equation of its name
    output: the state or value that is given to the next layer
    """

    name: str
    parameters: tuple[tuple[str, float | None], ...]
    states: tuple[tuple[str, Term], ...]
    equations: tuple[Equation, ...]
    output: str

    def fitted(self, values: Mapping[str, float], features: int) -> "Fitted":
        """The cell for numbers as parameters and so many features in. Raises Misfit where widths do not go together."""
        numbers: dict[str, Term] = {name: Number(value) for name, value in values.items()}
        states = {name: _whole(name, substitute(width, numbers)) for name, width in self.states}
        equations = tuple(_with(equation, numbers) for equation in self.equations)
        widths = _Widths(int(values[self.parameters[0][0]]))
        widths.fix(INPUT, features)
        for name, width in states.items():
            widths.fix(before(name), width)
            widths.fix(name, width)
        for equation in equations:
            widths.meet(equation)
        return Fitted(states, equations, self.output, widths.settled(equations))


@dataclass(frozen=True)
class Fitted:
    """A cell with its sizes. widths: of everything its equations name, products and vectors by their weights."""

    states: Mapping[str, int]
    equations: tuple[Equation, ...]
    output: str
    widths: Mapping[str, int]

    def width(self, term: Term) -> int:
        """How many numbers a formula makes; 1 for one without operands."""
        return max((self.widths[name] for name in names(term)), default=1)

    def rows(self, owned: Owned) -> int:
        """How many numbers a product reads."""
        return sum(self.width(operand) for operand in owned.operands)

    def shape(self, owned: Owned) -> tuple[int, ...]:
        """What an equation trains: a matrix [rows, width], or a vector."""
        width = self.widths[owned.name]
        return (self.rows(owned), width) if owned.kind == "W" else (width,)


def _with(equation: Equation, numbers: Mapping[str, Term]) -> Equation:
    owned = tuple(replace(o, operands=tuple(substitute(t, numbers) for t in o.operands)) for o in equation.owned)
    return replace(equation, term=substitute(equation.term, numbers), owned=owned)


def _whole(state: str, width: Term) -> int:
    value = width.value if isinstance(width, Number) else 0.0
    if not 1 <= value < inf or value != int(value):
        raise Misfit(f"the state `{state}` would be {value:g} wide", help="a width is a whole number from 1")
    return int(value)


class _Widths:
    """Widths follow from what a value meets, otherwise they are the cell's width (RULINGS 56).

    Names that meet are one group; `known` says its width as soon as one of them has one.
    """

    def __init__(self, usual: int) -> None:
        self.usual = usual
        self.group: dict[str, str] = {}
        self.known: dict[str, int] = {}

    def find(self, name: str) -> str:
        while self.group.setdefault(name, name) != name:
            name = self.group[name]
        return name

    def fix(self, name: str, width: int) -> None:
        self.known[self.find(name)] = width

    def meet(self, equation: Equation) -> None:
        """All names that a formula brings together have one width, and so has its value."""
        self.join(equation.name, equation.name, equation.term)
        for owned in equation.owned:
            for operand in owned.operands:
                self.join(equation.name, None, operand)

    def join(self, line: str, result: str | None, term: Term) -> None:
        """Everything a formula names meets: there are no sums over units in it."""
        together = [*([result] if result else []), *names(term)]
        for name in together[1:]:
            a, b = self.find(together[0]), self.find(name)
            if a == b:
                continue
            widths = [self.known[root] for root in (a, b) if root in self.known]
            if len(set(widths)) > 1:
                raise Misfit(
                    f"in the equation of `{line}`, `{_shown(together[0])}` is {widths[0]} wide"
                    f" and `{_shown(name)}` {widths[1]}",
                    help="a product `W[..]` makes any width of any other",
                )
            self.group[b] = a
            if widths:
                self.known[a] = widths[0]

    def settled(self, equations: tuple[Equation, ...]) -> dict[str, int]:
        for equation in equations:
            for name in (equation.name, *(owned.name for owned in equation.owned)):
                self.find(name)
        return {name: self.known.get(self.find(name), self.usual) for name in self.group}


def _shown(name: str) -> str:
    """A name as the file has it: `c` for a state of the step before, `W` for a weight `f.W1`."""
    return name.rstrip("'").split(".")[-1].rstrip("0123456789") if "." in name else name.rstrip("'")
