"""stepwise: recurrences multiply their inputs themselves, step by step."""

import pytest
from graphs import assert_computes_the_same, evaluated, trained

from netlang.passes import optimise
from netlang.passes.stepwise import stepwise
from netlang.passes.verify import verify
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.map.op import Map
from netlang.primitives.region.op import Region
from netlang.primitives.scan.op import Scan

MANY = 32  # examples


def products(graph):
    """Products of all steps: those whose result has steps."""
    return [n.id for n in graph.made_by(Contraction) if n.made_by.role == "out" and len(n.type.shape) == 3]


@pytest.mark.parametrize("layer", ["lstm-7", "rnn-18", "lstm-20 bidirectional", "lstm-7, rnn-5"])
@pytest.mark.parametrize("graph", [evaluated, trained])
def test_a_recurrence_multiplies_its_inputs_itself(layer, graph):
    before = graph(f"input 5x3\n{layer}, last\nFC-2, soft-max")

    after = stepwise(before, MANY)

    verify(after)
    assert products(before)
    assert not products(after)
    assert_computes_the_same(before, after)


def test_products_that_a_formula_only_adds_are_one_sum():
    after = stepwise(evaluated("input 5x3\nlstm-7"), MANY)

    scan = next(iter(after.made_by(Scan))).made_by
    assert [len(line.products) for line in scan.lines if line.products] == [2, 2, 2, 2]


def test_a_product_that_a_gate_multiplies_stays_a_sum_of_its_own():
    before = evaluated("input 5x3\ngru-20, last")

    after = stepwise(before, MANY)

    scan = next(iter(after.made_by(Scan))).made_by
    assert sorted(len(line.products) for line in scan.lines if line.products) == [1, 1, 2, 2]
    assert_computes_the_same(before, after)


def test_few_examples_share_too_little_of_a_matrix():
    graph = evaluated("input 5x3\nlstm-7")

    assert products(stepwise(graph, 8)) == products(graph)


def test_wide_inputs_beside_large_matrices_stay_outside():
    wide = evaluated("input 5x200\nlstm-256")
    narrow = evaluated("input 5x60\nlstm-256")

    assert products(stepwise(wide, MANY)) == products(wide)
    assert not products(stepwise(narrow, MANY))


def test_what_others_read_is_not_moved():
    graph = evaluated("input 5x3\nlstm-7")
    graph.outputs["seen"] = next(n.id for n in graph.made_by(Map) if str(n.made_by.term) == "i0 + i1")

    assert products(stepwise(graph, MANY)) == products(graph)


def test_it_is_among_the_passes_for_processors_alone():
    graph = evaluated("input 5x3\nlstm-7", dtype="f32")

    assert not list(optimise(graph, MANY).made_by(Region))
    assert list(optimise(graph, MANY, device="cuda").made_by(Region)), "product and bias of all steps"
