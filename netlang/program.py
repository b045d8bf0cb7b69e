"""Programs: compiled nets with their weights, which run and train."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netlang import faults
from netlang.again import Again, again
from netlang.alone import OneCaller, alone
from netlang.backend import choices
from netlang.diagnostics import count, either
from netlang.fit import device, precision_for
from netlang.given import Given, Inputs, Shared, steps_behind
from netlang.graph import Input, State
from netlang.layer import Kept, Weight
from netlang.loaded import NUMPY, Clock, Loaded, on_gpu
from netlang.net import Net
from netlang.pipeline import Stages, compile_plan, optimizer_of
from netlang.primitives.launch import Draft
from netlang.ragged import cut
from netlang.record import dataclass
from netlang.report import summary
from netlang.start import started
from netlang.tensors import Tensors

Array = NDArray[Any]
Batch = Array | Mapping[str, Array]  # of the one input or output, or by the names of several
Supervised = tuple[Batch, Batch] | tuple[Batch, Batch, Batch | None]  # x, target, and their lengths
Purpose = tuple[str, Shared]
FAR = 1e12  # what rate times gradient may move a weight by before one looks whether it can still be computed with
LARGEST = float(np.finfo(np.float32).max)
LOST = 1e18  # a weight whose square float32 cannot hold
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Options:
    """How a net is compiled.

    batch: the most examples of one call; threads: None for all the machine grants
    memory: bytes that training, with evaluation beside it, may take; None for what is fastest
    precision: None for that of the `train:` settings, or "fast"
    choices: of convolutions; None for what was measured on this machine (`backend/choices.py`)
    """

    batch: int
    training: bool = False
    seed: int = 0
    threads: int | None = None
    check_memory: bool = False
    check_nan: bool = False
    dtype: str = "f32"
    device: str = "cpu"
    precision: str | None = None
    memory: int | None = None
    choices: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fed:
    """A batch on its way to a plan. arrive: puts it into the plan's buffers"""

    loaded: Loaded
    given: Given
    arrive: Callable[[], None]


class Program(OneCaller):
    """A compiled net with its weights.

    rate: the learning rate of the next step; steps: optimizer steps done
    norm: the length of the gradient of the last step, over all weights
    choices: of convolutions, as they were measured
    whole_steps: whether a step that runs comes to its end, whoever breaks it off
    weights, state: the weights, and what the optimizer remembers, by name

    One caller at a time: a second one meanwhile gets BusyError. Plans for evaluation, training and
    gradients share the weights; each is compiled when it is first needed.
    """

    def __init__(self, net: Net, settings: Mapping[str, Any], options: Options) -> None:
        if options.device not in DEVICES or options.dtype not in NUMPY:
            raise ValueError(f"programs run on {either(DEVICES)} in f32 and f64, not {options.device} {options.dtype}")
        self.precision = precision_for(net.checked, settings, options)
        self.net, self.options = net, options
        self.checked = replace(net.checked, train=settings)
        self.batch = options.batch
        self.steps = 0
        self.norm = math.nan
        super().__init__()
        self.device = device(options.device, options.dtype, options.threads, self.precision)
        self.target = self.device.target
        self.whole_steps = options.device == "cuda"
        measured = options.choices is None and options.device == "cpu"
        self.choices = dict(choices.read(options.dtype, self.target.threads) if measured else options.choices or {})
        self._version = 0
        self._again: Again | None = None
        self._inputs = Inputs(list(net.graph.made_by(Input)), self.device.received)
        self._store: Any = None
        self._loaded: dict[Purpose, Loaded] = {}
        self._stages: dict[Purpose, Stages] = {}
        purpose = "train" if options.training else "evaluate"
        self.device.compile_missing(self._wanted(purpose))
        home, graph = self.loaded(purpose), self.stages(purpose).optimised
        self.weights = Tensors([*graph.made_by(Weight), *graph.made_by(Kept)], home, self.net.identity, self.changed)
        self.state = Tensors(list(graph.made_by(State)), home, self.net.identity, self.changed)
        self.rate = float(settings.get("lr") or optimizer_of(settings).rate)
        for name, value in started(self.checked, self.options.seed):
            self.weights[name] = value

    def stages(self, purpose: str, lengths: Shared = ()) -> Stages:
        """What the compiler made for a purpose: "evaluate", "loss", "gradients" or "train".

        lengths: the inputs whose examples have lengths of their own, and the input they are given for
        """
        if (purpose, lengths) not in self._stages:
            share = not self.options.check_memory
            strict = self.precision == "strict"
            self._stages[purpose, lengths] = compile_plan(
                self.checked,
                purpose,
                self.target,
                self.batch,
                share=share,
                strict=strict,
                lengths=dict(lengths),
                memory=None if self.options.training and purpose == "evaluate" else self.options.memory,
                beside=self._beside(purpose),
                choices=self.choices,
            )
        return self._stages[purpose, lengths]

    def _beside(self, purpose: str) -> int:
        """Bytes of the memory granted that training leaves to evaluation, which comes between its steps."""
        return self.stages("evaluate").plan.beside if purpose == "train" and self.options.memory else 0

    def loaded(self, purpose: str, lengths: Shared = ()) -> Loaded:
        """The plan for a purpose, compiled and in memory."""
        if (purpose, lengths) not in self._loaded:
            plan = self.stages(purpose, lengths).plan
            if self._store is None:
                self._store = self.device.store(plan.arenas, self.options.check_memory)
            guarded = self.options.check_memory
            self._loaded[purpose, lengths] = self.device.load(plan, self._store, macs=self._macs, guarded=guarded)
        return self._loaded[purpose, lengths]

    def _refuse_beyond_memory(self, purpose: str) -> None:
        """Raise OutOfMemoryError, before time goes into compiling."""
        what = {"train": "a training step on", "evaluate": "evaluation of"}[purpose]
        self.device.refuse_beyond_memory(self.stages(purpose).plan.size, f"{what} {count(self.batch, 'example')}")

    def _wanted(self, purpose: str) -> Iterator[list[Draft]]:
        """The launches for a purpose, and where kernels of a training are missing, those of the evaluation to come."""
        self._refuse_beyond_memory(purpose)
        yield self._drafts(purpose)
        if purpose == "train" and self.device.missing(self._drafts(purpose)):
            yield self._drafts("evaluate")

    def _drafts(self, purpose: str) -> list[Draft]:
        segments = self.stages(purpose).plan.segments.values()
        return [launch.draft for launches in segments for launch in launches]

    def changed(self) -> None:
        """The weights are others than those the plans prepared for."""
        self._version += 1

    @alone
    def __call__(self, x: Batch, lengths: Batch | None = None) -> Any:
        """The output for x[n, ...] in evaluation mode, n of any size; a dict of outputs where there are several.

        lengths: of the examples of a sequence, [n]; by input if there are several with lengths of their own. What
            stands in x beyond them does not matter, and outputs are zero there
        Where x lies on the GPU (`__cuda_array_interface__`), so does the answer.
        """
        last = self._again
        if last and lengths is None and type(x) is np.ndarray and (x.shape, x.dtype, self._version) == last.kind:
            return last.run(x)
        repeated = self._inputs.like_before(x, lengths)
        given = self._inputs.given(x, lengths)
        loaded = self.loaded("evaluate", given.shared)
        if given.n <= self.batch:
            outputs = self._evaluate(loaded, given)
            if isinstance(x, np.ndarray) and repeated and not self._checks(loaded, given.n):
                clock = Clock(self.steps, self.options.seed)
                self._again = again(loaded, self.net.graph, x, clock, self._version)
        else:
            parts = [self._evaluate(loaded, given.part(k, k + self.batch)) for k in range(0, given.n, self.batch)]
            outputs = {name: self.device.joined([part[name] for part in parts]) for name in loaded.plan.outputs}
        return outputs if len(outputs) > 1 else outputs.popitem()[1]

    def _evaluate(self, loaded: Loaded, given: Given) -> dict[str, Array]:
        take_back = loaded.lend(given.values(loaded.plan.inputs))
        try:
            self._run(loaded, given.n, Clock(self.steps, self.options.seed))
        finally:
            take_back()
        there = self.options.device != "cpu" and any(map(on_gpu, given.inputs.values()))
        read = loaded.read_there if there else loaded.read
        outputs, made_by = loaded.plan.outputs, self.net.graph.outputs
        return {name: self._public(made_by[name], read(buffer, given.n)) for name, buffer in outputs.items()}

    def step(self, x: Batch, target: Batch, lengths: Batch | None = None) -> float:
        """One optimizer step on x[n, ...]; the loss before it, averaged over the examples.

        target: for all outputs, or by the name of each; lengths: as for a call. The loss of an output that is a
            sequence is then the average over all real steps of the batch

        Raises NetError if the loss, a gradient or a new weight is not finite; the weights are then as before.
        """
        return next(self.train([(x, target, lengths)]))

    def train(self, batches: Iterable[Supervised]) -> Iterator[float]:
        """A step on each batch (x, target, lengths), as `step` takes them: the loss of each, before it.

        While a step runs on a GPU the next batch is asked for and on its way there. What the iterator raises meanwhile
        leaves the weights, and `steps`, as they were before the step, or on a GPU as they are after it.
        """
        if not self.options.training:
            raise ValueError("this program was compiled without training=True")
        return self._trained(iter(batches))

    def _trained(self, batches: Iterator[Supervised]) -> Iterator[float]:
        fed = self._first(batches)
        while fed is not None:
            loss, fed = self._stepped(fed, batches)
            yield loss

    def _next(self, batches: Iterator[Supervised]) -> Fed | None:
        """The next batch, on its way."""
        return next((self._fed("train", *batch) for batch in batches), None)

    _first = alone(_next)

    @alone
    def _stepped(self, fed: Fed, batches: Iterator[Supervised]) -> tuple[float, Fed | None]:
        """A step on a batch: its loss, and the next batch, on its way."""
        if not math.isfinite(self.rate):
            raise ValueError(f"the learning rate is {self.rate}: the weights would be lost")
        loaded, n, each = fed.loaded, fed.given.n, self._checks(fed.loaded, fed.given.n)
        clock = Clock(self.steps + 1, self.options.seed, self.rate, self._within)
        fed.arrive()
        self._prepare(loaded, n, clock)
        loaded.train(n, clock, each=each)
        try:
            following = self._next(batches)
            loss, norm2 = loaded.trained(n, clock, each=each)
        except BaseException:
            if loaded.ahead and clock.allows(*loaded.measured()):
                self._stepped_to(clock)
            raise
        if not clock.allows(loss, norm2):
            self._update_far(loaded, n, clock, (loss, norm2))
        self._stepped_to(clock)
        self.norm = math.sqrt(loaded.length2(norm2))
        return loss, following

    def _stepped_to(self, clock: Clock) -> None:
        """The weights are those after the step."""
        self.steps = clock.step
        self.changed()

    @alone
    def gradient_norms(self) -> dict[str, float]:
        """The length of the last step's gradient by each weight it trained; of the program before a step, none."""
        if not self.steps:
            return {}
        loaded = self.loaded("train")
        plan = loaded.plan
        found = ((name, loaded.view(buffer)) for name, buffer in plan.gradients.items())
        norms = {name: float(np.linalg.norm(values.astype(np.float64))) for name, values in found}
        norms |= {name: math.sqrt(loaded.view(of.gradient)[0]) for name, of in plan.factored.items()}
        return {name: norms[name] for name in self.weights if name in norms}

    def _update_far(self, loaded: Loaded, n: int, clock: Clock, measured: tuple[float, float]) -> None:
        """New weights behind a step that was out of the ordinary.

        Raises NetError where it was not finite, or where they would be lost; they are then as before.
        """
        if not all(map(math.isfinite, measured)):
            raise faults.first_bad(loaded, n, clock, self.net)
        before = self._store.saved()
        loaded.run("update", n, clock, each=self._checks(loaded, n))
        if not self._kept():
            self._store.restore(before)
            raise faults.lost(self.net, self.rate)

    @property
    def _within(self) -> float:
        """The squared length of a gradient up to which nobody has to look at the new weights; a float32."""
        most = FAR / (self.rate * self._factor) if self.rate > 0 else math.inf
        return float(np.float32(min(most, LARGEST))) if most >= 1 else -1.0

    def _kept(self) -> bool:
        """Whether the weights, and what the optimizer remembers, can still be computed with."""
        return all(np.abs(self.weights[name]).max(initial=0) < LOST for name in self.weights) and all(
            np.isfinite(self.state[name]).all() for name in self.state
        )

    @alone
    def loss(self, x: Batch, target: Batch, lengths: Batch | None = None) -> float:
        """The loss in training mode, as `gradients` has it, at the price of the way forward alone."""
        fed = self._fed("loss", x, target, lengths)
        loaded = fed.loaded
        fed.arrive()
        self._run(loaded, fed.given.n, Clock(self.steps + 1, self.options.seed, self.rate))
        return float(loaded.view(loaded.plan.outputs["loss"])[0])

    @alone
    def gradients(self, x: Batch, target: Batch, lengths: Batch | None = None) -> tuple[float, dict[str, Array]]:
        """The loss in training mode and its gradient by every weight and input, by their names."""
        fed = self._fed("gradients", x, target, lengths)
        loaded, given, n = fed.loaded, fed.given, fed.given.n
        fed.arrive()
        self._run(loaded, n, Clock(self.steps + 1, self.options.seed, self.rate))
        grads = {
            name.removeprefix("d:"): self._public(name.removeprefix("d:"), loaded.read(buffer, n))
            for name, buffer in loaded.plan.outputs.items()
            if name.startswith("d:")
        }
        grads |= {name: cut(grads[name], steps) for name, steps in given.lengths.items() if name in grads}
        return float(loaded.view(loaded.plan.outputs["loss"])[0]), grads

    def _public(self, node: str, value: Array) -> Array:
        """The value in the shape of the net's node: in memory a sequence may be an image of one row."""
        type_ = self.net.graph[node].type
        if value.shape[1:] == type_.shape[1:] or not type_.batched:
            return value
        return value.reshape(type_.arrayed(len(value)))

    def _run(self, loaded: Loaded, n: int, clock: Clock) -> None:
        """The segments "prepare", where the weights have changed, and "step"."""
        self._prepare(loaded, n, clock)
        loaded.run("step", n, clock, each=self._checks(loaded, n))

    def _prepare(self, loaded: Loaded, n: int, clock: Clock) -> None:
        """The segment "prepare", where the weights have changed."""
        if self.options.check_memory:
            loaded.poison()
            loaded.prepared = -1
        if loaded.prepared != self._version:
            loaded.run("prepare", n, clock, each=self._checks(loaded, n))
            loaded.prepared = self._version

    def _checks(self, loaded: Loaded, n: int) -> Any:
        """What is looked at after each launch, or None."""
        if not (self.options.check_memory or self.options.check_nan):
            return None
        return lambda launch: faults.check(
            loaded, launch, n, self.net, memory=self.options.check_memory, nan=self.options.check_nan
        )

    @cached_property
    def _factor(self) -> float:
        """By what at most the learning rate of one weight, or its own part of the gradient, is multiplied."""
        weights = (node.made_by for node in self.net.graph.made_by(Weight))
        return max((max(w.rate, 1.0) * max(w.l2, 1.0) for w in weights), default=1.0)

    @cached_property
    def _macs(self) -> int:
        macs = summary(self.net.checked).macs
        assert isinstance(macs, int), "a net with free sizes is not compiled"
        return macs

    def _fed(self, purpose: str, x: Batch, target: Batch, lengths: Batch | None = None) -> Fed:
        """Examples and targets on their way to the plan for a purpose."""
        given, target = self._inputs.given(x, lengths), self._received(target)
        if given.n > self.batch:
            raise ValueError(f"this program takes {count(self.batch, 'example')} at a time, not {given.n}")
        loaded = self.loaded(purpose, given.shared)
        values = dict(given.values(loaded.plan.inputs))
        for node in loaded.plan.inputs:
            if node.id not in values:
                name = node.id.partition(".")[2] or next(iter(self.net.graph.outputs))
                read = self.net.graph[self.net.graph.outputs[name]].type
                wanted, ends = faults.target_of(target, name), values.get(node.made_by.ends)
                real = None if ends is None else ends[:, 0]
                values[node.id] = faults.checked_target(node, wanted, given.n, read, real)
        return Fed(loaded, given, loaded.bring(values))

    def real_steps(self, lengths: Batch) -> Array | None:
        """How many steps of the first output are real for examples of these lengths; None if it is no sequence.

        Raises LengthsError where a layer cannot take one of them.
        """
        return steps_behind(self.checked, next(iter(self.net.graph.outputs.values())), lengths)

    def _received(self, value: Any) -> Any:
        """Arrays of the caller's as the device takes them."""
        if isinstance(value, Mapping):
            return {name: self.device.received(array) for name, array in value.items()}
        return self.device.received(value)

    def close(self) -> None:
        """Let the threads go; the program cannot run after."""
        self.device.close()
