"""Generated programs, compiled: whatever is planned computes what is written.

NETLANG_PLANNED, NETLANG_INTERPRETED and NETLANG_COMPILED say how many programs of each test, NETLANG_FROM the seed of
the first; `python tests/generate.py` with a failing seed prints the program.
"""

import os

import numpy as np
import pytest
from generate import generate

from netlang.check import check
from netlang.diagnostics import NetError
from netlang.differentiate import differentiate
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.layer import Misfit
from netlang.lower import loss_of, lower
from netlang.net import Net
from netlang.passes import optimise
from netlang.pipeline import compile_plan, refuse_unready
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run
from netlang.source import Source
from netlang.syntax.parse import parse

PLANNED, INTERPRETED, COMPILED = (
    int(os.environ.get(f"NETLANG_{name}", usual))
    for name, usual in (("PLANNED", "100"), ("INTERPRETED", "20"), ("COMPILED", "3"))
)
TARGET = Target("test", "f64", ((6, 2), (1, 1)), 2)
EXAMPLES = 3
SLACK = 1e3  # of the rounding of a sum: programs normalise tiny variances and divide by them


def programs(count):
    """So many nets that compile for training, with their seeds."""
    found, seed = 0, int(os.environ.get("NETLANG_FROM", "0"))
    while found < count:
        text = generate(seed, spoil=0, small=True).text
        seed += 1
        try:
            net = check(parse(Source("g.net", text)))
            refuse_unready(net, "gradients")
            for name in net.graph.outputs:
                loss_of(net, name)
        except (NetError, Misfit):
            continue
        found += 1
        yield seed - 1, net


def feeds(graph, seed):
    """Numbers between -1 and 1; labels, where the loss reads classes."""
    rng = np.random.default_rng(seed)
    found = {}
    for node in graph:
        if node.inputs or not node.type.fixed:
            continue
        shape = node.type.arrayed(EXAMPLES)
        found[node.id] = rng.uniform(-1, 1, shape)
        if node.type.classes:
            found[node.id] = rng.integers(0, node.type.classes, shape).astype(float)
        if getattr(node.made_by, "kind", "") == "labels":
            found[node.id] = rng.integers(0, 2, shape).astype(float)
        if node.id.endswith(".variance"):
            found[node.id] = np.abs(found[node.id]) + 0.1
    return found


def targets(net, given):
    """By output, as a program takes them: classes are whole numbers."""
    found = {}
    for name in net.graph.outputs:
        value = given["target" if len(net.graph.outputs) == 1 else f"target.{name}"]
        found[name] = value.astype(int) if loss_of(net, name).target == "labels" else value
    return found


def _as_taken(node, value):
    """Tokens are whole numbers, and have no axis of their own."""
    return value[..., 0].astype(int) if node.type.classes else value


def lowered(net):
    graph = lower(net, training=True, dtype="f64")
    return differentiate(graph, wrt=[n.id for n in graph if _wanted(n)])


def _wanted(node):
    return not (node.inputs or node.type.classes or node.id.partition(".")[0] == "target")


def test_programs_are_lowered_differentiated_and_planned():
    for seed, net in programs(PLANNED):
        stages = compile_plan(net, "gradients", TARGET, EXAMPLES)

        assert stages.plan.segments["step"], seed
        assert {
            f"d:{node.id}" for node in net.graph.made_by(Input) if not node.type.classes
        } <= stages.plan.outputs.keys(), seed


@pytest.mark.parametrize("batch", [2, 16])  # channels, or examples, in the lanes
def test_what_is_optimised_computes_what_is_written(batch):
    for seed, net in programs(INTERPRETED):
        plain = lowered(net)
        better = optimise(plain, batch, strict=True)
        given = feeds(plain, seed)
        shaped = {n.id: np.reshape(given[n.id], n.type.arrayed(EXAMPLES)) for n in better.made_by(Input)}
        run = Run(EXAMPLES)
        old, new = interpret(plain, given, run), interpret(better, given | shaped, run)

        for name, of in plain.outputs.items():
            scale = max(1.0, np.abs(old[of]).max(initial=0))
            np.testing.assert_allclose(
                new[better.outputs[name]], old[of], atol=1e-12 * SLACK * scale, err_msg=f"{seed}: {name}"
            )


@pytest.mark.parametrize("batch", [EXAMPLES, 16])  # channels, or examples, in the lanes
def test_what_is_compiled_computes_what_is_written_with_one_thread_and_two(batch):
    for seed, net in programs(COMPILED):
        programs_ = [Net(net).compile(batch=batch, dtype="f64", threads=t, check_memory=True) for t in (1, 2)]
        given = feeds(programs_[0].stages("gradients").primitives, seed)
        x = {n.id: _as_taken(n, given[n.id]) for n in net.graph.made_by(Input)}
        target = targets(net, given)
        results = []
        for program in programs_:
            for name in program.weights:
                program.weights[name] = given[name]
            results.append(program.gradients(x, target))
        wanted = interpret(lowered(net), given, Run(EXAMPLES, step=1))

        for name, found in results[0][1].items():
            np.testing.assert_array_equal(found, results[1][1][name], err_msg=f"{seed}: {name}")
            of = wanted[f"d:{name}"] if f"d:{name}" in wanted else wanted[lowered(net).outputs[f"d:{name}"]]
            scale = max(1.0, np.abs(of).max(initial=0))
            np.testing.assert_allclose(found, of, atol=1e-12 * SLACK * scale, err_msg=f"{seed}: {name}")
