"""Sums over the batch that leave with the product whose numbers they are of."""

import numpy as np
import pytest
from kernels import DTYPES, Store, assert_padding_zero, lanes_of, launched

from netlang.border import pack, unpack
from netlang.formula import Name, evaluate, maximum, where
from netlang.primitives.contraction import cover, scatter
from netlang.primitives.contraction.op import Contraction
from netlang.primitives.grouped.op import Grouped
from netlang.primitives.launch import LANES
from netlang.primitives.primitive import named
from netlang.primitives.reference import Run, reference
from netlang.primitives.region.op import Region
from netlang.primitives.winograd import convolve
from netlang.primitives.winograd.op import Winograd
from netlang.types import Tensor

i0, i1, i2, i3, y = map(Name, ("i0", "i1", "i2", "i3", "y"))
STATISTICS = [(y, False), (y, True)]
RUN_OF = 64  # the first example's place in the data


def image(size, c):
    return ("n", *size, c)


# what makes the numbers; of which shapes; what is added up, and whether squares
WAYS = {
    "1x1": (Region(Contraction(size=(5, 7)), (i0, i1), y + i2), [image((5, 7), 35), (1, 1, 35, 70), (70,)], STATISTICS),
    "one channel": (Region(Contraction(size=(4, 3)), (i0, i1), y), [image((4, 3), 17), (1, 1, 17, 1)], STATISTICS),
    "a sequence": (Region(Contraction(size=(1, 9)), (i0, i1), y), [("n", 9, 17), (17, 35)], STATISTICS),
    "few channels in": (
        Region(Contraction("out", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 8)), (i0, i1), y),
        [image((9, 8), 3), (3, 3, 3, 17)], STATISTICS,
    ),
    "3x3": (
        Region(Contraction("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (5, 6)), (i0, i1), maximum(y + i2, 0)),
        [image((5, 6), 17), (3, 3, 17, 70), image((5, 6), 70)], [(y, True), (y, False), (y * y, False)],
    ),
    "the way back of a norm": (
        Region(Contraction("data", size=(6, 5), transposed=True), (i0, i1), where((i2 - i3) * i3 > 0, y, 0)),
        [image((6, 5), 17), (1, 1, 17, 70), image((6, 5), 70), (70,)], [(y, False), (y * ((i2 - i3) * i3), False)],
    ),
    "of a stride": (
        Region(Contraction("data", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 8), True), (i0, i1), where(i2 > 0, y, 0)),
        [image((5, 4), 17), (3, 3, 17, 35), image((9, 8), 35)], [(y, False), (y * i2, False)],
    ),
    "Winograd": (
        Region(Winograd((1, 1, 1, 1), (11, 9), 70), (i0, i1), y + i2),
        [image((11, 9), 17), (5, 36, 17, 16), (70,)], STATISTICS,
    ),
    "Winograd, weights on the way": (
        Region(Winograd((1, 1, 1, 1), (11, 9)), (i0, i1), where(i2 > 0, y, 0)),
        [image((11, 9), 17), (3, 3, 17, 70), image((11, 9), 70)], [(y, False), (y * i2, False)],
    ),
    "Winograd with a stride": (
        Region(Winograd((1, 1, 1, 1), (21, 18), 70, stride=2), (i0, i1), y + i2),
        [image((21, 18), 17), (5, 81, 17, 16), (70,)], STATISTICS,
    ),
    "Winograd, back from a stride": (
        Region(Winograd((1, 1, 2, 1), (5, 9), dilation=2), (i0, i1), where(i2 > 0, y, 0)),
        [image((5, 9), 17), (3, 3, 17, 70), image((10, 17), 70)], [(y, False), (y * i2, False)],
    ),
    "Winograd between zeros": (  # the first tile has one row, of the second phase
        Region(Winograd((1, 2, 1, 1), (1, 8), dilation=2), (i0, i1), y + i2),
        [image((1, 8), 17), (3, 3, 17, 70), (70,)], STATISTICS,
    ),
    "lines": (
        Region(Winograd((0, 3, 0, 3), (3, 19), window=(1, 7)), (i0, i1), maximum(y + i2, 0)),
        [image((3, 19), 17), (1, 7, 17, 70), (70,)], STATISTICS,
    ),
    "lines down the image, and back": (
        Region(Winograd((3, 0, 3, 0), (19, 3), window=(7, 1)), (i0, i1), where(i2 > 0, y, 0)),
        [image((19, 3), 17), (7, 1, 17, 35), image((19, 3), 35)], [(y, False), (y * i2, False)],
    ),
    "groups of four": (  # several strips and blocks, the last not full
        Region(Grouped("out", (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), (9, 19), 4), (i0, i1), y + i2),
        [image((9, 19), 84), (3, 3, 4, 84), (84,)], STATISTICS,
    ),
    "groups of one": (
        Region(Grouped("out", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (5, 6)), (i0, i1), y),
        [image((5, 6), 35), (3, 3, 1, 35)], STATISTICS,
    ),
    "groups, back from a stride": (
        Region(Grouped("data", (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (9, 8), 2), (i0, i1), where(i2 > 0, y, 0)),
        [image((5, 4), 34), (3, 3, 2, 34), image((9, 8), 34)], [(y, False), (y * i2, False)],
    ),
}  # fmt: skip


def computed(way, values, types, sums, n, threads):
    """The result and the sums, whose buffers were full of NaN, as a kernel makes them."""
    batch = n + 2
    inputs = []
    for k, (value, type_) in enumerate(zip(values, types, strict=True)):
        inputs.append(Store(f"in{k}", type_, lanes_of(type_, "c"), batch))
        pack(inputs[-1].buffer, inputs[-1].memory, value)
    result = way.infer(*types)
    out = Store("out", result, "c", batch)
    totals = [Store(f"sum{k}", Tensor(result.dtype, (result.channels,)), "w", batch) for k in range(len(sums))]
    further = [(term, total, squares) for (term, squares), total in zip(sums, totals, strict=True)]
    launched(way, inputs, out, n, batch, threads, Run(n, first=RUN_OF), further)
    for store in (out, *totals):
        assert_padding_zero(store, n)
    return [unpack(s.buffer, s.memory, n) for s in (out, *totals)]


def wanted(way, values, types, sums, n):
    """The same in float64, squares of the distances from the mean of all."""
    wide = tuple(v.astype(np.float64) for v in values)
    made = reference(way, wide, way.infer(*types), Run(n, first=RUN_OF))
    found = [made]
    for term, squares in sums:
        each = np.broadcast_to(evaluate(term, {**named(wide), "y": made}), made.shape).reshape(-1, made.shape[-1])
        found.append(((each - each.mean(0)) ** 2 if squares else each).sum(0))
    return found


def assert_sums_agree(way, shapes, sums, n, dtype="f32", tolerance=4e-6, shift=0.0):
    """The result and its sums are the reference's, and the same bits with 1, 2 and 3 threads.

    tolerance: relative to the largest of each: 2e-6 of the products, as those of `kernels.py`, and as much of the sum
    shift: added to the last operand
    """
    rng = np.random.default_rng(0)
    types = [Tensor(dtype, shape) for shape in shapes]
    values = [rng.normal(size=t.arrayed(n)) for t in types]
    values[-1] = values[-1] + shift
    if getattr(way.anchor, "filters", 0):  # panels
        values[1][-1, ..., shapes[2][-1] % LANES :] = 0
    values = [v.astype(DTYPES[dtype]) for v in values]

    made, *others = (computed(way, values, types, sums, n, threads) for threads in (1, 2, 3))

    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(made, other, strict=True)), "bits depend on the threads"
    for found, right in zip(made, wanted(way, values, types, sums, n), strict=True):
        assert np.abs(found - right).max() <= tolerance * max(1.0, np.abs(right).max())


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", WAYS)
def test_sums_that_leave_with_a_product_agree_with_the_reference(name, n):
    assert_sums_agree(*WAYS[name], n)


@pytest.mark.parametrize("name", ["1x1", "the way back of a norm", "Winograd", "groups of four"])
def test_they_do_in_f64(name):
    assert_sums_agree(*WAYS[name], 2, dtype="f64", tolerance=1e-12)


@pytest.mark.parametrize("name", ["1x1", "Winograd", "groups of one"])
def test_squares_lose_no_digits_where_the_mean_is_far_from_zero(name):
    """100 deviations away, a sum of squares would lose four of seven digits."""
    assert_sums_agree(*WAYS[name], 5, shift=1000.0, tolerance=1e-5)


@pytest.mark.parametrize("n", [1, 5, 29])
def test_tiles_that_take_turns_are_added_up_by_groups(n, monkeypatch):
    monkeypatch.setattr(cover, "NEAR", 0)
    monkeypatch.setattr(cover, "SOURCE", 3 * 6 * 48 * 4)
    way = Region(Contraction(size=(3, 3)), (i0, i1), y)

    assert_sums_agree(way, [image((3, 3), 48), (1, 1, 48, 150)], STATISTICS, n)


@pytest.mark.parametrize("n", [1, 5])
def test_a_part_has_several_tiles_where_there_are_more_tiles_than_parts(n, monkeypatch):
    monkeypatch.setattr(scatter, "PARTS", 4)
    monkeypatch.setattr(convolve, "PARTS", 2)

    for name in ("1x1", "of a stride", "Winograd", "Winograd, weights on the way"):
        assert_sums_agree(*WAYS[name], n)


def test_threads_that_share_a_block_of_tiles_add_up_columns_each(monkeypatch):
    monkeypatch.setattr(convolve, "LARGE", 0)

    assert_sums_agree(*WAYS["Winograd"], 1)
    assert_sums_agree(*WAYS["Winograd"], 9)
