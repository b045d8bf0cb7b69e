"""Who leads a run on this processor: the caller alone, with all threads, or one more; what is read where it lies."""

from math import inf

import numpy as np
import pytest

import netlang
from netlang import on_cpu
from netlang.backend.executor import Team
from netlang.bench.profile import STILL

XOR = "input 2\nFC-8 tanh, FC-1 sigmoid"
POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)


@pytest.fixture
def waited(monkeypatch):
    """Of each run, whether the caller waited for it where Ctrl-C is heard."""
    monkeypatch.delenv("NETLANG_CHECK_MEMORY")  # which looks at launches one by one
    found = []
    run = Team.run
    monkeypatch.setattr(Team, "run", lambda *args, long, **told: (found.append(long), run(*args, long=long, **told))[1])
    return found


@pytest.mark.parametrize(("tiny", "awake", "short"), [(1e6, inf, 1e6), (0.0, -inf, 1e6)])
def test_short_runs_do_not_wait_for_threads_that_sleep(monkeypatch, tiny, awake, short):
    prog = netlang.from_text(XOR).compile(batch=4, threads=2)
    on_both = prog(POINTS)
    for name, value in (("TINY", tiny), ("AWAKE", awake), ("SHORT", short)):
        monkeypatch.setattr(on_cpu, name, value)
    monkeypatch.setattr(prog.device.team, "run", None)

    alone = prog(POINTS)

    monkeypatch.undo()
    prog.close()
    np.testing.assert_array_equal(alone, on_both)


def test_short_runs_at_once_behind_one_another_are_on_all_threads(monkeypatch):
    prog = netlang.from_text(XOR).compile(batch=4, threads=2)
    for name, value in (("TINY", 0.0), ("AWAKE", inf), ("SHORT", 1e6)):
        monkeypatch.setattr(on_cpu, name, value)
    first = prog(POINTS)
    monkeypatch.setattr(prog.device.one, "run", None)

    again = prog(POINTS)

    monkeypatch.undo()
    prog.close()
    np.testing.assert_array_equal(again, first)


@pytest.mark.parametrize(("macs", "moment", "long"), [(0.0, 60.0, [True, False]), (inf, 0.0, [False, True])])
def test_a_run_is_long_by_its_multiply_adds_and_from_then_on_by_how_long_it_took(
    monkeypatch, waited, macs, moment, long
):
    monkeypatch.setattr(on_cpu, "LONG", macs)
    monkeypatch.setattr(on_cpu, "MOMENT", moment)
    prog = netlang.from_text(XOR).compile(batch=4, threads=2)
    found = []

    for _ in range(2):
        waited.clear()
        prog(POINTS)
        found.append(waited[-1])

    prog.close()
    assert found == long


def test_how_long_a_run_takes_goes_with_its_examples(monkeypatch, waited):
    monkeypatch.setattr(on_cpu, "LONG", inf)
    prog = netlang.from_text(XOR).compile(batch=4, threads=2)
    loaded = prog.loaded("evaluate")
    prog(POINTS)
    monkeypatch.setattr(on_cpu, "MOMENT", 2.5 * loaded._pace["step"])

    prog(POINTS[:2])
    few = waited[-1]
    loaded._pace["step"] = on_cpu.MOMENT / 2.5
    prog(POINTS)

    prog.close()
    assert not few
    assert waited[-1]


def test_launches_that_are_looked_at_one_by_one_do_not_tell_how_long_a_run_takes(monkeypatch, waited):
    prog = netlang.from_text(XOR).compile(batch=4, threads=2)
    loaded = prog.loaded("evaluate")

    loaded.run("step", 4, STILL, each=lambda launch: None)

    prog.close()
    assert "step" not in loaded._pace


def test_large_arrays_of_the_plans_own_kind_are_read_where_they_lie(monkeypatch):
    prog = netlang.from_text("input 12x12x3\nconv3-20 pad=1, FC-3").compile(batch=64)
    x = np.random.default_rng(0).normal(size=(60, 12, 12, 3)).astype(np.float32)
    copied = prog(x.astype(float))
    monkeypatch.setattr(prog.loaded("evaluate"), "write", None)

    read = prog(x)

    np.testing.assert_array_equal(read, copied)
    with pytest.raises(TypeError):
        prog(x[:, ::-1])
    monkeypatch.undo()
    np.testing.assert_array_equal(prog(x[:, ::-1]), prog(np.ascontiguousarray(x[:, ::-1])))
    prog.close()
