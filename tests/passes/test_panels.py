"""panels: products of many weights read the rows of 16 filters side by side."""

import numpy as np
import pytest
from graphs import assert_computes_the_same, evaluated, trained

import netlang
from netlang.passes.layout import layout
from netlang.passes.panels import panels
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.gather.op import Panels, Transpose

MANY = "input 6x6x64\nconv3-300/2 relu, conv1-501 relu\ngap, FC-3, soft-max"  # 173,000 and 150,000 weights


def of(kind, graph):
    return [node.id for node in graph.made_by(kind)]


def read(graph):
    """The contractions that read panels."""
    return [node.id for node in graph.made_by(Contraction) if node.made_by.filters]


def test_products_of_many_weights_read_panels_in_both_roles_that_make_values():
    before = layout(trained(MANY), 32)

    after = panels(before, 32)

    assert read(after) == ["conv1.0", "conv2.0", "d:conv2.0.0"]
    assert of(Panels, after) == ["conv1.w.panels", "conv2.w.panels", "conv2.w.turned"]
    assert [t for t in of(Transpose, before) if t not in of(Transpose, after)] == ["conv2.w.t"]
    assert_computes_the_same(before, after)


def test_an_evaluation_copies_once_and_so_at_any_batch():
    after = panels(layout(evaluated(MANY), 1), 1)

    assert read(after) == ["conv1.0", "conv2.0"]


def test_a_training_step_copies_for_many_pixels_only():
    after = panels(layout(trained(MANY), 2), 2)

    assert read(after) == ["d:conv2.0.0"]  # whose weights are turned anyway


def test_few_weights_stay_as_they_are():
    before = layout(trained("input 6x6x8\nconv3-16, conv3-24\ngap, FC-3, soft-max"), 32)

    assert panels(before, 32) is before


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_a_step_with_panels_is_a_step(dtype):
    """Strict, so that no product of 3x3 goes another way; beside a batch too small for them to pay."""
    many, few = (
        netlang.from_text(MANY).compile(batch=b, training=True, dtype=dtype, precision="strict") for b in (32, 1)
    )
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 64))
    target = np.array([1])

    assert of(Panels, many.stages("train").optimised)
    assert "conv1.w.panels" not in of(Panels, few.stages("train").optimised)
    losses = [[float(program.step(x, target)) for _ in range(3)] for program in (many, few)]
    assert np.allclose(*losses, rtol=1e-5 if dtype == "f32" else 1e-12)
