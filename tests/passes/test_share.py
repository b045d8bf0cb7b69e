"""share: equal computations are one, and what nothing reads is none."""

from graphs import SMALL_CONV, assert_computes_the_same, trained

from netlang.formula import Name, exp
from netlang.graph import Graph, Input, Node
from netlang.passes.share import share
from netlang.primitives.map.op import Map
from netlang.source import NOWHERE
from netlang.types import Tensor

TYPE = Tensor("f64", ("n", 3))


def graph_of(*nodes, **outputs):
    graph = Graph(dict(outputs))
    graph.add(Node("x", Input("x"), (), TYPE, NOWHERE))
    for name, primitive, inputs in nodes:
        graph.add(Node(name, primitive, inputs, TYPE, NOWHERE))
    return graph


def test_equal_primitives_of_equal_inputs_are_one():
    twice = graph_of(
        ("a", Map(exp(Name("i0"))), ("x",)),
        ("b", Map(exp(Name("i0"))), ("x",)),
        ("y", Map(Name("i0") + Name("i1")), ("a", "b")),
        y="y",
    )

    once = share(twice, 1)

    assert [n.id for n in once] == ["x", "a", "y"]
    assert once["y"].inputs == ("a", "a")
    assert_computes_the_same(twice, once)


def test_what_leads_to_no_output_is_dropped():
    graph = graph_of(("a", Map(-Name("i0")), ("x",)), ("y", Map(exp(Name("i0"))), ("x",)), y="y")

    assert [n.id for n in share(graph, 1)] == ["x", "y"]


def test_the_loss_reads_the_shift_of_the_softmax():
    before = trained(SMALL_CONV)

    after = share(before, 8)

    assert "loss.0" in before
    assert "loss.0" not in after
    assert_computes_the_same(before, after)
