"""What holds for every layer, primitive and loss: one table of cases, one test a law."""

import inspect
from dataclasses import fields
from itertools import product

import cases
import numpy as np
import pytest

from netlang.check import check
from netlang.formula import count, kinks
from netlang.graph import Input
from netlang.interpret import interpret
from netlang.layer import Layer, all_layers
from netlang.layers import loss, optimizer
from netlang.layers.recurrent.op import Recurrent
from netlang.lower import lower
from netlang.primitives.band.op import Band
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Concat, Convert, Panels, Reshape, Rows, Slice, SpaceToDepth, Transpose
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.lookup.op import Lookup, LookupGradient
from netlang.primitives.map.op import Map, Standardise, Update
from netlang.primitives.map.reference import formula
from netlang.primitives.primitive import Primitive, named
from netlang.primitives.reference import Run
from netlang.primitives.region.op import Region
from netlang.primitives.resample.op import Resample
from netlang.primitives.scan.op import Piece, Scan
from netlang.primitives.sum.op import Squares, Sum
from netlang.primitives.unshared.op import Unshared
from netlang.primitives.window.op import Window
from netlang.primitives.winograd.op import Winograd, WinogradGradient, WinogradWeights
from netlang.source import Source
from netlang.syntax.parse import parse
from netlang.types import Tensor

STEP = 1e-5  # of the central difference: its error is about STEP^2 + 1e-16/STEP, and it stays within 1e-4 of a point
EVERY = pytest.mark.parametrize("case", cases.CASES, ids=str)
LAYER = pytest.mark.parametrize("case", cases.LAYERS, ids=str)
GRADED = [
    c
    for c in cases.CASES
    if c not in cases.FORMED and not (isinstance(c.what, Region) or (isinstance(c.what, Sum) and c.what.how == "max"))
]  # regions are formed behind differentiation; a largest counts as a constant


def test_every_layer_loss_optimizer_and_primitive_has_a_case():
    assert {type(c.what) for c in cases.LAYERS} == set(all_layers())
    assert {type(c.what) for c in cases.LOSSES} == set(loss.LOSSES)
    assert {type(o) for o in cases.OPTIMIZERS} == set(optimizer.OPTIMIZERS)
    primitives = {
        Map,
        Standardise,
        Sum,
        Squares,
        Contraction,
        Window,
        Reshape,
        Concat,
        Slice,
        Transpose,
        Panels,
        SpaceToDepth,
        Band,
        Region,
        Update,
        Convert,
    }
    primitives |= {
        Rows,
        Scan,
        Piece,
        Grouped,
        Unshared,
        Resample,
        Lookup,
        LookupGradient,
        Winograd,
        WinogradWeights,
        WinogradGradient,
    }
    assert {type(p) for p, _, _ in cases.launches()} == primitives - {
        Convert
    }  # the layout pass makes it; no layer does


@EVERY
def test_every_setting_has_a_line_in_the_docs(case):
    if isinstance(case.what, Primitive):
        return
    lines = [line.strip() for line in (inspect.getdoc(type(case.what)) or "").splitlines()]
    for f in fields(case.what):
        assert any(line.startswith(f"{f.name}:") and len(line) > len(f.name) + 5 for line in lines), f.name


@EVERY
@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_the_reference_fills_the_promised_shape_with_finite_numbers(case, dtype):
    graph = cases.primitives(case, dtype)

    values = interpret(graph, cases.feeds(graph))
    for node in graph:
        assert values[node.id].shape == node.type.arrayed(3 if list(graph.made_by(Input)) else 1)
        assert np.isfinite(values[node.id]).all(), node.id
        assert values[node.id].dtype == (np.float32 if dtype == "f32" else np.float64), node.id


@LAYER
def test_what_is_lowered_has_the_type_the_layer_infers(case):
    graph = cases.primitives(case, training=False)
    wanted = case.what.infer(*case.types())
    assert graph[graph.outputs["output"]].type == Tensor("f64", wanted.shape)


def clear_of_kinks(graph, values, run):
    """Whether no formula stands within 1e-4 of a corner or a jump."""
    for node in graph:
        if isinstance(node.made_by, Map | Sum):
            read = named(tuple(values[i] for i in node.inputs))
            shape = np.broadcast_shapes(*(v.shape for v in read.values()))
            for corner in kinks(node.made_by.term):
                distance = np.abs(formula(corner, read, shape, run))
                stands = "channel" in str(corner) or "random" in str(corner)  # labels and draws do not move
                if not stands and distance.min() < 1e-4:
                    return False
    return True


@pytest.mark.parametrize("case", GRADED, ids=str)
def test_the_gradient_agrees_with_a_central_difference(case):
    graph = cases.with_gradients(case)
    points = (cases.feeds(graph, seed=seed, reach=case.reach) for seed in range(20))
    run = Run(examples=3 if list(graph.made_by(Input)) else 1)
    feeds, values = next(
        (f, v) for f in points if clear_of_kinks(cases.primitives(case), v := interpret(graph, f, run), run)
    )
    rng = np.random.default_rng(1)

    for node in cases.differentiable(graph):
        along = rng.standard_normal(feeds[node].shape)
        along /= np.abs(along).max()
        up, down = (
            interpret(cases.primitives(case), feeds | {node: feeds[node] + s * along}, run)["loss"]
            for s in (STEP, -STEP)
        )
        expected = (up - down) / (2 * STEP)
        found = np.sum(values[graph.outputs[f"d:{node}"]] * along)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-7), node


@pytest.mark.parametrize("case", [c for c in cases.CASES if not isinstance(c.what, loss.Loss)], ids=str)
def test_a_batch_of_n_is_n_batches_of_one(case):
    graph = cases.primitives(case, training=case.what.per_example)  # of batch statistics only in evaluation
    output = graph[graph.outputs["output"]]
    inputs = [n.id for n in graph.made_by(Input)]
    if not output.type.batched:
        return
    feeds = cases.feeds(graph)

    together = interpret(graph, feeds, Run(examples=3))[output.id]
    if "examples" in str(output.made_by):
        together = together * 3  # it divides by the number of examples
    for k in range(3):
        one = {name: value[k : k + 1] if name in inputs else value for name, value in feeds.items()}
        alone = interpret(graph, one, Run(examples=1, first=k))[output.id]
        np.testing.assert_allclose(alone[0], together[k], rtol=1e-12, atol=1e-12)


@LAYER
def test_macs_equal_a_counted_loop(case):
    graph = cases.primitives(case, training=False)

    counted = 0
    for node in graph.made_by(Contraction):
        x = graph[node.inputs[0]].type
        out, channels = (x, node.type.channels) if node.made_by.role == "data" else (node.type, x.channels)
        for _ in product(*map(range, (*out.shape[1:], *node.made_by.kernel, channels))):
            counted += 1
    for node in graph.made_by(Grouped):
        counted += node.type.size * int(np.prod(node.made_by.kernel)) * node.made_by.width
    for node in graph.made_by(Unshared):
        counted += node.type.size * int(np.prod(node.made_by.kernel)) * graph[node.inputs[0]].type.channels
    for node in graph.made_by(Scan):
        widths, steps = node.made_by.widths, node.type.positions
        counted += steps * sum(widths[p.value] * line.width for line in node.made_by.lines for p in line.products)
    assert case.what.macs(case.what.infer(*case.types()), *case.types()) == counted


def over_all(graph, case):
    """Operations on as many numbers as the input has; a norm's sums of sums are few beside them."""
    size = case.types()[0].size
    maps = sum(count(n.made_by.term) for n in graph.made_by(Map) if n.type.batched and n.type.size == size)
    sums = (n for n in graph.made_by(Sum) if graph[n.inputs[0]].type.size == size)
    return size * (maps + sum(count(n.made_by.term) + 1 for n in sums))


@LAYER
def test_flops_equal_the_operations_of_the_primitives(case):
    if case.what.word in ("softmax", "logsoftmax", "upsample") or getattr(case.what, "mult", 1) > 1:
        return  # exponentials are computed twice rather than kept; copies are made by a division and a product
    if isinstance(case.what, Recurrent):
        return  # the parts of W[x, h] are added up; tests/test_layers_counts.py counts by the equations
    graph = lower(cases.net(case), training=not case.what.per_example, scored=False)

    counted = 2 * case.what.macs(case.what.infer(*case.types()), *case.types())
    if case.what.norm:
        assert case.what.flops(case.what.infer(*case.types()), *case.types()) == counted + over_all(graph, case)
        return
    counted += sum(count(node.made_by.term) * node.type.size for node in graph.made_by(Map))
    counted += sum((count(s.made_by.term) + 1) * graph[s.inputs[0]].type.size for s in graph.made_by(Sum))
    windows = [node for node in graph.made_by(Window) if node.made_by.kernel != (1, 1)]  # single pixels are copied
    counted += sum(node.type.size * int(np.prod(node.made_by.kernel)) for node in windows)
    counted += sum(n.type.size * (n.made_by.before + n.made_by.after + 1) for n in graph.made_by(Band))
    assert case.what.flops(case.what.infer(*case.types()), *case.types()) == counted


@LAYER
def test_equal_layers_are_written_alike_and_different_ones_are_not(case):
    others = [c.what for c in cases.LAYERS if c.what != case.what]
    assert str(case.what) not in map(str, others)
    assert isinstance(case.what, Layer)


@pytest.mark.parametrize("case", [c for c in cases.LAYERS if len(set(c.shapes)) == 1], ids=str)
def test_a_layer_is_read_back_as_it_is_written(case):
    branches = "[ identity | identity ]" if case.what.merge else ""
    size = "x".join(map(str, case.shapes[0]))
    words_ = f" tokens vocab={cases.VOCABULARY}" if case.what.tokens else ""
    file = Source("<law>", f"input {size}{words_}\n{case.what}{branches}\n")

    graph = check(parse(file)).graph
    assert graph[next(iter(graph.outputs.values()))].made_by == case.what
