"""Maps: the formula, evaluated on whole arrays."""

from math import prod

import numpy as np

from netlang.formula import Term, evaluate, needs
from netlang.primitives.map.op import Map, Update
from netlang.primitives.primitive import named
from netlang.primitives.reference import Array, Run
from netlang.types import Tensor


def compute(primitive: Map | Update, inputs: tuple[Array, ...], result: Tensor, run: Run) -> Array:
    """The formula of the operands. The states of an `Update` are the concern of `interpret`."""
    term = primitive.term if isinstance(primitive, Map) else primitive.terms[0]
    return formula(term, named(inputs), result.arrayed(run.examples), run)


def updated(primitive: Update, inputs: tuple[Array, ...], run: Run) -> tuple[Array, ...]:
    """The new weight and states."""
    return tuple(formula(term, named(inputs), inputs[0].shape, run) for term in primitive.terms)


def formula(term: Term, operands: dict[str, Array], shape: tuple[int, ...], run: Run) -> Array:
    """The term over a shape; random numbers and channels are told by the place in it."""
    dtype = np.result_type(*operands.values())

    def random(stream: int) -> Array:
        from netlang.simd.philox import uniform

        first = run.first * prod(shape[1:])
        return uniform(run.seed, run.step, stream, first + np.arange(prod(shape)).reshape(shape), dtype)

    channel = np.arange(shape[-1]) if "channel" in needs(term) else None
    value = evaluate(term, operands, runtime=run.runtime, random=random, channel=channel)
    return np.broadcast_to(np.asarray(value, dtype), shape)
