"""A plan in memory: its arenas, the tables of its launches, and its buffers as arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.backend.arena import Arena, arena
from netlang.backend.cpu import bind, scratch_sizes
from netlang.backend.executor import Team
from netlang.border import pack, unpack
from netlang.graph import NodeId
from netlang.memory import Buffer
from netlang.plan import SCRATCH, SHARED, Launch, Plan, shared

Array = NDArray[Any]
NUMPY = {"f32": np.float32, "f64": np.float64}


@dataclass(frozen=True, slots=True)
class Clock:
    """What a run tells its kernels besides the batch. rate: the learning rate; step: counted from 1."""

    step: int = 0
    seed: int = 0
    rate: float = 0.0


class Loaded:
    """One plan, ready to run.

    store: the arenas it shares with other plans of the same net: weights and optimizer states
    guarded: canaries behind every buffer
    """

    def __init__(self, plan: Plan, store: Arena, team: Team, *, guarded: bool) -> None:
        self.plan, self.team, self.store = plan, team, store
        drafts = [launch.draft for launches in plan.segments.values() for launch in launches]
        own, shared = scratch_sizes(drafts, team.threads)
        apart = {_apart(b.id): b.size for b in plan.buffers.values() if b.arena == "values"} if guarded else {}
        sizes = {name: size for name, size in plan.arenas.items() if name not in store.addresses}
        if guarded:
            del sizes["values"]
        self.arena = arena({**sizes, **apart, SCRATCH: own, SHARED: shared}, guarded)
        self.tables = {name: self._bound(launches) for name, launches in plan.segments.items()}
        self.prepared = -1  # the version of the weights that the segment "prepare" ran for

    def _bound(self, launches: tuple[Launch, ...]) -> Array:
        places = {b: self._place(buffer)[1] for b, buffer in self.plan.buffers.items()}
        scratch, shared = self.arena.addresses[SCRATCH], self.arena.addresses[SHARED]
        return bind([(launch.draft, launch.barrier) for launch in launches], places, scratch, shared)

    def _place(self, buffer: Buffer) -> tuple[Arena, int]:
        """The arena a buffer lies in, and its address."""
        if buffer.arena in self.store.addresses:
            return self.store, self.store.addresses[buffer.arena] + buffer.offset
        if buffer.arena in self.arena.addresses:
            return self.arena, self.arena.addresses[buffer.arena] + buffer.offset
        return self.arena, self.arena.addresses[_apart(buffer.id)]

    def view(self, buffer: NodeId) -> Array:
        """The elements of a buffer, padding included, flat; they are the memory itself."""
        at = self.plan.buffers[buffer]
        home, address = self._place(at)
        start = address - home.memory.ctypes.data
        return home.memory[start : start + at.size].view(NUMPY[at.type.dtype])

    def write(self, buffer: NodeId, value: Array) -> None:
        """Copy an array in the public shape into a buffer."""
        pack(self.plan.buffers[buffer], self.view(buffer), value)

    def read(self, buffer: NodeId, n: int) -> Array:
        """A copy of a buffer in its public shape, for a batch of n."""
        return unpack(self.plan.buffers[buffer], self.view(buffer), n)

    def run(
        self, segment: str, n: int, clock: Clock, *, long: bool = False, each: Callable[[Launch], None] | None = None
    ) -> None:
        """Run a segment for a batch of n. each: called after every launch, one at a time, for checks."""
        launches = self.plan.segments[segment]
        if not launches:
            return
        after = (lambda k: each(launches[k])) if each else None
        table = self.tables[segment]
        self.team.run(table, n, step=clock.step, seed=clock.seed, rate=clock.rate, long=long, each=after)

    def run_one(self, segment: str, launch: Launch, n: int, clock: Clock) -> None:
        """Run one launch alone, on whatever its operands hold."""
        k = self.plan.segments[segment].index(launch)
        table = self.tables[segment][k : k + 1]
        self.team.run(table, n, step=clock.step, seed=clock.seed, rate=clock.rate)

    def poison(self) -> None:
        """NaN in every value but the inputs: what is read before it was written will show."""
        kept = {node.id for node in self.plan.inputs}
        for buffer in self.plan.buffers.values():
            if buffer.arena == "values" and buffer.id not in kept:
                self.view(buffer.id)[:] = np.nan

    def damaged(self) -> list[str]:
        """The buffers behind whose ends something was written (guarded only)."""
        return [*self.arena.damaged(), *self.store.damaged()]


def _apart(buffer: NodeId) -> str:
    """What memory of its own for a value is called: a tensor of the file may have the name of an arena."""
    return f"`{buffer}`"


def store(arenas: Mapping[str, int], guarded: bool) -> Arena:
    """Memory for weights, kept tensors and optimizer states, zero at first. Raises OutOfMemoryError."""
    kept = {name: size for name, size in arenas.items() if shared(name)}
    return arena(kept, guarded, "the weights")
