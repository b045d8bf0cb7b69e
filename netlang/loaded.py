"""A plan in the memory of a device, and what programs ask of the device they run on.

`on_cpu.py` and `on_gpu.py` answer.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netlang.graph import NodeId
from netlang.plan import NORM, Launch, Plan
from netlang.primitives.launch import Draft, Target

Array = NDArray[Any]
NUMPY = {"f32": np.float32, "f64": np.float64}


class Clock(NamedTuple):
    """What a run tells its kernels besides the batch.

    rate: the learning rate; step: counted from 1; within: how long a squared gradient may be
    """

    step: int = 0
    seed: int = 0
    rate: float = 0.0
    within: float = 0.0

    def allows(self, loss: float, norm2: float) -> bool:
        """Whether weights may change after a step with this loss, and this squared length of the gradient."""
        return math.isfinite(loss) and norm2 <= self.within


class Loaded(ABC):
    """One plan, ready to run on a device.

    prepared: the version of the weights that the segment "prepare" ran for
    ahead: whether the update of the step that was set going will come whatever happens here
    """

    plan: Plan
    prepared: int = -1
    ahead: bool = False

    @abstractmethod
    def view(self, buffer: NodeId) -> Array:
        """The elements of a buffer, padding included, flat; on the CPU they are the memory itself."""

    @abstractmethod
    def write(self, buffer: NodeId, value: Any) -> None:
        """Copy an array in the public shape into a buffer."""

    def bring(self, values: Mapping[NodeId, Any]) -> Callable[[], None]:
        """Send examples of inputs on their way, beside what runs; what is returned then puts them into the buffers."""

        def arrived() -> None:
            for name, value in values.items():
                self.write(name, value)

        return arrived

    def lend(self, values: Mapping[NodeId, Any]) -> Callable[[], None]:
        """Let the segment "step" read examples of inputs where they lie if it can, else from their buffers.

        What is returned makes it read from buffers again.
        """
        self.bring(values)()
        return lambda: None

    @abstractmethod
    def read(self, buffer: NodeId, n: int) -> Array:
        """A copy of a buffer in its public shape, for a batch of n."""

    def read_there(self, buffer: NodeId, n: int) -> Any:
        """The same where the plan lies."""
        return self.read(buffer, n)

    def again(self, like: Array, clock: Clock) -> Callable[[Array], Array] | None:
        """What gives the one output for examples of the one input, with all looked up that does not depend on them.

        like: examples of their shape and dtype

        None where it would spare nothing worth while.
        """
        return None

    @abstractmethod
    def run(self, segment: str, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> None:
        """Run a segment for a batch of n. each: called after every launch, one at a time, for checks."""

    def train(self, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> None:
        """Set a training step going, for a batch of n; `trained` ends it. each: as for `run`"""
        self.run("step", n, clock, each=each)

    def trained(self, n: int, clock: Clock, *, each: Callable[[Launch], None] | None = None) -> tuple[float, float]:
        """The loss and the squared length of the gradient; the weights are new where the clock allows it."""
        loss, norm2 = self.measured()
        if clock.allows(loss, norm2):
            self.run("update", n, clock, each=each)
        return loss, norm2

    def measured(self) -> tuple[float, float]:
        """The loss of the last step, and what the squared length of its gradient is at most: |x^T dy| <= |x| |dy|."""
        products = (self._scalar(of.x) * self._scalar(of.dy) for of in self.plan.factored.values())
        return self._scalar(self.plan.outputs["loss"]), self._scalar(NORM) + sum(products)

    def length2(self, most: float) -> float:
        """The squared length of the gradient of a step that was done, which `measured` told to be `most` at most."""
        behind = (self._scalar(of.gradient) for of in self.plan.factored.values())
        return self._scalar(NORM) + sum(behind) if self.plan.factored else most

    def _scalar(self, buffer: NodeId) -> float:
        return float(self.view(buffer)[0])

    @abstractmethod
    def run_one(self, segment: str, launch: Launch, n: int, clock: Clock) -> None:
        """Run one launch alone, on whatever its operands hold."""

    @abstractmethod
    def poison(self) -> None:
        """NaN in every value but the inputs: what is read before it was written will show."""

    @abstractmethod
    def damaged(self) -> list[str]:
        """The buffers behind whose ends something was written (guarded only)."""


class Device(ABC):
    """What programs run on. target: as the planner sees it"""

    target: Target

    @abstractmethod
    def missing(self, drafts: Iterable[Draft]) -> bool:
        """Whether kernels of these launches would have to be compiled, so that it is worth while to do many at once."""

    @abstractmethod
    def compile_missing(self, batches: Iterable[Iterable[Draft]]) -> None:
        """Compile the kernels of these launches that are not kept, those of one batch while the next is asked for."""

    @abstractmethod
    def store(self, arenas: Mapping[str, int], guarded: bool) -> Any:
        """Memory for weights, kept tensors and optimizer states, zero at first. Raises OutOfMemoryError."""

    @abstractmethod
    def load(self, plan: Plan, store: Any, *, macs: int, guarded: bool) -> Loaded:
        """A plan in memory, its kernels compiled.

        macs: multiply-adds of an example, by which one knows how long a run will take
        guarded: canaries behind every buffer

        Raises OutOfMemoryError.
        """

    @abstractmethod
    def free_memory(self) -> float:
        """Bytes that can still be taken."""

    @abstractmethod
    def refuse_beyond_memory(self, size: int, what: str) -> None:
        """Raise OutOfMemoryError where `what` needs more bytes than can be taken."""

    @abstractmethod
    def received(self, value: Any) -> Any:
        """An array of a caller's, such as the device takes."""

    def joined(self, parts: list[Any]) -> Any:
        """Arrays of examples one behind the other."""
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    @abstractmethod
    def close(self) -> None:
        """Let go of what runs; programs cannot run after."""


def apart(buffer: NodeId) -> str:
    """What memory of its own for a value is called: a tensor of the file may have the name of an arena."""
    return f"`{buffer}`"


def on_gpu(value: Any) -> bool:
    """Whether an array is one of Numba's on a GPU."""
    return type(value) is not np.ndarray and bool(getattr(value, "__cuda_ndarray__", False))


def fetched(value: Any) -> Any:
    """The same on the host."""
    return value.copy_to_host() if on_gpu(value) else value
