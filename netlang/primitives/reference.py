"""What each primitive computes, in slow and obvious NumPy, in any float type."""

import importlib
from typing import Any

import numpy as np

from netlang.primitives.primitive import Primitive
from netlang.record import dataclass
from netlang.types import Tensor

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """The step a program is in.

    first: the public number of the first example of the batch; step: from 1; rate: the learning rate
    """

    examples: int
    step: int = 1
    seed: int = 0
    rate: float = 0.1
    first: int = 0

    @property
    def runtime(self) -> dict[str, float]:
        """The scalars formulas read."""
        return {"examples": self.examples, "rate": self.rate, "step": self.step}


def reference(primitive: Primitive, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The value of a primitive. contraction/op.py finds contraction/reference.py."""
    value = _beside(primitive).compute(primitive, inputs, result, run)
    shape = result.arrayed(run.examples)
    assert value.shape == shape, f"{primitive} made {value.shape} where {shape} was promised"
    return np.asarray(value)


def updated(primitive: Primitive, inputs: tuple[Array, ...], run: Run) -> tuple[Array, ...]:
    """The new weight, and the new states, of an update."""
    found: tuple[Array, ...] = _beside(primitive).updated(primitive, inputs, run)
    return found


def _beside(primitive: Primitive) -> Any:
    package = type(primitive).__module__.rpartition(".")[0]
    return importlib.import_module(f"{package}.reference")
