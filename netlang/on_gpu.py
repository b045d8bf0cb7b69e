"""Programs on a GPU: the arenas of a plan on the device, its launches in order on one stream.

Weights stay on the device; a batch is moved there once, the next one while a step runs. Arrays with
`__cuda_array_interface__` are read where they are, and answered with such arrays. In Numba's simulator
(NUMBA_ENABLE_CUDASIM=1) the same code runs without a GPU.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang.backend.cuda import border, kernels, launches, machine, memory
from netlang.backend.cuda.control import Control
from netlang.backend.cuda.incoming import Incoming
from netlang.backend.cuda.memory import DeviceArena
from netlang.backend.cuda.ptx import typed
from netlang.backend.cuda.target import gpu_target, simulated, simulated_target
from netlang.border import pack, unpack
from netlang.graph import NodeId
from netlang.loaded import NUMPY, Clock, Device, Loaded, apart, on_gpu
from netlang.memory import Buffer, elements, incoming
from netlang.plan import NORM, SHARED, Launch, Plan, shared
from netlang.primitives.launch import Draft, chain

Array = NDArray[Any]
TRAIN = "train"  # the queue of the segments "step" and "update"


class Gpu(Device):
    """The first GPU. Raises Problem where there is none.

    products: "fma", or on tensor cores "tf32" or "bf16", of which the simulator's threads are too slow to have any
    """

    def __init__(self, dtype: str, products: str) -> None:
        machine.refuse_without_gpu()
        self.target = simulated_target(dtype) if simulated() else gpu_target(dtype, products, _multiprocessors())
        self.dtype = NUMPY[dtype]
        self._closed = False

    def missing(self, drafts: Iterable[Draft]) -> bool:
        """Whether one of the kernels is not in the cache; the simulator compiles none."""
        return not simulated() and bool(kernels.missing(_typed(drafts)))

    def compile_missing(self, batches: Iterable[Iterable[Draft]]) -> None:
        """In several processes, if they are many; the simulator compiles none."""
        kernels.compile_missing(() if simulated() else _typed(drafts) for drafts in batches)

    def store(self, arenas: Mapping[str, int], guarded: bool) -> DeviceArena:
        """Memory for weights, kept tensors and optimizer states, zero at first. Raises OutOfMemoryError."""
        kept = {name: size for name, size in arenas.items() if shared(name)}
        return memory.arena(kept, self.dtype, "storing the weights", guarded=guarded, zero=True)

    def load(self, plan: Plan, store: DeviceArena, *, macs: int, guarded: bool) -> Loaded:
        """A plan in the GPU's memory. Raises OutOfMemoryError."""
        return OnGpu(plan, store, self, guarded=guarded)

    def free_memory(self) -> float:
        """What the driver says; infinite in the simulator."""
        return memory.free_memory()

    def refuse_beyond_memory(self, size: int, what: str) -> None:
        """Raise OutOfMemoryError where `what` needs more bytes than the GPU has free."""
        memory.refuse_beyond_memory(size, what)

    def received(self, value: Any) -> Any:
        """An array of the caller's: one on a GPU as Numba sees it, another as it is. Raises ValueError."""
        from netlang.backend.cuda.imported import cuda

        if not on_gpu(value):
            if not hasattr(value, "__cuda_array_interface__"):
                return value
            value = cuda.as_cuda_array(value)
        if not value.is_c_contiguous():
            raise ValueError("this array on the GPU is not contiguous: copy it first, as with `.contiguous()`")
        return value

    def placed(self, value: Array) -> Any:
        """An array of examples on the GPU."""
        from netlang.backend.cuda.imported import cuda

        return cuda.to_device(value)

    def joined(self, parts: list[Any]) -> Any:
        """Arrays of examples one behind the other, on the GPU if they are there."""
        from netlang.backend.cuda.imported import cuda

        if not on_gpu(parts[0]):
            return np.concatenate(parts)
        if len(parts) == 1:
            return parts[0]
        whole = cuda.device_array((sum(map(len, parts)), *parts[0].shape[1:]), self.dtype)
        start = 0
        for part in parts:
            whole[start : start + len(part)].copy_to_device(part)
            start += len(part)
        return whole

    def refuse_closed(self) -> None:
        """Raise RuntimeError for a program that was closed."""
        if self._closed:
            raise RuntimeError("this program was closed")

    def close(self) -> None:
        """Programs cannot run after; the memory goes with the last of them."""
        self._closed = True


class OnGpu(Loaded):
    """One plan, ready to run on a GPU.

    store: the arenas it shares with other plans of the same net
    """

    def __init__(self, plan: Plan, store: DeviceArena, device: Gpu, *, guarded: bool) -> None:
        self.plan, self.store, self.device = plan, store, device
        sizes = {name: size for name, size in plan.arenas.items() if name not in store.arrays}
        values = {apart(b.id): b.size for b in plan.buffers.values() if b.arena == "values"} if guarded else {}
        if guarded:
            del sizes["values"]
        self.arena = memory.arena({**sizes, **values, SHARED: plan.scratch[1]}, device.dtype, guarded=guarded)
        self.stream = launches.stream()
        self._control = Control(device.dtype, self.stream)
        self._told: tuple[int, Clock] | None = None  # what lies there
        self._places = {name: self._place(buffer) for name, buffer in plan.buffers.items()}
        self.incoming = Incoming({node.id: self._places[incoming(node.id)] for node in plan.inputs}, self.stream)
        self._queues: dict[str, launches.Queue] = {}
        for name in ("prepare", TRAIN if plan.segments["update"] else "step"):  # what is next; others when asked for
            self._queue(name)

    def _queue(self, name: str) -> launches.Queue:
        """The launches of a segment; or of a whole training step, which looks itself whether weights may change."""
        if name not in self._queues:
            found = self._step() if name == TRAIN else self._bound(name)
            self._queues[name] = launches.Queue(found, self.stream)
        return self._queues[name]

    def _step(self) -> list[list[launches.Ready]]:
        loss, norm2 = (self._places[buffer] for buffer in (self.plan.outputs["loss"], NORM))
        return [*self._bound("step"), [self._control.look(loss, norm2)], *self._bound("update")]

    def _bound(self, segment: str) -> list[list[launches.Ready]]:
        where = self._places, self._control.arrays, self.arena.whole(SHARED), self.stream
        return [launches.bound(launch.draft, *where) for launch in self.plan.segments[segment]]

    def _place(self, buffer: Buffer) -> Any:
        """The elements of a buffer on the device."""
        item = np.dtype(self.device.dtype).itemsize
        offset, size = buffer.offset // item, buffer.size // item
        if buffer.arena in self.store.arrays:
            return self.store.part(buffer.arena, offset, size)
        if buffer.arena in self.arena.arrays:
            return self.arena.part(buffer.arena, offset, size)
        return self.arena.part(apart(buffer.id), 0, size)

    def view(self, buffer: NodeId) -> Array:
        """A copy of the elements of a buffer, padding included, flat."""
        return self._fetched(self._places[buffer])

    def _fetched(self, there: Any) -> Array:
        """A copy on the host, as soon as what stands on the stream is done; other streams are not waited for."""
        found: Array = there.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return found

    def write(self, buffer: NodeId, value: Any) -> None:
        """Copy an array in the public shape into a buffer."""
        at, place = self.plan.buffers[buffer], self._places[buffer]
        if on_gpu(value):
            border.pack(place, value, at.type.channels, _pitch(at), self.stream)
            return
        count = _elements(at, len(value) if at.type.batched else 0)
        host = np.empty(count, self.device.dtype)
        pack(at, host, value)
        place[:count].copy_to_device(host, self.stream)

    def bring(self, values: Mapping[NodeId, Any]) -> Callable[[], None]:
        """Send examples on their way, on a stream of their own; on the GPU they get their padding."""
        return self.incoming.bring(values, self.write)

    def read(self, buffer: NodeId, n: int) -> Array:
        """A copy of a buffer in its public shape, for a batch of n."""
        at = self.plan.buffers[buffer]
        return unpack(at, self._fetched(self._places[buffer][: _elements(at, n)]), n)

    def read_there(self, buffer: NodeId, n: int) -> Any:
        """The same as an array on the GPU."""
        from netlang.backend.cuda.imported import cuda

        at = self.plan.buffers[buffer]
        made = cuda.device_array(at.type.arrayed(n), self.device.dtype)
        border.unpack(self._places[buffer], made, at.type.channels, _pitch(at), self.stream)
        self.stream.synchronize()
        return made

    def run(self, segment: str, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> None:
        """Put a segment for a batch of n on the stream; who reads a buffer waits for it."""
        self._tell(n, clock)
        if each is None:
            self._queue(segment).run()
            return
        for k, launch in enumerate(self.plan.segments[segment]):
            self._queue(segment).run_alone([k])
            self.stream.synchronize()
            each(launch)

    def train(self, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> None:
        """Put a whole step on the stream, and its update behind it, as one graph."""
        self.ahead = each is None
        if each is not None:
            super().train(n, clock, each=each)
            return
        self._tell(n, clock)
        self._queue(TRAIN).run()
        self._told = None  # whether weights may change, the GPU has told itself

    def trained(self, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> tuple[float, float]:
        """The loss and the squared length of the gradient; the weights are new where the clock allows it."""
        return self._control.measured() if each is None else super().trained(n, clock, each=each)

    def run_one(self, segment: str, launch: Launch, n: int, clock: Clock) -> None:
        """Run one launch alone, on whatever its operands hold."""
        self._tell(n, clock)
        self._queue(segment).run_alone([self.plan.segments[segment].index(launch)])

    def _tell(self, n: int, clock: Clock) -> None:
        """What kernels read besides buffers and sizes, on the device: so a recorded launch reads what is new."""
        self.device.refuse_closed()
        if self._told == (n, clock):
            return
        self._told = n, clock
        self._control.tell(n, clock.step, clock.seed, clock.rate, clock.within)

    def poison(self) -> None:
        """NaN in every value but the inputs: what is read before it was written will show."""
        kept = {node.id for node in self.plan.inputs}
        for buffer in self.plan.buffers.values():
            if buffer.arena == "values" and buffer.id not in kept:
                place = self._place(buffer)
                place.copy_to_device(np.full(place.size, np.nan, self.device.dtype))

    def damaged(self) -> list[str]:
        """The buffers behind whose ends something was written (guarded only)."""
        return [*self.arena.damaged(), *self.store.damaged()]


def _multiprocessors() -> int:
    """Of the GPU, as many as any has at least where the driver does not say."""
    gpu = machine.found()
    return (gpu.multiprocessors if isinstance(gpu, machine.Gpu) else 0) or 1


def _typed(drafts: Iterable[Draft]) -> Iterator[Any]:
    """The kernels of launches, and of those that follow them, with the types of their arguments."""
    return (typed(each) for draft in drafts for each in chain(draft))


def _pitch(at: Buffer) -> int:
    return -(-at.type.channels // at.pad) * at.pad


def _elements(at: Buffer, n: int) -> int:
    """How many elements of a buffer a batch of n fills."""
    return elements(at.type, at.lanes, n, at.pad)
