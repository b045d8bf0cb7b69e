"""Generated programs over sequences: an example of a batch is what it is alone, cut to its length.

NETLANG_LENGTHS says how many programs, NETLANG_FROM the seed of the first.
"""

import os

import numpy as np
import pytest
from generate import generate

from netlang.check import check, refitted
from netlang.diagnostics import NetError
from netlang.graph import Input, Lengths
from netlang.interpret import interpret
from netlang.layer import Kept, Weight
from netlang.lengths import sequences, tables
from netlang.lower import lower
from netlang.primitives.reference import Run
from netlang.source import Source
from netlang.syntax.parse import parse

COUNT = int(os.environ.get("NETLANG_LENGTHS", "12"))
EXAMPLES = 3


def programs():
    """Nets that read one sequence and take examples of different lengths, with their seeds; none that jumps."""
    found, seed = 0, int(os.environ.get("NETLANG_FROM", "0")) - 1
    while found < COUNT:
        seed += 1
        text = generate(seed, spoil=0, small=True).text
        try:
            net = check(parse(Source("g.net", text)))
            if "step" in text or [node.id for node in net.graph.made_by(Input)] != sequences(net):
                continue
            (name,) = sequences(net)
            known = tables(net, {name: name}, training=False)
        except NetError:
            continue
        found += 1
        yield seed, net, name, known


def random_numbers(graph, lengths, words, rng):
    """What a graph is fed: zeros beyond the ends, as programs put them there."""
    feeds = {}
    for node in graph:
        shape = node.type.arrayed(EXAMPLES)
        if isinstance(node.made_by, Lengths):
            feeds[node.id] = np.array([[node.made_by.steps[n - 1]] for n in lengths], float)
        elif isinstance(node.made_by, Weight | Kept):
            feeds[node.id] = rng.normal(size=shape) / 2
        elif isinstance(node.made_by, Input):
            value = rng.integers(0, words, shape).astype(float) if words else rng.normal(size=shape)
            feeds[node.id] = np.where(np.arange(shape[1])[:, None] < np.array(lengths)[:, None, None], value, 0)
        if node.id.endswith(".variance"):
            feeds[node.id] = np.abs(feeds[node.id]) + 0.5
    return feeds


def test_an_example_of_a_generated_program_is_answered_as_alone():
    for seed, net, name, known in programs():
        rng = np.random.default_rng(seed)
        x = net.graph[name].type
        taken = [n for n in range(1, x.shape[1] + 1) if all(table.steps[n - 1] for table in known.values())]
        lengths = [x.shape[1], *(int(n) for n in rng.choice(taken, size=EXAMPLES - 1))]
        graph = lower(net, training=False, dtype="f64", lengths={name: name})
        feeds = random_numbers(graph, lengths, x.classes, rng)
        values = interpret(graph, feeds, Run(examples=EXAMPLES))

        for k, steps in enumerate(lengths):
            single = lower(refitted(net, {name: (steps, *x.shape[2:])}), training=False, dtype="f64")
            own = {n.id: feeds[n.id] for n in single if isinstance(n.made_by, Weight | Kept)}
            wanted = interpret(single, {**own, name: feeds[name][k : k + 1, :steps]}, Run(examples=1))
            for output, of in single.outputs.items():
                y, alone = values[graph.outputs[output]][k], wanted[of][0]
                assert y[: len(alone)] == pytest.approx(alone, rel=1e-8, abs=1e-9 * np.abs(alone).max()), f"seed {seed}"
                assert len(y) == len(alone) or not y[len(alone) :].any(), f"seed {seed}: numbers behind the end"
