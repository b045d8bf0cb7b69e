"""Threads that share a core are moved apart."""

import os
import threading
import time

import numpy as np
import pytest

from netlang.backend import cores, executor
from netlang.backend.cores import apart, strangers
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
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: {0, 1, 2}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, allowed: found.append((thread, allowed)), raising=False)
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

    with apart(where) as done:
        assert asked == moved
        assert done == bool(moved)

    assert asked[len(moved) :] == [(thread, {0, 1, 2}) for thread, _ in moved], "afterwards all cores are theirs again"


def test_cores_are_given_back_after_an_error(asked, monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: 0)

    with pytest.raises(KeyboardInterrupt), apart({7: 0, 8: 0}):
        raise KeyboardInterrupt

    assert asked == [(8, {1, 2}), (8, {0, 1, 2})]


def test_nothing_happens_where_the_system_cannot_tell(proc, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    with apart({7: 0, 8: 0}) as moved:
        assert not moved

    monkeypatch.setattr(cores, "PROC", cores.PROC / "nowhere")
    with apart({7: 0, 8: 0}) as moved:
        assert not moved


@LINUX
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is no other core")
def test_a_thread_is_moved_and_may_come_back(monkeypatch):
    monkeypatch.setattr(cores, "strangers", lambda team: 0)
    end, allowed = threading.Event(), os.sched_getaffinity(0)
    thread = threading.Thread(target=end.wait)
    thread.start()
    number = thread.native_id

    with apart({threading.get_native_id(): min(allowed), number: min(allowed)}) as moved:
        assert moved
        assert os.sched_getaffinity(number) == allowed - {min(allowed)}
    assert os.sched_getaffinity(number) == allowed
    end.set()
    thread.join()


@LINUX
def test_runs_in_a_row_on_one_core_are_counted_until_a_pause(monkeypatch):
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # of this thread, and those it starts
    try:
        with Team(2) as team:
            team._patience = 1000
            assert any(_counted(team) == [1, 2, 3] for _ in range(50)), "other work may make a pause anywhere"
    finally:
        os.sched_setaffinity(0, allowed)


def _counted(team):
    time.sleep(0.02)
    return [team.run(NOTHING) and int(team._block[fields.BESIDE]) for _ in range(3)]


def test_a_run_after_two_on_one_core_is_led_apart_and_less_often_where_that_is_no_use(monkeypatch):
    calls = []

    class Noted:
        def __init__(self, where):
            calls.append(where)

        def __enter__(self):
            return len(calls) > 6

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(executor, "apart", Noted)
    with Team(2) as team:
        team.run(NOTHING)
        patience = []
        for _ in range(7):
            before = len(calls)
            team._block[fields.BESIDE] = team._patience - 1
            team.run(NOTHING)
            team._block[fields.BESIDE] = team._patience
            team.run(NOTHING)
            patience.append(team._patience)
            assert len(calls) == before + 1
        numbers = [threading.get_native_id(), *(worker.native_id for worker in team._workers)]

    assert [*calls[-1]] == numbers
    assert patience == [4, 8, 16, 32, 64, 64, executor.BESIDE]


def test_one_thread_has_nobody_beside_it():
    with Team(1) as team:
        for _ in range(3):
            team.run(NOTHING)
        assert team._block[fields.BESIDE] == 0
