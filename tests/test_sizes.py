"""Sizes that are not fixed: exact, and the same as numbers once the letters are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlang.sizes import agreement, ceil_div, counted, dim, fixed, floor_div, letter, letters, product

T, H, W = letter("T"), letter("H"), letter("W")
STEPS = st.lists(st.tuples(st.sampled_from("+*cf"), st.integers(1, 9)), max_size=5)


@given(STEPS, st.integers(1, 200))
def test_computing_with_a_letter_and_then_fixing_it_is_computing_with_the_number(steps, value):
    free, number = T, value
    for step, k in steps:
        free, number = {
            "+": lambda a, k: (a[0] + k, a[1] + k),
            "*": lambda a, k: (a[0] * k, a[1] * k),
            "c": lambda a, k: (ceil_div(a[0], k), -(-a[1] // k)),
            "f": lambda a, k: (floor_div(a[0], k), a[1] // k),
        }[step]((free, number), k)

    assert fixed(free, {"T": value}) == number


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (65536 * T, "65536*T"),
        (T * 3 + 1 - T, "2*T + 1"),
        (H * W * 3 - 4, "3*H*W - 4"),
        (ceil_div(T * 4 + 6, 2), "2*T + 3"),
        (ceil_div(H, 2), "ceil(H/2)"),
        (ceil_div(ceil_div(H, 2), 2), "ceil(H/4)"),
        (ceil_div(ceil_div(H, 2) + 1, 3), "ceil((H + 2)/6)"),
        (floor_div(H - 3, 2) + 1, "ceil(H/2) - 1"),
        (T - T * 2, "-T"),
    ],
)
def test_a_size_prints_in_one_form(size, text):
    assert str(size) == text


def test_sizes_without_letters_are_numbers():
    assert (T - T + 5, ceil_div(7, 2), product([2, 3])) == (5, 4, 6)
    assert (dim(T), dim(T + 1) == T + 1, counted("T") == T) == ("T", True, True)
    assert f"{12345 * T:,}" == "12,345*T"
    assert letters(3, "T", H * W) == ("H", "T", "W")


@pytest.mark.parametrize(
    ("a", "b", "when"),
    [
        ("H", H, ""),
        (8, 8, ""),
        (8, 9, None),
        (2 * ceil_div("H", 2), "H", "needs H even"),
        (32 * ceil_div("H", 32), "H", "needs H to be a multiple of 32"),
        (T + 1, "T", None),
        ("H", "W", None),
    ],
)
def test_sizes_agree_always_sometimes_or_never(a, b, when):
    assert agreement(a, b) == when
