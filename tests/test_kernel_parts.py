"""Parts of kernels that are compiled once and called by address."""

import ctypes

import numpy as np
import pytest

from netlang.backend import cache
from netlang.backend.cpu import bind
from netlang.backend.executor import Team
from netlang.primitives.launch import Address, KernelText
from netlang.primitives.outline import FRAME, framed, outlined
from netlang.primitives.text import Arguments, loads
from netlang.simd import words

COUNT = 4
PART = ["at = numbers + 8 * which", "store_i64(at, load_i64(at) + step)", "calls += 1", "before = which", "which += 1"]


def counting(**last):
    """A launch that adds `step` to one number after another: the part counts its own calls."""
    arguments = Arguments()
    arguments.add(numbers=Address("numbers"), step=10, **last)
    call = outlined("count_on", PART, arguments, ("which",), ("which", "before"), ("calls",))
    lines = [
        "for k in range(16):",
        "    store_i64(frame + 8 * k, 0)",
        "which = load_i64(numbers)",
        "while which < load_i64(numbers + 8):",
        *("    " + line for line in call),
        "store_i64(numbers, before)",
    ]
    return framed("counting", arguments, lines, (0, 0))


def bound(draft):
    numbers, scratch = np.array([2, 5, 0, 1, 2], np.int64), np.zeros(FRAME // 8, np.int64)
    table = bind([(draft, True)], {"numbers": numbers.ctypes.data}, scratch.ctypes.data, 0)
    return numbers, scratch, table


def test_a_part_is_told_names_and_gives_back_what_it_makes():
    numbers, scratch, table = bound(counting())

    with Team(1) as team:
        team.run(table)

    assert numbers.tolist() == [4, 5, 10, 11, 12]
    assert scratch[:4].tolist()[1:3] == [5, 4]  # which, before
    assert scratch[3] == 3  # calls


def test_a_kernel_in_plain_python_calls_the_compiled_part():
    draft = counting()
    numbers, _, table = bound(draft)

    cache.interpreted(draft.kernel)(int(table[0, 1]), 0, 0)

    assert numbers.tolist() == [4, 5, 10, 11, 12]


def test_kernels_share_a_part_whatever_comes_behind_what_it_reads():
    one, other = counting(), counting(more=7, others=8)

    (first,), (second,) = ([a for a in draft.args if isinstance(a, KernelText)] for draft in (one, other))

    assert first == second
    assert one.kernel != other.kernel


def test_arguments_that_are_given_may_lie_elsewhere():
    texts = []
    for places in ({"x": 1, "y": 2}, {"y": 2, "x": 1}):
        arguments = Arguments()
        arguments.add(**places)
        outlined("sum", ["store_i64(x, y)"], arguments, ("x", "y"))
        texts.append(arguments.values["part_sum"])

    assert texts[0] == texts[1]


def test_a_frame_holds_so_many_names_and_no_more():
    names = [f"n{k}" for k in range(words.FRAME)]

    outlined("full", ["n0 = 1"], Arguments(), names[:-1])
    with pytest.raises(AssertionError, match="more to tell"):
        outlined("overfull", ["n0 = 1"], Arguments(), names)


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["a", "b", "c"], ["a, b, c = load_3_i64(at + 0)"]),
        (["", "a", "", "b", ""], ["a, _, b = load_3_i64(at + 8)"]),
        (["", "", "a"], ["a = load_i64(at + 16)"]),
        (["", ""], []),
        (
            [*"abcdefgh", "", "", "i", "j"],
            ["a, b, c, d, e, f, g, h = load_8_i64(at + 0)", "i, j = load_2_i64(at + 80)"],
        ),
    ],
)
def test_words_are_read_eight_at_once_and_none_that_is_not_asked_for(names, lines):
    assert loads("at", names) == lines


@pytest.mark.parametrize("count", [2, 8])
def test_words_are_the_same_in_kernels_and_in_plain_python(count):
    names = [f"w{k}" for k in range(count)]
    lines = loads("args", names) + [f"store_i64(args + {8 * k}, {n} * {k + 2})" for k, n in enumerate(names)]
    text = "from netlang.simd import *\ndef kernel(args, team, thread):\n" + "\n".join("    " + line for line in lines)
    kernel = KernelText("twice", text + "\n")
    found = []
    for run in (ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(cache.compiled(kernel)), cache.interpreted(kernel)):
        cells = np.arange(1, count + 1)
        run(cells.ctypes.data, 0, 0)
        found.append(cells.tolist())

    assert found[0] == found[1] == [(k + 1) * (k + 2) for k in range(count)]
