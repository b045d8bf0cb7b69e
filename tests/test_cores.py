"""Threads that share a core are moved apart."""

import itertools
import os
import threading
import time

import numpy as np
import pytest

from netlang.backend import cores, executor
from netlang.backend.cores import give_back, move_apart, strangers
from netlang.backend.executor import Team
from netlang.simd import block as fields

LINUX = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux lets a program move its threads")
NOTHING = np.zeros((0, 3), np.int64)  # a table of no launches


@pytest.fixture
def proc(tmp_path, monkeypatch):
    """Five threads run in the system, of the team's 7 and 8 only the first."""
    for thread, state in ((7, "R"), (8, "S")):
        folder = tmp_path / f"self/task/{thread}"
        folder.mkdir(parents=True)
        (folder / "stat").write_text(f"{thread} (a) R) {state} 1 2 3\n")
    (tmp_path / "loadavg").write_text("0.1 0.2 0.3 5/99 1234\n")
    monkeypatch.setattr(cores, "PROC", tmp_path)


def test_strangers_are_all_that_run_but_the_team(proc):
    assert strangers([7, 8]) == 4


@pytest.fixture
def asked(monkeypatch):
    """What the system is asked: threads and the cores they may use. They may use three."""
    found: list[tuple[int, set[int]]] = []
    allowed = dict[int, set[int]]()

    def keep(thread, to):
        allowed[thread] = to
        found.append((thread, to))

    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: allowed.get(thread, {0, 1, 2}), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", keep, raising=False)
    return found


@pytest.mark.parametrize(
    ("running", "where", "moved"),
    [
        (0, {7: 0, 8: 0}, [(8, {1, 2})]),
        (1, {7: 0, 8: 0}, [(8, {1, 2})]),
        (2, {7: 0, 8: 0}, []),
        (0, {7: 0, 8: 1}, []),
        (0, {7: 2, 8: 2, 9: 2}, [(8, {0, 1}), (9, {0, 1})]),
        (0, {7: 0, 8: 1, 9: 1}, [(8, {2})]),
        (1, {7: 2, 8: 2, 9: 2}, [(8, {0, 1})]),
        (0, {7: 0}, []),
    ],
)
def test_who_shares_a_core_keeps_off_those_of_the_others_while_one_is_free(running, where, moved, asked, monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: running)
    held = {}

    move_apart(where, held)
    assert asked == moved
    give_back(held)

    assert asked[len(moved) :] == [(thread, {0, 1, 2}) for thread, _ in moved], "afterwards all cores are theirs again"
    assert not held


def test_who_was_bound_elsewhere_meanwhile_stays_there(asked, monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: 0)
    held = {}

    move_apart({7: 0, 8: 0}, held)
    os.sched_setaffinity(8, {0})
    give_back(held)

    assert os.sched_getaffinity(8) == {0}
    assert not held


def test_what_an_interrupt_leaves_is_given_back_by_the_next_run(asked, monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: 0)
    keep, held = os.sched_setaffinity, {}

    def interrupted(thread, to):
        keep(thread, to)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "sched_setaffinity", interrupted)
    with pytest.raises(KeyboardInterrupt):
        move_apart({7: 0, 8: 0}, held)
    monkeypatch.setattr(os, "sched_setaffinity", keep)

    with Team(1) as team:
        team._held.update(held)
        team.run(NOTHING)
        assert not team._held
    assert os.sched_getaffinity(8) == {0, 1, 2}


@pytest.mark.parametrize("load", ["", "\n", "0.1 0.2 0.3", "0.1 0.2 0.3 many 5", None])
def test_nothing_happens_where_the_system_cannot_tell(load, proc, asked):
    if load is None:
        (cores.PROC / "loadavg").unlink()
    else:
        (cores.PROC / "loadavg").write_text(load)
    held = {}

    move_apart({7: 0, 8: 0}, held)

    assert not held
    assert not asked


def test_nothing_happens_where_threads_cannot_be_bound(proc, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    held = {}

    move_apart({7: 0, 8: 0}, held)

    assert not held


@LINUX
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is no other core")
def test_a_thread_is_moved_and_may_come_back(monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: 0)
    end, allowed = threading.Event(), os.sched_getaffinity(0)
    thread = threading.Thread(target=end.wait)
    thread.start()
    number = thread.native_id

    held = {}
    move_apart({threading.get_native_id(): min(allowed), number: min(allowed)}, held)
    assert os.sched_getaffinity(number) == allowed - {min(allowed)}
    give_back(held)
    assert os.sched_getaffinity(number) == allowed
    end.set()
    thread.join()


@LINUX
def test_runs_in_a_row_on_one_core_are_counted_until_a_pause(monkeypatch):
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # of this thread, and those it starts
    try:
        with Team(2) as team:
            monkeypatch.setattr(Team, "_tries", lambda team: False)
            assert any(_counted(team) == [1, 2, 3] for _ in range(50)), "other work may make a pause anywhere"
    finally:
        os.sched_setaffinity(0, allowed)


def _counted(team):
    time.sleep(0.02)
    return [team.run(NOTHING) and int(team._block[fields.BESIDE]) for _ in range(3)]


def test_a_run_after_two_on_one_core_is_led_apart(monkeypatch):
    calls = []
    monkeypatch.setattr(executor, "move_apart", lambda where, held: calls.append(where))
    with Team(2) as team:
        for runs in (0, executor.BESIDE - 1, executor.BESIDE, executor.BESIDE + 1):
            team._tried = 0.0
            team._block[fields.BESIDE] = runs
            team.run(NOTHING)
        numbers = [threading.get_native_id(), *(worker.native_id for worker in team._workers)]

    assert [[*where] for where in calls] == [numbers, numbers]


def test_tries_that_follow_each_other_become_seldom(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(executor.time, "monotonic", lambda: clock[0])
    team, tried = Team(1), []
    for k in range(6_000_000, 6_100_000):
        clock[0] = k / 10_000
        if team._tries():
            tried.append(k)
    waits = [after - before for before, after in itertools.pairwise(tried)]

    assert waits[:6] == pytest.approx([10, 20, 40, 80, 160, 320], abs=1)
    assert waits[-1] == pytest.approx(10_000, abs=1)
    clock[0] += 20
    assert team._tries(), "and often again after a while"
    assert team._wait == executor.OFTEN


def test_one_thread_has_nobody_beside_it():
    with Team(1) as team:
        for _ in range(3):
            team.run(NOTHING)
        assert team._block[fields.BESIDE] == 0
