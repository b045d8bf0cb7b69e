"""The rig of the contract proofs: buffers in a guarded arena, outputs and scratch preset to NaN, threads at will."""

import numpy as np
import pytest

from netlang.backend import cache
from netlang.backend.arena import arena
from netlang.backend.cpu import bind, scratch_sizes
from netlang.backend.executor import Team
from netlang.primitives.launch import Draft, KernelText

HEADER = "from netlang.simd import *\n"


class Rig:
    """Launches over named arrays."""

    def kernel(self, name, body):
        """A kernel text from the body of its module."""
        return KernelText(name, HEADER + body)

    def run(self, drafts, inputs, outputs, threads, examples=0):
        """Run drafts with a barrier after each; returns copies of the outputs, by name.

        inputs: arrays by name; outputs: shapes by name, of float32
        """
        own, shared = scratch_sizes(drafts, threads)
        sizes = {name: array.nbytes for name, array in inputs.items()}
        sizes |= {name: 4 * int(np.prod(shape)) for name, shape in outputs.items()}
        memory = arena(sizes | {"scratch": own, "shared": shared}, guarded=True)
        memory.poison()
        for name, array in inputs.items():
            memory.view(name, array.dtype.str)[:] = array.ravel()
        where = memory.addresses
        table = bind([(draft, True) for draft in drafts], where, where["scratch"], where["shared"])
        with Team(threads) as team:
            assert team.run(table, examples).launches == len(drafts)
        assert memory.damaged() == []
        return {name: memory.view(name).reshape(shape).copy() for name, shape in outputs.items()}

    def assert_same_bits(self, drafts, inputs, outputs, examples=0):
        """Run with 1, 2 and 3 threads; returns the outputs, which are the same bit for bit."""
        one, *others = [self.run(drafts, inputs, outputs, threads, examples) for threads in (1, 2, 3)]
        for other in others:
            for name in outputs:
                np.testing.assert_array_equal(one[name].view(np.int32), other[name].view(np.int32))
        for draft in drafts:
            assert cache.foreign_calls(draft.kernel) == []
        return one


@pytest.fixture
def rig():
    return Rig()


__all__ = ["Draft", "Rig"]
