"""The functions of `gpu.py` for Numba's simulator, where each thread of a warp is a greenlet."""

import threading
import time
from typing import Any

import numpy as np

from netlang.simd import fragments

WARP = 32


_LOCK = threading.Lock()


def _met(value: Any, work: Any) -> Any:
    thread: Any = threading.current_thread()
    number, lane = divmod(thread.thread_id, WARP)
    return thread.meet(number, lane, WARP, value, work)


def _moved(count: int) -> Any:
    def load(into: Any, source: Any, at: int) -> None:
        assert at % count == 0, f"{count} numbers are read at once from a multiple of {count}"
        for k in range(count):
            into[k] = source[at + k]

    def store(to: Any, at: int, values: Any) -> None:
        assert at % count == 0, f"{count} numbers are written at once to a multiple of {count}"
        for k in range(count):
            to[at + k] = values[k]

    return load, store


def _halves(array: Any) -> Any:
    """The bf16 in an array of float32, two in each, as bits."""
    return np.asarray(getattr(array, "_ary", array)).view(np.uint16)


def _moved_halves(count: int) -> Any:
    def load(into: Any, source: Any, at: int) -> None:
        assert at % count == 0, f"{count} numbers are read at once from a multiple of {count}"
        into[:count] = fragments.wide(_halves(source)[at : at + count])

    def store(to: Any, at: int, values: Any) -> None:
        assert at % count == 0, f"{count} numbers are written at once to a multiple of {count}"
        _halves(to)[at : at + count] = fragments.bf16(np.asarray(values[:count]))

    return load, store


load_8, store_8 = _moved(8)
load_4, store_4 = _moved(4)
load_2, store_2 = _moved(2)
load_8_bf16, store_8_bf16 = _moved_halves(8)
load_4_bf16, store_4_bf16 = _moved_halves(4)
load_2_bf16, store_2_bf16 = _moved_halves(2)


def load_1(source: Any, at: int) -> Any:
    """One number."""
    assert at >= 0
    return source[at]


def fresh_1(source: Any, at: int) -> Any:
    """One number."""
    assert at >= 0
    return source[at]


fresh_4 = load_4


def store_1_bf16(to: Any, at: int, x: Any) -> None:
    """One number rounded."""
    _halves(to)[at] = fragments.bf16(np.array([x], np.float32))[0]


def _counters(array: Any) -> Any:
    """The numbers of an array as whole ones."""
    return np.asarray(getattr(array, "_ary", array)).view(np.uint32)


def arrive(counters: Any, at: int) -> None:
    """One more."""
    with _LOCK:
        _counters(counters)[at * counters.dtype.itemsize // 4] += 1


def arrived(counters: Any, at: int) -> int:
    """So many, after others had a turn."""
    time.sleep(0)
    return int(_counters(counters)[at * counters.dtype.itemsize // 4])


def exchanged(x: Any, distance: int) -> Any:
    """From lane to lane."""

    def work(given: list[Any]) -> Any:
        return [given[lane ^ distance] for lane in range(WARP)]

    return _met(x, work)


def copy_16(tile: Any, to: int, source: Any, at: int, there: bool) -> None:
    """At once."""
    assert to % 4 == at % 4 == 0, "cp.async takes 16 aligned bytes"
    for k in range(4):
        tile[to + k] = source[at + k] if there else np.float32(0)


def copied() -> None:
    """Nothing is on its way."""


def all_copied() -> None:
    """Nothing is on its way."""


def all_but_one_copied() -> None:
    """Nothing is on its way."""


def matrices(tile: Any, at: int) -> Any:
    """As the instruction hands them out."""

    def work(given: list[int]) -> Any:
        return [tuple(tile[given[8 * j + lane // 4] + lane % 4] for j in range(4)) for lane in range(WARP)]

    return _met(at, work)


def turned_matrices(tile: Any, at: int) -> Any:
    """Each matrix of 8 x 8 halves as if its columns had been rows."""

    def work(given: list[int]) -> Any:
        rows = np.array([[tile[where + k] for k in range(4)] for where in given], np.float32)
        turned = rows.view(np.uint16).reshape(4, 8, 8).transpose(0, 2, 1)
        words = np.ascontiguousarray(turned).view(np.float32)
        return [tuple(words[j, lane // 4, lane % 4] for j in range(4)) for lane in range(WARP)]

    return _met(at, work)


def tf32(x: Any) -> Any:
    """One number rounded."""
    return fragments.tf32(np.array([x], np.float32))[0]


def pair(low: Any, high: Any) -> Any:
    """Two numbers rounded, the first in the low half."""
    below, above = fragments.bf16(np.array([low, high], np.float32))
    return np.uint32(below | above << np.uint32(16)).view(np.float32)


def _multiplied(kind: str, given: tuple[Any, ...]) -> Any:
    def work(all_given: list[Any]) -> Any:
        a, b, sums = (
            np.array([one[part] for one in all_given], np.float32) for part in (slice(0, 4), slice(4, 6), slice(6, 10))
        )
        if kind == "bf16":
            a, b = a.view(np.uint32), b.view(np.uint32)
        return [tuple(lane) for lane in fragments.multiplied(a, b, sums, kind)]

    return _met(given, work)


def mma_tf32(*given: Any) -> Any:
    """By the maps of a warp."""
    return _multiplied("tf32", given)


def mma_bf16(*given: Any) -> Any:
    """By the maps of a warp."""
    return _multiplied("bf16", given)
