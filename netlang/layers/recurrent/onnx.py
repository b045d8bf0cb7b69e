"""Recurrent layers in ONNX: its own operators for those it has, else the equations as the body of a Scan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.formula import Name, Term, names
from netlang.layers.onnx import Body, Named, Operators, Stored, in_onnx
from netlang.layers.recurrent.cell import INPUT, Equation, Fitted, Owned, before
from netlang.layers.recurrent.op import Gru, Lstm, Recurrent, Rnn
from netlang.record import dataclass

Array = NDArray[Any]


@dataclass(frozen=True)
class _Way:
    """One direction a sequence is read in, with its weights by their names in the cell."""

    weights: Mapping[str, Named]
    reverse: bool


def _ways(layer: Recurrent, cell: Fitted, weights: Sequence[Named]) -> list[_Way]:
    owned = [each.name for equation in cell.equations for each in equation.owned]
    if not layer.flag("bidirectional"):
        return [_Way(dict(zip(owned, weights, strict=True)), layer.flag("reverse"))]
    halves = weights[: len(owned)], weights[len(owned) :]
    return [_Way(dict(zip(owned, half, strict=True)), back) for half, back in zip(halves, (False, True), strict=True)]


@in_onnx(Recurrent)
def scanned(ops: Operators, layer: Recurrent, x: Named, *weights: Named) -> str:
    """Scan, for each direction; outputs of both are joined."""
    cell = layer.of(x.type)
    parts = []
    for way in _ways(layer, cell, weights):
        y = _scan(ops, cell, x, way)
        if layer.flag("last"):
            y = ops("Gather", y, ops.constant(0 if way.reverse else -1, np.int64), axis=2)
        parts.append(y)
    return parts[0] if len(parts) == 1 else ops("Concat", *parts, axis=1)


def _scan(ops: Operators, cell: Fitted, x: Named, way: _Way) -> str:
    """The output of every step, [n, f, t]."""
    values = {name: ops.weight(weight) for name, weight in way.weights.items()}
    entering = {before(state): ops.fresh(f"{state}_before") for state in cell.states} | {INPUT: ops.fresh("x")}
    step = _Step(ops, ops.inner(), cell, ops("Shape", x, end=1), values | entering)
    for equation in cell.equations:
        step.take(equation)
    leaving = tuple(step.inner("Identity", step.values[name]) for name in (*cell.states, cell.output))
    return ops(
        "Scan",
        *(step.zeros(width) for width in cell.states.values()),
        x,
        result=len(cell.states),
        body=Body(ops.fresh("step"), tuple(entering.values()), leaving, tuple(step.inner.made)),
        num_scan_inputs=1,
        scan_input_axes=[2],
        scan_output_axes=[2],
        scan_input_directions=[int(way.reverse)],
        scan_output_directions=[int(way.reverse)],
    )


@dataclass
class _Step:
    """The body under construction. batch: the number of examples; values: what names of the cell are called in it."""

    outer: Operators
    inner: Operators
    cell: Fitted
    batch: str
    values: dict[str, str]
    known: dict[int, str] = field(default_factory=dict)

    def zeros(self, width: int) -> str:
        """[n, width]; made in front of the loop."""
        if width not in self.known:
            size = self.outer("Concat", self.batch, self.outer.integers(width), axis=0)
            self.known[width] = self.outer("ConstantOfShape", size)
        return self.known[width]

    def take(self, equation: Equation) -> None:
        """Compute its products, those within products first, and its value."""
        for owned in reversed(equation.owned):
            if owned.kind == "W":
                parts = [self.rows(operand) for operand in owned.operands]
                joined = parts[0] if len(parts) == 1 else self.inner("Concat", *parts, axis=1)
                self.values[owned.name] = self.inner("MatMul", joined, self.values[owned.name])
        self.values[equation.name] = self.rows(equation.term)

    def rows(self, term: Term) -> str:
        """What a formula comes to for every example, [n, f]; biases and weights alone are one row for all."""
        value = self.inner.formula(term, self.values)
        vectors = {each.name for e in self.cell.equations for each in e.owned if each.kind != "W"}
        return value if set(names(term)) - vectors else self.inner("Add", self.zeros(self.cell.width(term)), value)


@in_onnx(Rnn)
def rnn(ops: Operators, layer: Rnn, x: Named, *weights: Named) -> str:
    """RNN."""
    count = 2 if layer.bidirectional else 1
    return _native(ops, layer, x, weights, "RNN", "h", activations=[layer.act.capitalize()] * count)


@in_onnx(Lstm)
def lstm(ops: Operators, layer: Lstm, x: Named, *weights: Named) -> str:
    """LSTM; its third gate is the forget gate, its fourth what the cell takes in."""
    return _native(ops, layer, x, weights, "LSTM", "iofg")


@in_onnx(Gru)
def gru(ops: Operators, layer: Gru, x: Named, *weights: Named) -> str:
    """GRU; `linear_before_reset` is the reset behind the product."""
    return _native(ops, layer, x, weights, "GRU", "zrg", linear_before_reset=int(layer.reset == "after"))


def _native(
    ops: Operators, layer: Recurrent, x: Named, weights: Sequence[Named], kind: str, gates: str, **attributes: Any
) -> str:
    """An operator of ONNX's own: matrices [directions, gates*n, ...], steps first."""
    if any(isinstance(weight, Stored) and weight.transposes for weight in weights):
        return scanned(ops, layer, x, *weights)
    cell = layer.of(x.type)
    ways = _ways(layer, cell, weights)
    n = layer.width
    biases = [[each.name for each in _owned(cell, gate, "b")] for gate in gates]
    slots = [*(found[0] for found in biases), *(found[1] if len(found) > 1 else None for found in biases)]
    joined = [
        _matrices(ops, cell, ways, gates, outer=True),
        _matrices(ops, cell, ways, gates, outer=False),
        _vectors(ops, "B", slots, ways, n),
    ]
    if looks := [each.name for gate in gates for each in _owned(cell, gate, "w")]:
        joined += ["", "", "", _vectors(ops, "P", looks, ways, n)]  # no lengths, nothing before the first step
    direction = "bidirectional" if len(ways) == 2 else "reverse" if ways[0].reverse else "forward"
    said = {"hidden_size": n, "direction": direction, **attributes}
    steps = ops("Transpose", x, perm=[2, 0, 1])
    if layer.flag("last"):
        final = ops(kind, steps, *joined, result=1, **said)  # [directions, n, f]
        return ops.reshaped(ops("Transpose", final, perm=[1, 0, 2]), 0, len(ways) * n)
    y = ops(kind, steps, *joined, **said)  # [t, directions, n, f]
    return ops.reshaped(ops("Transpose", y, perm=[2, 1, 3, 0]), 0, len(ways) * n, -1)


def _owned(cell: Fitted, gate: str, kind: str) -> Iterator[Owned]:
    """The matrices, biases or weights of the equation of a gate."""
    return (each for e in cell.equations if e.name == gate for each in e.owned if each.kind == kind)


def _matrices(ops: Operators, cell: Fitted, ways: Sequence[_Way], gates: str, *, outer: bool) -> str:
    """[directions, gates*n, rows]: what multiplies the step of the sequence, or (`outer` no) the state before it."""
    places = [_rows(cell, gate, outer) for gate in gates]

    def make(*arrays: Array) -> Array:
        each = [array[start:stop].T for array, (_, start, stop) in zip(arrays, places * len(ways), strict=True)]
        return np.stack([np.concatenate(each[k : k + len(gates)]) for k in range(0, len(each), len(gates))])

    name, start, stop = places[0]
    shape = len(ways), len(gates) * cell.widths[name], stop - start
    return ops.composed(
        "W" if outer else "R", [way.weights[name] for way in ways for name, _, _ in places], shape, make
    )


def _rows(cell: Fitted, gate: str, outer: bool) -> tuple[str, int, int]:
    """The weight that multiplies the one or the other, and from which to before which of its rows."""
    for owned in _owned(cell, gate, "W"):
        start = 0
        for operand in owned.operands:
            stop = start + cell.width(operand)
            if (operand == Name(INPUT)) == outer:
                return owned.name, start, stop
            start = stop
    raise TypeError(f"the equation of `{gate}` is none that ONNX knows")


def _vectors(ops: Operators, name: str, slots: Sequence[str | None], ways: Sequence[_Way], n: int) -> str:
    """[directions, vectors*n], zeros for None."""

    def make(*arrays: Array) -> Array:
        given = iter(arrays)
        zeros = np.zeros(n, "<f4")
        return np.stack([np.concatenate([zeros if slot is None else next(given) for slot in slots]) for _ in ways])

    of = [way.weights[slot] for way in ways for slot in slots if slot is not None]
    return ops.composed(name, of, (len(ways), len(slots) * n), make)
