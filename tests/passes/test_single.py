"""single: what is sent back to one step of a recurrence is read at that step."""

import pytest
from graphs import assert_computes_the_same, trained

from netlang.passes.single import single
from netlang.passes.verify import verify
from netlang.primitives.gather.op import Reshape
from netlang.primitives.scan.op import Scan


def text(layers):
    return f"input 5x3\n{layers}\nFC-2, soft-max"


def steps(graph):
    return [given.only for node in graph.made_by(Scan) for given in node.made_by.given if given.only is not None]


@pytest.mark.parametrize(("word", "step"), [("last", 4), ("first", 0)])
@pytest.mark.parametrize("cells", ["lstm-16", "gru-20", "rnn-5 reverse"])
def test_zeros_of_all_other_steps_are_left_out(cells, word, step):
    before = trained(text(f"{cells}, {word}"))

    after = single(before, 4)

    verify(after)
    assert steps(after) == [step]
    assert not [n for n in after.made_by(Reshape) if n.made_by.shape == (5, n.type.channels)]
    assert_computes_the_same(before, after)


@pytest.mark.parametrize("layers", ["lstm-16, mean", "lstm-16 bidirectional, last", "lstm-5, gru-5, mean"])
def test_gradients_that_reach_other_steps_too_are_read_as_ever(layers):
    before = trained(text(layers))

    assert not steps(single(before, 4))


def test_of_two_recurrences_only_the_last_has_such_a_gradient():
    before = trained(text("lstm-16, gru-5, last"))

    after = single(before, 4)

    assert steps(after) == [4]
    assert_computes_the_same(before, after)
