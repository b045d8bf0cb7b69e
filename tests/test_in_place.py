"""Results of products in the place of a value that their formula is the last to read."""

import numpy as np
import pytest
from kernels import DTYPES, Store, lanes_of, launched

import netlang
from netlang.border import pack, unpack
from netlang.formula import Name, where
from netlang.pipeline import compile_plan
from netlang.primitives.contraction import cover
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.launch import Target
from netlang.primitives.reference import Run
from netlang.primitives.region.op import Region
from netlang.primitives.winograd.op import Winograd
from netlang.types import Tensor

TARGET = Target("avx512", "f32", ((6, 4), (1, 1)), 2)
RESIDUAL = "input 12x12x16\nconv3-32 bn relu, [residual [conv3-32 bn, conv3-32 bn] relu] x3, gap, FC-2, soft-max"
i0, i1, i2, y = map(Name, ("i0", "i1", "i2", "y"))
ADDED = where(i2 > 0, y + i2, 0)
WAYS = {
    "1x1": (Contraction(size=(5, 7)), (1, 1, 17, 70)),
    "3x3": (Contraction("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (5, 7)), (3, 3, 17, 70)),
    "of a stride": (Contraction("data", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 13), True), (3, 3, 17, 70)),
    "Winograd": (Winograd((1, 1, 1, 1), (5, 7)), (3, 3, 17, 70)),
    "Winograd with a stride": (Winograd((1, 1, 1, 1), (10, 14), stride=2), (3, 3, 17, 70)),
    "Winograd between zeros": (Winograd((1, 1, 2, 2), (5, 7), dilation=2), (3, 3, 17, 70)),
    "lines": (Winograd((0, 3, 0, 3), (5, 7), window=(1, 7)), (1, 7, 17, 70)),
}


def computed(way, values, types, sums, place, threads):
    """The result and what is summed of it; place: the number of the operand that it takes the place of, or None."""
    n = values[0].shape[0]
    inputs = []
    for k, (value, type_) in enumerate(zip(values, types, strict=True)):
        inputs.append(Store(f"in{k}", type_, lanes_of(type_, "c"), n + 1))
        pack(inputs[-1].buffer, inputs[-1].memory, value)
    result = way.infer(*types)
    out = Store("out", result, "c", n + 1) if place is None else inputs[place]
    totals = [Store(f"sum{k}", Tensor("f32", (result.channels,)), "w", n + 1) for k, _ in enumerate(sums)]
    further = [(term, total, squares) for (term, squares), total in zip(sums, totals, strict=True)]
    launched(way, inputs, out, n, n + 1, threads, Run(n), further)
    return [unpack(s.buffer, s.memory, n) for s in (out, *totals)]


@pytest.mark.parametrize("sums", [[], [(y, False), (y, True)], [(y, False), (y * i2, False)]])
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_a_product_in_the_place_of_what_its_formula_reads_makes_the_same_bits(name, groups, sums, monkeypatch):
    if groups:
        monkeypatch.setattr(cover, "NEAR", 0)
        monkeypatch.setattr(cover, "SOURCE", 3 * 6 * 17 * 4)
    anchor, weights = WAYS[name]
    way = Region(anchor, (i0, i1), ADDED)
    size = anchor.size if isinstance(anchor, Winograd) else (5, 7)
    source, w = Tensor("f32", ("n", *size, 17)), Tensor("f32", weights)
    types = [source, w, anchor.infer(source, w)]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=t.arrayed(3)).astype(DTYPES["f32"]) for t in types]

    apart = computed(way, values, types, sums, None, 2)

    for threads in (1, 2, 3):
        made = computed(way, values, types, sums, 2, threads)
        assert all(np.array_equal(a, b) for a, b in zip(made, apart, strict=True))


def places(text, purpose, device="cpu"):
    """Where the results of products lie, and what they are the last to read."""
    net = netlang.from_text(text).checked
    target = TARGET if device == "cpu" else Target("sm_90", "f32", ((4, 4),), 256, "cuda", "tf32", 132)
    plan = compile_plan(net, purpose, target, 4).plan
    found = []
    for launches in plan.segments.values():
        for launch in launches:
            made = plan.buffers[launch.writes[0]]
            same = [b for b in launch.reads if plan.buffers[b].overlaps(made)]
            found += [(launch.writes[0], b) for b in same if made.arena == "values"]
    return found


def test_a_residual_is_added_up_in_the_place_of_its_shortcut():
    assert ("residual2.relu", "residual1.relu") in places(RESIDUAL, "evaluate")
    trained = dict(places(RESIDUAL, "train"))
    assert trained["d:residual1.relu.1"] in ("residual1.relu", "d:residual2.relu.1")  # what masks it, or is added to it


def test_what_is_read_again_stays():
    """The input is kept, as callers gave it; and a value that is an output."""
    text = "input 12x12x32\nresidual [conv3-32 bn, conv3-32 bn] relu, gap, FC-2, soft-max"

    assert not [pair for pair in places(text, "evaluate") if "input" in pair]


def test_on_cuda_nothing_takes_the_place_of_what_it_reads():
    assert not places(RESIDUAL, "evaluate", "cuda")


def test_a_step_is_the_same_bit_for_bit_in_places_of_its_own():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 12, 12, 16)).astype("f4"), np.arange(4) % 2
    net = netlang.from_text(RESIDUAL)
    steps = [net.compile(batch=4, training=True, check_memory=check) for check in (False, True)]

    losses = [[float(program.step(x, target)) for _ in range(3)] for program in steps]

    assert losses[0] == losses[1]
