"""Cells as `.net` text, read off their formulas: weights as `W[..]`, `w` and `b`, activations by their words."""

from collections.abc import Iterator, Mapping
from functools import cache

from netlang.formula import Call, Name, Number, Term, order
from netlang.formula.term import SIGNS, is_number
from netlang.layer import Layer, all_layers
from netlang.layers.activation.op import Activation
from netlang.layers.recurrent.cell import Cell, Equation, Fitted
from netlang.types import decimal

Said = tuple[str, int]  # a text, and how tightly its outermost operation binds
TIGHT = 5
MUL, NEG = SIGNS["mul"][1], 4  # what stands behind a sign binds at least so tightly


def statement(cell: Cell) -> Iterator[str]:
    """The lines of the `cell` statement."""
    parameters = (name if value is None else f"{name}={decimal(value)}" for name, value in cell.parameters)
    yield f"cell {cell.name}({', '.join(parameters)}):"
    yield f"    state {', '.join(f'{name}={width(term)}' for name, term in cell.states)}"
    yield from (f"    {equation(one)}" for one in cell.equations)
    yield f"    output {cell.output}"


def equation(of: Equation) -> str:
    """`f = sigmoid(W[x, h] + b)`."""
    return f"{of.name} = {part(of.term, of)}"


def part(term: Term, of: Equation) -> str:
    """A part of an equation, as a file has it."""
    return _said(term, _plain(of))[0]


def shaped(of: Equation, cell: Fitted) -> str:
    """`f = sigmoid(W[x, h] + b): 128 = W 192x128 · [x 64, h 128] + b`: what stands in the function, with the sizes."""
    made = f"{equation(of)}: {cell.widths[of.name]}"
    if all(owned.kind != "W" for owned in of.owned):
        return made
    called = function(of.term)
    return f"{made} = {_said(called[1] if called else of.term, _sized(of, cell))[0]}"


def width(term: Term) -> str:
    """How wide a state is."""
    return _said(term, {})[0]


@cache
def functions() -> dict[str, type[Activation]]:
    """What equations may call, by its word: the activations without weights, at their usual settings."""
    return {kind.word: kind for kind in all_layers() if issubclass(kind, Activation) and not trains(kind)}


def trains(kind: type[Layer]) -> bool:
    """Whether a layer has weights."""
    return kind.weights is not Layer.weights


def _plain(of: Equation) -> dict[str, Said]:
    """What an equation owns, as a file has it."""
    made: dict[str, Said] = {}
    for owned in reversed(of.owned):  # what stands inside a product comes behind it
        operands = ", ".join(_said(operand, made)[0] for operand in owned.operands)
        made[owned.name] = (f"W[{operands}]" if owned.kind == "W" else owned.kind), TIGHT
    return made


def _sized(of: Equation, cell: Fitted) -> dict[str, Said]:
    """What an equation owns, with numbers and sizes."""
    made: dict[str, Said] = {}
    for owned in reversed(of.owned):
        label = owned.name.rpartition(".")[2]
        operands = ", ".join(f"{_said(operand, made)[0]} {cell.width(operand)}" for operand in owned.operands)
        product = f"{label} {cell.rows(owned)}x{cell.widths[owned.name]} · [{operands}]"
        made[owned.name] = (product, MUL) if owned.kind == "W" else (label, TIGHT)
    return made


def _said(term: Term, owned: Mapping[str, Said]) -> Said:
    if isinstance(term, Number):
        return decimal(term.value), TIGHT if term.value >= 0 else MUL
    if isinstance(term, Name):
        return owned.get(term.name, (term.name.rstrip("'"), TIGHT))
    assert isinstance(term, Call), term
    if (called := function(term)) is not None:
        return f"{called[0]}({_said(called[1], owned)[0]})", TIGHT
    if term.name == "where":  # `step(t) * a` is folded to where(t > 0, a, 0)
        condition, value, otherwise = term.args
        assert isinstance(condition, Call), term
        assert condition.name == "gt", term
        assert is_number(otherwise, 0), term
        gate = functions()["step"]().formula(condition.args[0])
        return f"{_bracketed(gate, MUL, owned)} * {_bracketed(value, MUL + 1, owned)}", MUL
    if term.name == "neg":
        return f"-{_bracketed(term.args[0], NEG, owned)}", MUL
    sign, rank = SIGNS[term.name]
    left, right = term.args
    return f"{_bracketed(left, rank, owned)} {sign} {_bracketed(right, rank + 1, owned)}", rank


def _bracketed(term: Term, rank: int, owned: Mapping[str, Said]) -> str:
    text, binds = _said(term, owned)
    return text if binds >= rank else f"({text})"


def function(term: Term) -> tuple[str, Term] | None:
    """The activation that a term is, and of what: the largest part that its formula makes the term of."""
    for part in reversed(order(term)[:-1]):
        if not isinstance(part, Number):
            for word, kind in functions().items():
                if kind().formula(part) is term:
                    return word, part
    return None
