"""Programs on this processor: a plan's arenas, the tables of its launches, and its buffers as arrays."""

import ctypes
from collections.abc import Callable, Iterable, Mapping
from math import inf
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.backend import cache
from netlang.backend.arena import Arena, arena
from netlang.backend.cpu import bind, host_target, kernels, scratch_sizes
from netlang.backend.executor import Team, address, tell
from netlang.backend.limits import free_memory, refuse_beyond_memory
from netlang.border import inward, outward
from netlang.graph import NodeId
from netlang.loaded import NUMPY, Clock, Device, Loaded, apart
from netlang.memory import Buffer
from netlang.plan import SCRATCH, SHARED, Launch, Plan, shared
from netlang.primitives.launch import LANES, Address, Draft

Array = NDArray[Any]


MOMENT = 0.25  # seconds; a run that takes more is waited for where Ctrl-C is heard, which costs 0.3 to 3 ms
LONG = 3e8  # multiply-adds that may take more, as long as nobody knows how fast they are
MANY = 1e8  # multiply-adds of a run that takes less than a moment on any machine
WORTH = 1 << 16  # bytes of examples that are rather read where they lie than copied
SHORT = 1e6  # up to which other threads, where they sleep, would take longer to come than the caller's takes alone
TINY = 1e5  # up to which they would take longer to meet
AWAKE = 5e-4  # seconds for which other threads wait for the next run before they sleep; half of what they do


class Cpu(Device):
    """The processor. threads: None for all the machine grants

    left: when the last run ended, in seconds
    """

    left = -inf

    def __init__(self, dtype: str, threads: int | None = None) -> None:
        self.target = host_target(dtype, threads)
        self.team, self.one = Team(self.target.threads), Team(1)

    def missing(self, drafts: Iterable[Draft]) -> bool:
        """Whether one of the kernels is not in the cache."""
        return bool(cache.missing(kernels(drafts)))

    def compile_missing(self, batches: Iterable[Iterable[Draft]]) -> None:
        """In several processes, if they are many."""
        cache.compile_missing(kernels(drafts) for drafts in batches)

    def store(self, arenas: Mapping[str, int], guarded: bool) -> Arena:
        """Memory for weights, kept tensors and optimizer states, zero at first. Raises OutOfMemoryError."""
        kept = {name: size for name, size in arenas.items() if shared(name)}
        return arena(kept, guarded, "the weights")

    def load(self, plan: Plan, store: Arena, *, macs: int, guarded: bool) -> Loaded:
        """A plan in memory. Raises OutOfMemoryError."""
        return OnCpu(plan, store, self, macs=macs, guarded=guarded)

    def free_memory(self) -> float:
        """What the machine and its control groups leave."""
        return free_memory()

    def refuse_beyond_memory(self, size: int, what: str) -> None:
        """Raise OutOfMemoryError where `what` needs more bytes than are free."""
        refuse_beyond_memory(size, what)

    def received(self, value: Any) -> Any:
        """An array as it came; the border copies what has to be copied. Raises ValueError for one on a GPU."""
        if type(value) is not np.ndarray and hasattr(value, "__cuda_array_interface__"):
            raise ValueError(
                "this array lies on a GPU, and the program runs on the CPU: copy it first, as with `.cpu()`"
            )
        return value

    def team_for(self, macs: float) -> Team:
        """Who runs so many multiply-adds: who calls again at once finds all awake, or wakes them for the next."""
        alone = macs <= TINY or (macs <= SHORT and perf_counter() - self.left > AWAKE)
        return self.one if alone else self.team

    def close(self) -> None:
        """End the threads."""
        self.team.close()
        self.one.close()


class OnCpu(Loaded):
    """One plan, ready to run on this processor.

    store: the arenas it shares with other plans of the same net: weights and optimizer states
    macs: multiply-adds of an example; guarded: canaries behind every buffer
    """

    def __init__(self, plan: Plan, store: Arena, device: Cpu, *, macs: int, guarded: bool) -> None:
        self.plan, self.device, self.store, self.macs = plan, device, store, macs
        self.team = device.team
        drafts = [launch.draft for launches in plan.segments.values() for launch in launches]
        own, shared = scratch_sizes(drafts, device.team.threads)
        values = {apart(b.id): b.size for b in plan.buffers.values() if b.arena == "values"} if guarded else {}
        sizes = {name: size for name, size in plan.arenas.items() if name not in store.addresses}
        if guarded:
            del sizes["values"]
        self.arena = arena({**sizes, **values, SCRATCH: own, SHARED: shared}, guarded)
        self._views: dict[NodeId, Array] = {}
        self._inward: dict[NodeId, Callable[[Array], None]] = {}
        self._outward: dict[NodeId, Callable[[int], Array]] = {}
        self.tables = {name: self._bound(launches) for name, launches in plan.segments.items()}
        self._pace: dict[str, float] = {}  # seconds an example took when a segment ran last
        self._readers = {node.id: self._reading(node.id) for node in plan.inputs if self._as_callers_have(node.id)}

    def _bound(self, launches: tuple[Launch, ...]) -> Array:
        places = {b: self._place(buffer)[1] for b, buffer in self.plan.buffers.items()}
        scratch, shared = self.arena.addresses[SCRATCH], self.arena.addresses[SHARED]
        return bind([(launch.draft, launch.barrier) for launch in launches], places, scratch, shared)

    def _as_callers_have(self, buffer: NodeId) -> bool:
        """Whether a buffer has no padding, its elements are in the public order, and only "step" reads it."""
        at = self.plan.buffers[buffer]
        return at.lanes == "c" and at.type.channels % LANES == 0 and buffer not in self.plan.outputs.values()

    def _reading(self, buffer: NodeId) -> list[ctypes.c_int64]:
        """The arguments of "step" that are a buffer's address."""
        launches, table = self.plan.segments["step"], self.tables["step"]
        return [
            ctypes.c_int64.from_address(int(row[1]) + 8 * k)
            for launch, row in zip(launches, table, strict=True)
            for k, argument in enumerate(launch.draft.args)
            if argument == Address(buffer)
        ]

    def lend(self, values: Mapping[NodeId, Any]) -> Callable[[], None]:
        """Large arrays of the plan's own kind are read where they lie: to copy 128 examples of 784 takes 16 µs."""
        lent = []
        for name, value in values.items():
            if value.nbytes >= WORTH and self._suits(name, value):
                lent.append(name)
                self._read_at(name, address(value))
            else:
                self.write(name, value)

        if not lent:
            return _nothing

        def taken_back() -> None:  # a caller's array may be gone when somebody runs the launches next
            for name in lent:
                self._read_at(name, self._place(self.plan.buffers[name])[1])

        return taken_back

    def _suits(self, buffer: NodeId, value: Array) -> bool:
        """Whether an array can be read as the buffer is."""
        alike = value.dtype == NUMPY.get(self.plan.buffers[buffer].type.dtype)
        return alike and buffer in self._readers and value.flags.c_contiguous and value.flags.aligned

    def again(self, like: Array, clock: Clock) -> Callable[[Array], Array] | None:
        """Runs the segment "step" on the one input, as `lend`, `run` and `read` do; of 6 µs beside it 3 are left."""
        n, inputs, outputs = len(like), self.plan.inputs, list(self.plan.outputs.values())
        macs, device = self.macs * n, self.device
        if macs > MANY or len(inputs) != 1 or len(outputs) != 1 or not self.plan.segments["step"]:
            return None
        source, result = inputs[0].id, outputs[0]
        told = tell(self.tables["step"], n, 0, clock.step, clock.seed)
        write, read = self._writer(source), self._reader(result)

        def copied(value: Array) -> Array:
            write(value)
            return run()

        def run() -> Array:
            device.team_for(macs).again(told)
            device.left = perf_counter()
            return read(n)

        def lent(value: Array) -> Array:
            if not self._suits(source, value):
                return copied(value)
            try:
                self._read_at(source, address(value))
                return run()
            finally:
                self._read_at(source, own)

        own = self._place(self.plan.buffers[source])[1]
        return lent if like.nbytes >= WORTH and source in self._readers else copied

    def _read_at(self, buffer: NodeId, address: int) -> None:
        for argument in self._readers[buffer]:
            argument.value = address

    def _place(self, buffer: Buffer) -> tuple[Arena, int]:
        """The arena a buffer lies in, and its address."""
        if buffer.arena in self.store.addresses:
            return self.store, self.store.addresses[buffer.arena] + buffer.offset
        if buffer.arena in self.arena.addresses:
            return self.arena, self.arena.addresses[buffer.arena] + buffer.offset
        return self.arena, self.arena.addresses[apart(buffer.id)]

    def view(self, buffer: NodeId) -> Array:
        """The elements of a buffer, padding included, flat; they are the memory itself."""
        if buffer not in self._views:
            at = self.plan.buffers[buffer]
            home, address = self._place(at)
            start = address - home.memory.ctypes.data
            self._views[buffer] = home.memory[start : start + at.size].view(NUMPY[at.type.dtype])
        return self._views[buffer]

    def write(self, buffer: NodeId, value: Array) -> None:
        """Copy an array in the public shape into a buffer."""
        self._writer(buffer)(value)

    def _writer(self, buffer: NodeId) -> Callable[[Array], None]:
        if buffer not in self._inward:
            self._inward[buffer] = inward(self.plan.buffers[buffer], self.view(buffer))
        return self._inward[buffer]

    def read(self, buffer: NodeId, n: int) -> Array:
        """A copy of a buffer in its public shape, for a batch of n."""
        return self._reader(buffer)(n)

    def _reader(self, buffer: NodeId) -> Callable[[int], Array]:
        if buffer not in self._outward:
            self._outward[buffer] = outward(self.plan.buffers[buffer], self.view(buffer))
        return self._outward[buffer]

    def run(self, segment: str, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> None:
        """Run a segment for a batch of n. each: called after every launch, one at a time, for checks."""
        launches = self.plan.segments[segment]
        if not launches:
            return
        after = (lambda k: each(launches[k])) if each else None
        if segment != "update":  # which follows a step at once
            self.team = self.device.team_for(self.macs * n)
        began = perf_counter()
        self._run(self.tables[segment], n, clock, long=self._long(segment, n), each=after)
        if not each:
            self._pace[segment] = (self.device.left - began) / n

    def run_one(self, segment: str, launch: Launch, n: int, clock: Clock) -> None:
        """Run one launch alone, on whatever its operands hold."""
        k = self.plan.segments[segment].index(launch)
        self._run(self.tables[segment][k : k + 1], n, clock, long=self._long(segment, n))

    def _long(self, segment: str, n: int) -> bool:
        """Whether a run may take more than a moment: by how long the last one took, if there was one."""
        pace = self._pace.get(segment)
        return self.macs * n > LONG if pace is None else pace * n > MOMENT

    def _run(
        self, table: Array, n: int, clock: Clock, *, long: bool, each: Callable[[int], None] | None = None
    ) -> None:
        self.team.run(table, n, step=clock.step, seed=clock.seed, rate=clock.rate, long=long, each=each)
        self.device.left = perf_counter()

    def poison(self) -> None:
        """NaN in every value but the inputs: what is read before it was written will show."""
        kept = {node.id for node in self.plan.inputs}
        for buffer in self.plan.buffers.values():
            if buffer.arena == "values" and buffer.id not in kept:
                self.view(buffer.id)[:] = np.nan

    def damaged(self) -> list[str]:
        """The buffers behind whose ends something was written (guarded only)."""
        return [*self.arena.damaged(), *self.store.damaged()]


def _nothing() -> None:
    """Nothing was lent."""
