"""The equations of cells as formulas."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from netlang.check import words
from netlang.check.values import LARGEST, Names
from netlang.diagnostics import either, error, meant
from netlang.formula import Name, Number, Term, names
from netlang.layers.activation.op import Activation
from netlang.layers.recurrent.cell import INPUT, Equation, Owned, before
from netlang.layers.recurrent.text import functions, trains
from netlang.record import dataclass
from netlang.source import Span
from netlang.syntax import ast

LONGEST = 200  # names, numbers and calls of one equation
UNKNOWN = Name("?")  # in place of a formula that is wrong


@dataclass
class Scope:
    """What the equations of a cell may read. assigned: the names whose equations have been read"""

    cell: ast.Cell
    constants: Names
    assigned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.parameters = [p.name.text for p in self.cell.parameters]
        self.states = [s.name.text for s in self.cell.states]
        self.lines = {line.name.text: line for line in reversed(self.cell.equations)}

    def known(self) -> list[str]:
        """All names that could stand in an equation, for a message."""
        return [INPUT, *self.states, *self.parameters, *self.assigned, *self.constants.names()]


def width(value: ast.Value, parameters: Sequence[str], constants: Names) -> Term:
    """How wide a state is: a formula of the cell's parameters."""
    match value:
        case ast.Number():
            return _number(value)
        case ast.Word() if value.text in parameters:
            return Name(value.text)
        case ast.Word() if value.text in constants:
            return _constant(value, constants)
        case ast.Word():
            raise error(
                "unknown-name",
                f"no parameter or constant is called `{value.text}`",
                value.span,
                help=meant(value.text, [*parameters, *constants.names()], "a width is told by the cell's parameters"),
            )
        case ast.Chained():
            made = width(value.first, parameters, constants)
            for sign, part in value.rest:
                made = _applied(sign, made, width(part, parameters, constants), part.span)
            return made
        case ast.Negative():
            raise error("value", "a width is not negative", value.span)
    raise error("value", "here stands a width", value.span, f"not `{value.span.text}`")


def equation(line: ast.Equation, scope: Scope) -> Equation:
    """The formula of an equation, and what it trains. Raises NetError for the first thing that is wrong."""
    parts = list(_parts(line.value))
    if len(parts) > LONGEST:
        raise error("too-many", f"an equation has at most {LONGEST} parts", line.span, help="split it in two")
    reading = _Reading(line, scope, [_kind(part) for part in parts])
    return reading.equation()


class _Reading:
    """One equation as it is read. kinds: of what it owns, "W", "b" and "w", in the order of the text."""

    def __init__(self, line: ast.Equation, scope: Scope, kinds: list[str]) -> None:
        self.line, self.scope, self.kinds = line, scope, kinds
        self.owned: list[Owned] = []
        self.spans: list[Span] = []

    def equation(self) -> Equation:
        term = self.term(self.line.value)
        found = Equation(self.line.name.text, term, tuple(self.owned))
        reached = set(names(term, *(operand for owned in self.owned for operand in owned.operands)))
        for owned, span in zip(self.owned, self.spans, strict=True):
            if owned.name not in reached:
                raise error(
                    "equation",
                    f"`{span.text}` has no effect here",
                    span,
                    help="it is multiplied by 0, or taken from itself",
                )
        return found

    def term(self, value: ast.Value, *, factor: bool = False) -> Term:
        """The formula of an expression. factor: whether it stands in a product, as `w` must"""
        match value:
            case ast.Number():
                return _number(value)
            case ast.Word("w"):
                return self.weight(value, factor)
            case ast.Word():
                return self.word(value)
            case ast.Negative():
                return self.negative(value, factor)
            case ast.Chained():
                return self.chained(value)
            case ast.Call():
                return self.call(value)
            case ast.Joined():
                return self.product(value)
        raise error("value", "here stands a formula", value.span, f"not `{value.span.text}`")

    def negative(self, value: ast.Negative, factor: bool) -> Term:
        """In a loop: thousands of signs must not overflow Python's stack."""
        odd, inner = True, value.value
        while isinstance(inner, ast.Negative):
            odd, inner = not odd, inner.value
        made = self.term(inner, factor=factor)
        return -made if odd else made

    def chained(self, value: ast.Chained) -> Term:
        factor = value.rest[0][0] in ("*", "/")
        made = self.term(value.first, factor=factor)
        for sign, part in value.rest:
            if sign == "/":
                raise error(
                    "equation",
                    "the equations of a cell do not divide",
                    part.span,
                    help="`0.5 * h` is half of it; a constant may be a quotient: `half = 1.0/2` above the cell",
                )
            made = _applied(sign, made, self.term(part, factor=factor), part.span)
        return made

    def word(self, word: ast.Word) -> Term:
        text, scope = word.text, self.scope
        if text == "b":
            return self.own("b", word.span)
        if text == "W":
            raise error("equation", "`W` multiplies what stands in its brackets", word.span, help="as in `W[x, h]`")
        if text == INPUT or text in scope.parameters or text in scope.assigned:
            return Name(text)
        if text in scope.states:
            return Name(before(text))
        if text in scope.lines:
            raise self.early(word)
        if text in scope.constants:
            return _constant(word, scope.constants)
        raise error(
            "unknown-name",
            f"no state, value or parameter is called `{text}`",
            word.span,
            help=meant(text, scope.known(), f"its equation stands above this one: `{text} = …`"),
        )

    def early(self, word: ast.Word) -> Exception:
        """The error for a value that is read above its equation."""
        row = self.scope.lines[word.text].span.row
        own = row == self.line.span.row
        return error(
            "unknown-name",
            f"`{word.text}` reads itself" if own else f"`{word.text}` is computed below, on line {row}",
            word.span,
            help=f"only states are remembered from step to step: `state {word.text}={_first(self.scope.parameters)}`",
        )

    def weight(self, word: ast.Word, factor: bool) -> Term:
        if not factor:
            raise error("equation", "`w` stands in products only", word.span, help="as in `w * c`")
        return self.own("w", word.span)

    def call(self, call: ast.Call) -> Term:
        """An activation of a formula."""
        word = call.word
        if word.text == "W":
            raise error("equation", "what `W` multiplies stands in `[ ]`", word.span, help="as in `W[x, h]`")
        found = words.activation(word.text)
        if found is not None and trains(found):
            raise error(
                "unknown-function",
                f"`{word.text}` has weights of its own, and is no function of an equation",
                word.span,
                help=f"the functions are {either(functions(), 'and')}",
            )
        if found is None or not issubclass(found, Activation):
            raise error(
                "unknown-function",
                f"there is no function called `{word.text}`",
                word.span,
                help=meant(word.text, functions(), f"there are {either(functions(), 'and')}"),
            )
        return found().formula(self.term(call.value))

    def product(self, product: ast.Joined) -> Term:
        word = product.word
        if word.text != "W":
            raise error(
                "equation",
                f"only `W` multiplies what stands in `[ ]`, not `{word.text}`",
                word.span,
                help="every `W` is a weight of its own"
                if words.activation(word.text) is None
                else f"as in `{word.text}(W[x, h])`",
            )
        if not product.operands:
            raise error("equation", "this product multiplies nothing", product.span, help="as in `W[x, h]`")
        made, slot = self.own("W", product.span), len(self.owned) - 1
        operands = tuple(self.term(operand) for operand in product.operands)
        self.owned[slot] = Owned("W", self.owned[slot].name, operands)
        return made

    def own(self, kind: str, span: Span) -> Term:
        """A weight of the equation: `f.W`, numbered where it has several of the kind."""
        earlier = sum(owned.kind == kind for owned in self.owned)
        number = earlier + 1 if self.kinds.count(kind) > 1 else ""
        self.owned.append(Owned(kind, f"{self.line.name.text}.{kind}{number}"))
        self.spans.append(span)
        return Name(self.owned[-1].name)


def _parts(value: ast.Value) -> Iterator[ast.Value]:
    """The names, numbers, calls and products of an expression, in the order of the text. In a loop: it may be long."""
    waiting: list[ast.Value] = [value]
    while waiting:
        part = waiting.pop()
        match part:
            case ast.Negative():
                waiting.append(part.value)
                continue
            case ast.Chained():
                waiting += reversed([part.first, *(value for _, value in part.rest)])
                continue
            case ast.Call():
                waiting.append(part.value)
            case ast.Joined():
                waiting += reversed(part.operands)
        yield part


def _kind(part: ast.Value) -> str:
    """What it trains: "W", "b", "w" or nothing."""
    if isinstance(part, ast.Joined):
        return "W"
    return part.text if isinstance(part, ast.Word) and part.text in ("b", "w") else ""


def _number(number: ast.Number) -> Term:
    if number.value > LARGEST:
        raise error("value", "this is larger than any number a net needs", number.span)
    return Number(float(number.value))


def _constant(word: ast.Word, constants: Names) -> Term:
    value = constants.look_up(word)
    if isinstance(value, tuple | list):
        raise error("value", f"the constant `{word.text}` is no number", word.span, help="equations take numbers")
    return Number(float(value))


def _applied(sign: str, a: Term, b: Term, span: Span) -> Term:
    if sign == "/":
        if isinstance(b, Number) and b.value == 0:
            raise error("division", "this divides by zero", span)
        return a / b
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def _first(parameters: Iterable[str]) -> str:
    return next(iter(parameters), "n")
