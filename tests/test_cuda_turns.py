"""Blocks of the simulator, whose threads take turns."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from netlang.backend.cuda.turns import Block

ROOT = Path(__file__).parent.parent
SIZE = 8


def run(function, *arguments, at=(0, 0, 0), shape=(SIZE, 1, 1)):
    Block(function, (2, 1, 1), shape, False).run(at, *arguments)


def me():
    return threading.current_thread()


def neighbours(given, read, barrier):
    """Each thread gives a number and reads those of both neighbours, behind a barrier or not."""
    k = me().thread_id
    given[k] = k + 1
    if barrier:
        me().syncthreads()
    read[k] = given[k - 1] + given[(k + 1) % SIZE]


@pytest.mark.parametrize("at", [(0, 0, 0), (1, 0, 0)])
def test_behind_a_barrier_each_thread_sees_what_all_have_written(at):
    given, read = np.zeros(SIZE), np.zeros(SIZE)
    run(neighbours, given, read, True, at=at)

    assert read.tolist() == (np.roll(given, 1) + np.roll(given, -1)).tolist()


@pytest.mark.parametrize("side", [-1, 1])
def test_a_barrier_that_is_missing_shows_in_even_or_in_odd_blocks_whichever_side_is_read(side):
    def one_sided(given, read):
        k = me().thread_id
        given[k] = k + 1
        if 0 <= k + side < SIZE:
            read[k] = given[k + side]

    whole = SIZE * (SIZE + 1) // 2 - (1 if side > 0 else SIZE)
    wrong = []
    for block in range(2):
        given, read = np.zeros(SIZE), np.zeros(SIZE)
        run(one_sided, given, read, at=(block, 0, 0))
        wrong.append(read.sum() < whole)

    assert sorted(wrong) == [False, True]


def test_threads_that_have_ended_are_not_waited_for():
    left = []

    def shrinking():
        for _ in range(me().thread_id):
            me().syncthreads()
        left.append(me().thread_id)

    run(shrinking)

    assert left == list(range(SIZE))


def test_a_warp_meets_without_the_others():
    made = {}

    def meeting():
        warp, lane = divmod(me().thread_id, 4)
        for turn in range(warp + 1):
            made[warp, lane, turn] = me().meet(warp, lane, 4, lane, lambda given: given[::-1])

    run(meeting)

    assert made == {(w, lane, t): 3 - lane for w in (0, 1) for lane in range(4) for t in range(w + 1)}


def test_places_are_those_of_cuda():
    seen = set()
    run(
        lambda: seen.add((me().thread_id, me().threadIdx.x, me().threadIdx.y, me().blockIdx.y)),
        at=(3, 5, 0),
        shape=(2, 3, 1),
    )

    assert seen == {(x + 2 * y, x, y, 5) for x in range(2) for y in range(3)}


def test_waiting_for_good_is_an_error_and_leaves_nothing_behind():
    before = threading.active_count(), dict(vars(me()))
    with pytest.raises(RuntimeError, match="the threads of a block wait for each other for good"):
        run(lambda: me().meet(0, me().thread_id, SIZE + 1, None, list))

    assert (threading.active_count(), dict(vars(me()))) == before


def test_what_a_thread_raises_is_raised_and_leaves_nothing_behind():
    before = threading.active_count(), dict(vars(me()))

    def failing():
        if me().thread_id == SIZE // 2:
            raise ValueError("of one thread")
        me().syncthreads()

    with pytest.raises(ValueError, match="of one thread"):
        run(failing)

    assert (threading.active_count(), dict(vars(me()))) == before


def test_a_block_within_a_block_gives_back_the_turn():
    ended = []

    def inner():
        me().syncthreads()
        ended.append(me().thread_id)

    def outer():
        k = me().thread_id
        run(inner, shape=(2, 1, 1))
        me().syncthreads()
        assert me().thread_id == k

    run(outer, shape=(3, 1, 1))

    assert sorted(ended) == [0, 0, 0, 1, 1, 1]


def test_threads_of_a_block_that_failed_end_with_it():
    left = []

    def waiting():
        try:
            if me().thread_id == SIZE - 1:
                raise ValueError("of one thread")
            me().syncthreads()
        finally:
            left.append(me().thread_id)

    with pytest.raises(ValueError, match="of one thread"):
        run(waiting)

    assert len(left) == SIZE


def test_without_greenlet_programs_for_a_gpu_are_planned_and_the_simulator_says_what_it_needs(tmp_path):
    (tmp_path / "greenlet.py").write_text("raise ModuleNotFoundError(name='greenlet')")
    lines = ["import netlang.on_gpu", "print('planned')", "import netlang.backend.cuda.turns"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}

    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True, check=False
    )

    assert done.stdout == "planned\n", done.stderr
    assert done.stderr.splitlines()[-1].endswith("needs the package greenlet: `pip install greenlet`")
