"""The gradient of a formula: one formula for each operand, summed over the places the operand was spread to."""

from netlang.formula import Name, Number, Term, derive, names, replace, substitute
from netlang.layer import Emit, Value
from netlang.primitives.primitive import broadcast, named, spread
from netlang.types import Tensor


def slopes(
    term: Term, emit: Emit, inputs: tuple[Value, ...], full: Tensor, dy: Value, y: Value | None = None
) -> tuple[Value | None, ...]:
    """The gradient by each operand, None where it is zero.

    full: the type over which the formula runs; dy is spread over it
    y: the formula's value, read instead of the operands where the rules allow
    """
    gradients = derive(term, Name("dy") if dy.known is None else dy.known, named(inputs))
    operands = {**named(inputs), "dy": dy}
    if y is not None and not isinstance(term, Name | Number):
        gradients = tuple(replace(g, term, Name("y")) for g in gradients)
        operands["y"] = y
    return tuple(
        None if g == Number(0) else _gathered(emit, g, operands, x, full)
        for g, x in zip(gradients, inputs, strict=True)
    )


def _gathered(emit: Emit, term: Term, operands: dict[str, Value], x: Value, full: Tensor) -> Value:
    """The formula over `full`, summed to the type of x."""
    from netlang.primitives.sum.op import Sum

    over = summed(full, x.type)
    if not over:
        return formula(emit, term, {"": x, **operands}, full)
    read = names(term)
    if not read or broadcast(*(operands[name].type for name in read)).shape != full.shape:
        term, operands, read = Name("v"), {"v": formula(emit, term, {"": x, **operands}, full)}, ("v",)
    value = emit(Sum(numbered(term), over[0]), *(operands[name] for name in read))
    return emit(Sum(Name("i0"), over[1]), value) if over[1:] else value


def formula(emit: Emit, term: Term, operands: dict[str, Value], full: Tensor) -> Value:
    """A map of the operands the term reads, of the type `full`; the operand itself if that is all the term is.

    operands: by name; one without a name is read where the term reads none
    """
    from netlang.primitives.map.op import Map

    read = [operands[name] for name in names(term)] or [operands[""]]  # nothing but numbers: any operand will do
    if isinstance(term, Name) and read[0].type == full:
        return read[0]
    same = broadcast(*(value.type for value in read)).shape == full.shape
    return emit(Map(numbered(term), None if same else full.shape), *read)


def numbered(term: Term) -> Term:
    """The term with its operands called i0, i1, ... in the order it reads them."""
    return substitute(term, {name: Name(f"i{k}") for k, name in enumerate(names(term))})


def summed(full: Tensor, x: Tensor) -> tuple[str, ...]:
    """What to sum over, first to last, to undo the spreading of x."""
    kind = spread(full, x)
    if kind == "example":
        return ("channel",) if len(full.shape) == 2 else ("positions", "channel")
    return {
        "full": (),
        "channel": ("batch",),
        "position": ("channel",),
        "image": ("positions",),
        "place": ("examples",),
        "scalar": ("all",),
    }[kind]
