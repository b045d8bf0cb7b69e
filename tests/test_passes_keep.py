"""Passes change how a thing is computed, never what: over the whole table of cases."""

import cases
import numpy as np
import pytest

from netlang.differentiate import differentiate
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.passes import optimise
from netlang.primitives.reference import Run


@pytest.mark.parametrize("batch", [2, 16])  # few and many examples: channels and examples in the lanes
@pytest.mark.parametrize("case", [c for c in cases.CASES if cases.smooth(c)], ids=str)
def test_optimised_graphs_compute_what_plain_ones_do(case, batch):
    graph = cases.primitives(case)
    each = [[node] for node in cases.differentiable(graph)]

    for wrt in [*each, cases.differentiable(graph)]:
        whole = differentiate(graph, wrt=wrt)
        found = optimise(whole, batch)
        feeds = cases.feeds(whole, n=2)
        run = Run(examples=2 if list(graph.made_by(Input)) else 1)
        shaped = {n.id: np.reshape(feeds[n.id], n.type.arrayed(2)) for n in found.made_by(Input)}
        plain, optimised = interpret(whole, feeds, run), interpret(found, feeds | shaped, run)
        for name, of in whole.outputs.items():
            # the order of sums may change: rounding of float64, some hundred times
            np.testing.assert_allclose(optimised[found.outputs[name]], plain[of], rtol=1e-10, atol=1e-11, err_msg=name)
