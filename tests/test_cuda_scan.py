"""Recurrences on CUDA: who has which units, and how values lie for the registers of `mma`; the simulator runs them."""

from dataclasses import replace

import numpy as np
import pytest
import recurrences

import netlang
from netlang.backend.cuda.target import gpu_target
from netlang.pipeline import compile_plan
from netlang.primitives.launch import chain
from netlang.primitives.scan.cuda_memory import APART, PLACES, Memory, row_of_b, spot_of_a
from netlang.primitives.scan.cuda_split import columns, held, split_of, waits
from netlang.primitives.scan.op import Scan
from netlang.simd import fragments


@pytest.mark.parametrize(("kind", "pair", "deep"), [("tf32", (), 8), ("bf16", (2,), 16)])
@pytest.mark.parametrize("high", [1, 2])
def test_a_value_lies_as_the_registers_of_a_hold_it(high, kind, pair, deep):
    memory = np.full((2 * high, 32, 4, *pair), np.nan)
    for row in range(16 * high):
        for u in range(2 * deep):
            place = {"row": row, "column": u // 8, "unit": u % 8}
            memory.reshape(-1)[eval(spot_of_a("row", "column", "unit", kind, high), place)] = 100 * row + u

    rows, ks = getattr(fragments, f"A_{kind.upper()}")
    for product in range(2):
        for i in range(high):
            wanted = 100 * (rows + 16 * i) + ks + deep * product
            np.testing.assert_array_equal(memory[product * high + i], wanted)


@pytest.mark.parametrize(("kind", "deep"), [("tf32", 8), ("bf16", 16)])
def test_a_matrix_lies_as_the_registers_of_b_hold_it(kind, deep):
    # of two bf16 in a register, the lower half
    rows, columns = (held.reshape(32, 2, -1)[..., 0] for held in getattr(fragments, f"B_{kind.upper()}"))
    for lane in range(32):
        for e in range(4):
            found = eval(row_of_b("e", "lane", kind), {"e": e, "lane": lane})
            assert found == rows[lane, e % 2] + e // 2 * deep
            assert columns[lane, e % 2] == lane // 4


def scans(text, batch, products="tf32", purpose="train"):
    net = netlang.from_text(text).checked
    stages = compile_plan(net, purpose, gpu_target("f32", products), batch)
    launches = [d for part in stages.plan.segments.values() for one in part for d in chain(one.draft) if d.together]
    return [node.made_by for node in stages.optimised.made_by(Scan)], launches


@pytest.mark.parametrize("batch", [1, 16, 32, 100, 512])
@pytest.mark.parametrize("units", [5, 128, 512, 3000])
def test_there_are_never_more_blocks_than_multiprocessors(units, batch):
    for multiprocessors in (1, 28, 132):
        for products in ("fma", "tf32", "bf16"):
            target = gpu_target("f32", products, multiprocessors)
            split = split_of(recurrences.lstm(width=units), "f32", target, batch)
            assert 1 <= split.slices * split.sets <= multiprocessors
            assert split.slices <= columns(units)


def test_an_lstm_waits_once_a_step_and_a_gru_that_resets_before_its_product_twice():
    (lstm, back), launches = scans("input 9x6\nlstm-5, last, FC-3, soft-max\ntrain: lr=0.1", 32)
    (gru, gru_back), _ = scans("input 9x6\ngru-5 reset=before, last, FC-3, soft-max\ntrain: lr=0.1", 32)

    assert waits(lstm) == (True,)
    assert waits(back) == (False, True)  # formulas of their own units first, then products of all
    assert sum(waits(gru)) == 2
    assert sum(waits(gru_back)) == 2
    assert waits(recurrences.running_mean()) == (False,)
    assert [launch.kernel.text.count("while arrived(") for launch in launches] == [1, 1]


def test_matrices_stay_in_registers_where_a_block_has_few_columns_of_them():
    lstm = recurrences.lstm(width=512)
    target = gpu_target("f32", "tf32")

    assert held(lstm, split_of(lstm, "f32", target, 512))
    assert not held(lstm, split_of(lstm, "f32", replace(target, multiprocessors=28), 512))
    assert not held(lstm, split_of(lstm, "f32", replace(target, products="fma"), 512))


@pytest.mark.parametrize("products", ["fma", "bf16"])
def test_counters_places_and_matrices_lie_side_by_side_and_the_launch_in_front_makes_all_of_them_ready(products):
    scan = recurrences.two_phases(wide=20, width=37)
    split = split_of(scan, "f32", gpu_target("f32", products), 100)

    memory = Memory(scan, split, "f32")

    places = {**dict.fromkeys(memory.shown.values(), PLACES), **dict.fromkeys(memory.own.values(), 2)}
    places |= dict.fromkeys(memory.parts.values(), 1)
    at = APART * split.sets
    for name, count in places.items():
        assert memory.sizes[name] == at
        at += count * memory.sizes[f"{name}_place"]
    assert memory.count == at
    assert memory.zeros == min((memory.sizes[name] for name in memory.parts.values()), default=at)
