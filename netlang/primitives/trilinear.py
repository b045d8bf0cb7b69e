"""A trilinear form between x, weights w and y, seen from one of its three sides: each is a gradient of the others."""

from dataclasses import replace

from netlang.layer import Emit, Value
from netlang.primitives.primitive import Primitive
from netlang.record import dataclass


@dataclass(frozen=True)
class Trilinear(Primitive):
    """What the form makes: role "out" y of x and w, role "data" x of y and w, role "weight" w of x and y."""

    role: str

    def grad(self, emit: Emit, inputs: tuple[Value, ...], y: Value, dy: Value) -> tuple[Value | None, ...]:
        out, data, weight = (replace(self, role=role) for role in ("out", "data", "weight"))
        a, b = inputs
        if self.role == "out":
            return emit(data, dy, b), emit(weight, a, dy)
        if self.role == "data":
            return emit(out, dy, b), emit(weight, dy, a)
        return emit(data, b, dy), emit(out, a, dy)
