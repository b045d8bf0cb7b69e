"""Training in bf16 where there is no GPU: the interpreter, with the factors of all products rounded.

    PYTHONPATH=. OMP_NUM_THREADS=1 python tests/rounded.py examples/lenet.net bf16 0 1 2

prints what docs/measurements/learning.md has of bf16: the test accuracy that the training in the file comes to with
each seed. The graph is that of `--device cuda --precision bf16`, and what it keeps in bf16 is rounded too; sums and
weights stay in float32. "compiled" is
float32 as the CPU computes it at precision=strict; "float32" and "tf32" are interpreted too.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import netlang
from netlang.backend.cuda.target import gpu_target
from netlang.graph import Input, State
from netlang.halves import halves
from netlang.interpret import interpret, stepped
from netlang.layer import Kept, Weight
from netlang.pipeline import compile_plan, optimizer_of
from netlang.primitives.contraction import reference
from netlang.primitives.reference import Run
from netlang.simd import fragments
from netlang.start import started
from netlang.train import data, prepare, runs
from netlang.train.loop import Training
from netlang.train.settings import settle

EXACT = reference.compute
ROUNDED: dict[str, Callable[[Any], Any]] = {
    "float32": np.asarray,
    "tf32": fragments.tf32,
    "bf16": lambda value: fragments.wide(fragments.bf16(value)),
}


def products_in(kind: str) -> None:
    """From here on the interpreter multiplies factors rounded so."""

    def compute(primitive: Any, inputs: Any, result: Any, run: Run) -> Any:
        made = EXACT(primitive, tuple(ROUNDED[kind](value) for value in inputs), result, run)
        assert made.dtype == np.float32
        return made

    reference.compute = compute if kind != "exact" else EXACT


class Interpreted:
    """A program that is interpreted (`netlang/train/face.py`)."""

    norm, whole_steps = 0.0, False

    def __init__(self, net: Any, batch: int, seed: int, kind: str) -> None:
        self.batch, self.seed, self.steps, self.choices = batch, seed, 0, dict[str, str]()
        self.rate = float(net.train.get("lr") or optimizer_of(net.train).rate)
        target = gpu_target(products="bf16")
        self.graphs = {use: compile_plan(net.checked, use, target, batch).optimised for use in ("train", "evaluate")}
        self.halves = {use: halves(graph) if kind == "bf16" else frozenset() for use, graph in self.graphs.items()}
        self.weights: dict[str, Any] = {name: np.asarray(v, np.float32) for name, v in started(net.checked, seed)}
        self.state = {n.id: np.zeros(n.type.arrayed(0), np.float32) for n in self.graphs["train"].made_by(State)}

    def _given(self, use: str, **values: Any) -> dict[str, Any]:
        graph = self.graphs[use]
        inputs = {node.id: node.type for node in graph.made_by(Input)}
        given = {name: np.reshape(v, inputs[name].arrayed(len(v))) for name, v in values.items()}
        stored = {**self.weights, **self.state}
        return given | {node.id: stored[node.id] for kind in (Weight, State, Kept) for node in graph.made_by(kind)}

    def _values(self, use: str, run: Run, **given: Any) -> dict[str, Any]:
        """Of all nodes; what a GPU keeps in bf16 is rounded."""

        def stored(node: str, value: Any) -> Any:
            return ROUNDED["bf16"](value) if node in self.halves[use] else value

        return interpret(self.graphs[use], self._given(use, **given), run, stored)

    def __call__(self, x: Any) -> Any:
        graph = self.graphs["evaluate"]
        values = self._values("evaluate", Run(len(x)), input=x)
        return values[graph.outputs["output"]].reshape(len(x), -1)

    def train(self, batches: Iterable[Any]) -> Iterator[float]:
        graph = self.graphs["train"]
        for x, y, _ in batches:
            self.steps += 1
            run = Run(len(x), self.steps, self.seed, self.rate)
            values = self._values("train", run, input=x, target=y)
            for name, value in stepped(graph, values, run).items():
                (self.state if name in self.state else self.weights)[name] = value
            yield float(values[graph.outputs["loss"]])

    def gradient_norms(self) -> dict[str, float]:
        return {}

    def real_steps(self, lengths: Any) -> None:
        return None

    def close(self) -> None:
        pass


class Silence:
    def step(self, *_: Any) -> None:
        pass

    epoch = step

    def close(self) -> None:
        pass


def accuracy(net: Any, program: Any, seed: int, **options: Any) -> float:
    """Of the test part, after the training that the file asks for. options: other settings than its own"""
    settings, _ = settle(net.train, {"seed": seed, **options})
    examples = prepare.examples(
        data.load(settings.data, settings.split, None), net.input, net.output, net.labelled, None
    )
    with tempfile.TemporaryDirectory() as folder:
        run = runs.new(Path(folder), net.name, None, net.text)
        result = Training(net, program, examples, settings, run).go(Silence())
    return float(result.score.accuracy)


def compiled(net: Any, seed: int, **options: Any) -> float:
    program = net.compile(batch=int(net.train["batch"]), training=True, seed=seed, threads=1, precision="strict")
    return accuracy(net, program, seed, **options)


def interpreted(net: Any, seed: int, kind: str, **options: Any) -> float:
    products_in(kind)
    try:
        return accuracy(net, Interpreted(net, int(net.train["batch"]), seed, kind), seed, **options)
    finally:
        products_in("exact")


if __name__ == "__main__":
    file, kind, *seeds = sys.argv[1:]
    for asked in map(int, seeds):
        loaded = netlang.load(file)
        found = compiled(loaded, asked) if kind == "compiled" else interpreted(loaded, asked, kind)
        sys.stdout.write(f"{loaded.name} {kind} {asked}: {100 * found:.2f}\n")
        sys.stdout.flush()
