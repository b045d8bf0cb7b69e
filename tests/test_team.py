import ctypes
import os
import random
import threading

import numpy as np
import pytest

from netlang.backend import cache
from netlang.backend.executor import ready
from netlang.primitives.launch import KernelText
from netlang.simd import block as b
from netlang.simd import team as t

FIELDS = [(t.threads, b.THREADS), (t.examples, b.EXAMPLES), (t.first, b.FIRST), (t.step, b.STEP), (t.seed, b.SEED)]
BARRIERS = 2000

TURNS = KernelText(
    "turns",
    """
from netlang.simd.team import barrier, stopped, threads
from netlang.simd.vector import load_i64, store_i64
def kernel(args, team, thread):
    # every thread adds its own step to what its neighbour had before the barrier
    mine = load_i64(args) + 128 * thread
    neighbour = load_i64(args) + 128 * ((thread + 1) % threads(team))
    for i in range(load_i64(args + 8)):
        value = load_i64(neighbour)
        barrier(team, thread)
        store_i64(mine, value + 1)
        barrier(team, thread)
        if stopped(team):
            break
""",
)

LOOPS = KernelText(
    "loops",
    """
from netlang.simd.team import claim, share
from netlang.simd.vector import load_i64, store_i64
def kernel(args, team, thread):
    # every thing counts how often it was met; nobody waits between the loops
    things = load_i64(args)
    count = load_i64(args + 8)
    least = load_i64(args + 16)
    for loop in range(load_i64(args + 24)):
        piece = 0
        while piece >= 0:
            first, last = share(count, least, piece, team, thread)
            for thing in range(first, last):
                at = things + 8 * (loop * count + thing)
                store_i64(at, load_i64(at) + 1)
            piece = claim(count, least, team, thread)
""",
)


def in_threads(function, count, *args):
    """Call function(*args, thread) in `count` threads and wait for all."""
    workers = [threading.Thread(target=function, args=(*args, i)) for i in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def turns(function, threads, rounds=BARRIERS, stop=False):
    cells = np.zeros(16 * threads, np.int64)
    args = np.array([cells.ctypes.data, rounds], np.int64)
    block = ready(b.team_block(threads))
    block[b.STOP] = stop
    in_threads(function, threads, args.ctypes.data, block.ctypes.data)
    return cells[::16].tolist(), block


def compiled():
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(cache.compiled(TURNS))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_nobody_passes_a_barrier_before_all_have_come(threads):
    values, block = turns(compiled(), threads)

    assert values == [BARRIERS] * threads
    assert block[b.GENERATION] == 2 * BARRIERS
    assert block[b.ARRIVED] == 0
    assert block[b.GENERATION_SLEEPERS] == 0


def test_barriers_work_when_all_threads_share_one_core():
    allowed = os.sched_getaffinity(0)
    one = {min(allowed)}

    def pinned(args, team, thread):
        os.sched_setaffinity(0, one)  # of this thread
        compiled()(args, team, thread)

    values, _ = turns(pinned, 2)

    assert values == [BARRIERS] * 2
    assert os.sched_getaffinity(0) == allowed


def test_the_plain_python_body_of_the_barrier_works_in_threads():
    values, _ = turns(cache.interpreted(TURNS), 3, rounds=20)

    assert values == [20] * 3


def test_all_threads_leave_at_the_same_barrier_once_stop_is_set():
    values, block = turns(compiled(), 2, stop=True)

    assert values == [1, 1]
    assert block[b.STOPPED] == 1


def test_fields_read_the_same_in_kernels_and_in_python():
    text = """
from netlang.simd.team import examples, first, rate, seed, step, threads
from netlang.simd.vector import load_i64, store_i64, store_scalar_f64
def kernel(args, team, thread):
    out = load_i64(args)
    store_i64(out, threads(team))
    store_i64(out + 8, examples(team))
    store_i64(out + 16, first(team))
    store_i64(out + 24, step(team))
    store_i64(out + 32, seed(team))
    store_scalar_f64(out + 40, rate(team))
"""
    out = np.zeros(6, np.int64)
    args = np.array([out.ctypes.data], np.int64)
    block = b.team_block(3)
    block[: b.RATE] = [3, 10, 20, 30, -40]
    block[b.RATE : b.RATE + 1].view(np.float64)[:] = 0.125
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(cache.compiled(KernelText("fields", text)))
    run(args.ctypes.data, block.ctypes.data, 0)

    assert out[:5].tolist() == [3, 10, 20, 30, -40]
    assert out[5:].view(np.float64)[0] == 0.125
    assert [function(block.ctypes.data) for function, _ in FIELDS] == out[:5].tolist()
    assert t.rate(block.ctypes.data) == 0.125


@pytest.mark.parametrize("count", [0, 1, 5, 16, 1000])
@pytest.mark.parametrize("parts", [1, 2, 7])
def test_split_cuts_evenly_and_leaves_nothing_out(count, parts):
    ranges = [t.split(count, part, parts) for part in range(parts)]

    assert [i for lo, hi in ranges for i in range(lo, hi)] == list(range(count))
    assert max(hi - lo for lo, hi in ranges) - min(hi - lo for lo, hi in ranges) <= 1


def loop_of(team, thread, counts, least, met):
    """A thread's way through loops over so many things, a step each time it is asked."""
    for loop, count in enumerate(counts):
        piece = 0
        while piece >= 0:
            first, last = t.share(count, least, piece, team, thread)
            yield
            met[loop, first:last] += 1
            piece = t.claim(count, least, team, thread)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("least", [1, 3, 8])
def test_everything_is_shared_out_once_however_fast_threads_are(threads, least):
    counts, some = [0, 1, 7, 64, 1000, 64, 200], random.Random(0)
    for _ in range(20):
        block, met = b.team_block(threads), np.zeros((len(counts), max(counts)), int)
        team = block.ctypes.data
        ways = [loop_of(team, thread, counts, least, met) for thread in range(threads)]
        speeds = [some.choice([1, 2, 10]) for _ in ways]
        while ways:
            (way,) = some.choices(ways, speeds)
            if next(way, "done") == "done":
                del speeds[ways.index(way)]
                ways.remove(way)

        assert [row.tolist() for row in met] == [[1] * count + [0] * (1000 - count) for count in counts]


def test_a_thread_that_is_through_takes_pieces_of_the_others():
    block = b.team_block(2)
    team = block.ctypes.data
    assert t.share(80, 1, 0, team, 0) == (0, 30)
    assert t.share(80, 1, 0, team, 1) == (40, 70)

    pieces = [t.claim(80, 1, team, 0) for _ in range(9)]

    assert pieces == [1, 2, 3, 4, 5, 6, 7, 8, -1]
    met = [i for piece in pieces[:-1] for i in range(*t.share(80, 1, piece, team, 0))]
    assert sorted(met) == [*range(30, 40), *range(70, 80)]
    assert t.claim(80, 1, team, 1) == -1  # and finds nothing left
    assert t.claim(80, 1, team, 1) == 1  # in the next loop


@pytest.mark.parametrize(("count", "least"), [(1, 1), (7, 1), (16, 3), (80, 11)])
def test_what_is_too_little_to_be_shared_again_stays_with_its_thread(count, least):
    block = b.team_block(2)
    team = block.ctypes.data

    assert [t.share(count, least, 0, team, i) for i in (0, 1)] == [t.split(count, i, 2) for i in (0, 1)]
    assert t.claim(count, least, team, 0) == -1


def test_compiled_threads_share_out_many_loops_without_waiting():
    count, loops = 100, 2000
    met, block = np.zeros((loops, count), np.int64), ready(b.team_block(3))
    args = np.array([met.ctypes.data, count, 2, loops], np.int64)
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(cache.compiled(LOOPS))

    in_threads(run, 3, args.ctypes.data, block.ctypes.data)

    assert (met == 1).all()


def test_blocks_start_at_a_cache_line():
    assert all(b.team_block(1).ctypes.data % 64 == 0 for _ in range(10))
