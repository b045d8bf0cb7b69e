import numpy as np
import pytest
from kernels import Store, assert_kernel_agrees, kernel_value, launched

from netlang.border import pack, unpack
from netlang.formula import Channel, Name, Random, Runtime, exp, maximum, sigmoid, tanh, where
from netlang.primitives.launch import Target, draft
from netlang.primitives.map import cpu
from netlang.primitives.map.op import Map, Update
from netlang.primitives.reference import Run, reference
from netlang.primitives.sum.op import Sum
from netlang.types import Tensor

a, b, c, d, e, f = (Name(f"i{k}") for k in range(6))
SHAPES = [(1, (3, 2), 1), (5, (2, 3), 17), (33, (), 6), (16, (1, 5), 16)]


def spreads(n_shape, channels, dtype="f32"):
    """An operand of every kind: full, channel, position, image, example, scalar."""
    ones = tuple(1 for _ in n_shape)
    shapes = [("n", *n_shape, channels), (channels,), ("n", *n_shape, 1), ("n", *ones, channels), ("n", *ones, 1), ()]
    return [Tensor(dtype, s) for s in shapes]


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("n", "places", "channels"), SHAPES)
def test_a_map_spreads_every_kind_of_operand(n, places, channels, dtype, lanes):
    term = sigmoid(a * b + c) - d * e + f

    assert_kernel_agrees(Map(term), spreads(places, channels, dtype), n=n, lanes=lanes)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize(("n", "places", "channels"), SHAPES)
def test_a_map_too_large_to_stay_near_is_written_past_the_caches(n, places, channels, dtype, monkeypatch):
    monkeypatch.setattr(cpu, "FAR", 0)

    assert_kernel_agrees(Map(sigmoid(a * b + c) - d * e + f), spreads(places, channels, dtype), n=n)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize(
    "term",
    [maximum(a, 0.0), tanh(a) * a, exp(a) - 1.0, where(a > 0, a, 0.5), a * Runtime("rate") + Runtime("examples")],
)
def test_a_map_of_full_operands_keeps_padding_zero(term, lanes):
    assert_kernel_agrees(Map(term), [Tensor("f32", ("n", 2, 3, 19))], n=5, lanes=lanes)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_losses_of_any_weight_share_their_kernels(dtype):
    types, examples = [Tensor(dtype, ("n", 2, 3, 19))], Runtime("examples")
    terms = [
        where(a > 0, -(w * (1 / examples)), 0.5) + a * (1 / (examples * k)) for w, k in ((1, 7), (0.4, 5), (-3, 2))
    ]

    for term in terms:
        assert_kernel_agrees(Map(term), types, n=5)

    operands = tuple(Store(name, types[0], "c", 5).operand for name in ("x", "y"))
    drafts = [draft(Map(term), operands[:1], operands[1], Target("test", dtype, ((6, 1),), 2), 5) for term in terms]
    assert len({each.kernel for each in drafts}) == 1
    assert len({each.args for each in drafts}) == 3


@pytest.mark.parametrize("lanes", "cn")
def test_random_numbers_and_channels_are_told_by_the_public_place(lanes):
    """So that they depend neither on layout nor threads: equal to NumPy's to the last bit."""
    term = where(Random(7) < 0.5, Channel() + Random(3), 0.0) + a
    types = [Tensor("f32", ("n", 2, 3, 19))]
    value = np.zeros((5, 2, 3, 19), np.float32)

    made = kernel_value(Map(term), [value], types, types[0], n=5, lanes=lanes)

    assert np.array_equal(made, reference(Map(term), (value,), types[0], Run(5, 3, 11, 0.25, 64)))


def test_a_map_of_weights_works_on_rows():
    types = [Tensor("f32", (3, 3, 2, 17)), Tensor("f32", (17,)), Tensor("f32", ())]

    assert_kernel_agrees(Map(exp(a) * b + c), types, n=2)


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_an_update_changes_weight_and_states_in_place(dtype):
    momentum = 0.9 * c + b
    update = Update((a - Runtime("rate") * momentum, momentum))
    stores = [Store(f"w{k}", Tensor(dtype, (20 * 16,)), "w", 1) for k in range(3)]
    values = [np.random.default_rng(k).normal(size=320).astype(stores[0].memory.dtype) for k in range(3)]
    for store, value in zip(stores, values, strict=True):
        pack(store.buffer, store.memory, value)

    launched(update, stores, stores[0], 1, 1, 2, Run(1, rate=0.25))

    w, g, m = values
    assert np.allclose(unpack(stores[0].buffer, stores[0].memory, 1), w - 0.25 * (0.9 * m + g), atol=1e-6)
    assert np.allclose(unpack(stores[2].buffer, stores[2].memory, 1), 0.9 * m + g, atol=1e-6)
    assert np.array_equal(stores[1].memory, g)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("over", ["channel", "positions", "batch", "all"])
@pytest.mark.parametrize(("n", "places", "channels"), [(1, (1, 2), 3), (5, (2, 3), 17), (33, (2, 2), 6), (16, (), 35)])
def test_reductions_agree_with_the_reference(n, places, channels, over, how, lanes):
    """All terms are negative: a largest number that saw padding would be 0 or more."""
    shape = Tensor("f32", ("n", *places, channels))
    term = -exp(a) - b * b

    assert_kernel_agrees(Sum(term, over, how), [shape, Tensor("f32", (channels,))], n=n, lanes=lanes)


@pytest.mark.parametrize("lanes", "cn")
@pytest.mark.parametrize("over", ["channel", "batch", "all"])
def test_sums_in_f64_spread_examples_and_positions(over, lanes):
    full, _, position, _, example, _ = spreads((2, 3), 7, "f64")

    assert_kernel_agrees(Sum((a - b) * c + 1.0, over), [full, position, example], n=18, lanes=lanes)


def test_the_sum_of_all_weights_is_one_number():
    assert_kernel_agrees(Sum(a * a, "all"), [Tensor("f32", (4000,))], n=1)
