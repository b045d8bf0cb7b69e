"""verify: what must hold after every pass, and the whole pipeline keeps it."""

from dataclasses import replace

import pytest
from graphs import MLP, SMALL_CONV, assert_computes_the_same, evaluated, trained

from netlang import passes
from netlang.graph import Graph
from netlang.passes import optimise
from netlang.passes.verify import verify


@pytest.mark.parametrize("text", [MLP, SMALL_CONV])
@pytest.mark.parametrize("batch", [1, 8, 64])
@pytest.mark.parametrize("stage", [trained, evaluated])
def test_the_optimised_graph_computes_what_the_graph_did(text, batch, stage):
    before = stage(text)

    assert_computes_the_same(before, optimise(before, batch))


def test_a_wrong_type_is_found():
    wrong = Graph()
    for node in evaluated(MLP):
        wrong.add(replace(node, type=node.type.with_shape("n", 99)) if node.id == "fc1" else node)

    with pytest.raises(AssertionError, match="fc1"):
        verify(wrong)


def test_a_wrong_node_is_found_that_a_pass_puts_into_the_graph_it_was_given(monkeypatch):
    def careless(graph, batch):
        last = [node for node in graph if node.inputs][-1]
        graph.add(replace(last, id="wrong", type=last.type.with_shape("n", 99)))
        return graph

    monkeypatch.setattr(passes, "PIPELINE", (passes.fold, careless))
    with pytest.raises(AssertionError, match="wrong"):
        optimise(evaluated(MLP), 2)


def test_what_reads_a_replaced_node_is_looked_at_again(monkeypatch):
    def careless(graph, batch):
        first, *_ = graph
        changed = Graph(dict(graph.outputs))
        for node in graph:
            changed.add(replace(node, type=node.type.with_shape("n", 99)) if node is first else node)
        return changed

    monkeypatch.setattr(passes, "PIPELINE", (passes.fold, careless))
    with pytest.raises(AssertionError, match="makes"):
        optimise(evaluated("netlang 1\ninput 4\ntanh\n"), 2)


def test_a_lost_output_is_found():
    with pytest.raises(AssertionError, match="the output y is gone"):
        verify(Graph({"y": "nowhere"}))
