"""Recurrences: a loop over the steps, in each the lines from first to last."""

import numpy as np

from netlang.formula import evaluate
from netlang.primitives.reference import Array, Run
from netlang.primitives.scan.op import Given, Line, Piece, Scan
from netlang.types import Tensor


def compute(primitive: Scan | Piece, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The joined outputs; or one of the values of such a joined result."""
    if isinstance(primitive, Piece):
        return shifted(inputs[0], primitive.start, primitive.width, primitive.shift)
    y = np.zeros(result.arrayed(run.examples), inputs[0].dtype)
    steps = range(y.shape[1])
    shape = (y.shape[0], 1)
    given = {g.name: _sequence(g, inputs[g.operand], len(steps)) for g in primitive.given}
    before = {s.name: np.zeros((y.shape[0], s.width), y.dtype) for s in primitive.states}
    fixed = {s.name: inputs[s.operand][s.start : s.start + s.width] for s in primitive.shared}
    for t in reversed(steps) if primitive.reverse else steps:
        here = np.ones(shape, bool) if primitive.lengths is None else t < inputs[primitive.lengths]
        values = {**fixed, **before, **{name: x[:, t] for name, x in given.items()}}
        for line in primitive.lines:
            values[line.name] = np.where(here, _value(line, values, inputs), 0)
        before = {s.name: values[s.value] for s in primitive.states}
        for name, start in primitive.starts.items():
            y[:, t, start : start + primitive.widths[name]] = values[name]
    return y


def _sequence(given: Given, x: Array, steps: int) -> Array:
    if given.only is None:
        return shifted(x, given.start, given.width, given.shift)
    found = np.zeros((len(x), steps, given.width), x.dtype)
    found[:, given.only] = x[:, given.start : given.start + given.width]
    return found


def shifted(x: Array, start: int, width: int, shift: int) -> Array:
    """x[n, t + shift, start:start + width], zeros beyond the ends."""
    beyond = np.zeros((x.shape[0], abs(shift), width), x.dtype)
    part = x[..., start : start + width]
    if shift < 0:
        return np.concatenate([beyond, part[:, : x.shape[1] + shift]], 1)[:, : x.shape[1]]
    return np.concatenate([part[:, shift:], beyond], 1)[:, : x.shape[1]]


def _value(line: Line, values: dict[str, Array], inputs: tuple[Array, ...]) -> Array:
    if line.term is not None:
        return np.asarray(evaluate(line.term, {name: values[name] for name in line.reads}), inputs[0].dtype)
    total = np.zeros(line.width, inputs[0].dtype)
    for p in line.products:
        a = values[p.value]
        matrix = inputs[p.operand].T if p.turned else inputs[p.operand]
        total = total + a @ matrix[p.row : p.row + a.shape[1], p.column : p.column + line.width]
    return total
