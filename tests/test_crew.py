"""Compiling in several processes."""

import sys
import threading
from queue import SimpleQueue

import pytest
from kept_kernels import ADD, ALLOCATES, assert_adds, entries

from netlang.backend import cache, crew, folder
from netlang.backend.compiler import ForeignCallError
from netlang.primitives.launch import KernelText

KERNELS = [KernelText("add", ADD.text + "    # " + "x" * i + "\n") for i in range(3)]


def jobs():
    return [crew.Kernel(f"add_{i}", kernel.text, 3, f"add_{i}.py") for i, kernel in enumerate(KERNELS)]


def test_a_helper_compiles_what_this_process_would():
    waiting, done = crew.Jobs(), SimpleQueue()
    waiting.add(jobs())
    waiting.close()

    helper = crew.Helper(waiting, done)
    helper.run()

    made = [done.get() for _ in KERNELS]
    assert [code.job for code in made] == jobs()
    assert waiting.take() is None
    for code in made:
        assert_adds(cache._load(code.symbol, code.code))


def test_kernels_compiled_side_by_side_are_kept_and_run(empty):
    cache.compile_missing([[(kernel, 3) for kernel in KERNELS]], helpers=2)

    assert (cache.counts.compiled, len(entries(empty))) == (3, 3)
    for kernel in KERNELS:
        assert_adds(cache.compiled(kernel))
    assert (cache.counts.compiled, cache.counts.loaded) == (3, 0)


@pytest.mark.parametrize(
    "serves",
    [
        "",
        "import pickle, sys; pickle.load(sys.stdin.buffer); pickle.load(sys.stdin.buffer); sys.exit(1)",
        "import sys; sys.stdin.buffer.read(9); print('no pickle', flush=True)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ],
)
def test_what_a_dead_helper_leaves_is_compiled_here(empty, monkeypatch, serves):
    monkeypatch.setattr(crew, "_SERVE", serves)

    cache.compile_missing([[(kernel, 3) for kernel in KERNELS]], helpers=1)

    assert cache.counts.compiled == 3
    assert_adds(cache.compiled(KERNELS[2]))


def test_where_no_process_can_be_started_everything_is_compiled_here(empty, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    cache.compile_missing([[(kernel, 3) for kernel in KERNELS]], helpers=1)

    assert cache.counts.compiled == 3


def test_where_no_thread_can_be_started_everything_is_compiled_here(empty, monkeypatch):
    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)

    cache.compile_missing([[(kernel, 3) for kernel in KERNELS]], helpers=1)

    assert cache.counts.compiled == 3


def test_code_of_helpers_runs_where_nothing_can_be_kept(empty, monkeypatch):
    monkeypatch.setenv("NETLANG_CACHE", "/dev/null/netlang")

    with pytest.warns(folder.CacheWarning, match="will not be kept"):
        cache.compile_missing([[(kernel, 3) for kernel in KERNELS]], helpers=1)

    assert_adds(cache.compiled(KERNELS[0]))
    assert cache.counts.compiled == 3


def test_a_fault_in_a_kernel_is_told_by_this_process(empty):
    with pytest.raises(ForeignCallError, match="NRT_"):
        cache.compile_missing([[(ALLOCATES, 3), *((kernel, 3) for kernel in KERNELS)]], helpers=1)


def test_helpers_are_started_for_much_work_alone(monkeypatch):
    long = [crew.Kernel("long", "\n" * crew.SHARE, 3, "")]

    assert crew.helpers(long * 9, 2) == 1
    assert crew.helpers(long * 3, 16) == 2
    assert crew.helpers(long, 16) == 0
    assert crew.helpers(long * 9, 1) == 0
    monkeypatch.setattr(sys, "executable", "/usr/bin/blender")
    assert crew.helpers(long * 9, 2) == 0


def test_a_helper_begins_before_all_jobs_are_known():
    first, *others = jobs()
    with crew.Crew(1) as team:
        team.add([first])
        assert team._done.get(timeout=60).job == first
        team.add(others)

        made = list(team.finish())

    assert sorted(code.job.name for code in made) == [job.name for job in others]


def test_batches_are_asked_for_one_after_the_other_and_a_kernel_of_both_is_compiled_once(empty):
    every = [(kernel, 3) for kernel in KERNELS]

    cache.compile_missing(iter([every[:2], every]), helpers=1)

    assert (cache.counts.compiled, len(entries(empty))) == (3, 3)


def test_what_goes_wrong_while_batches_are_asked_for_ends_the_helpers(empty):
    def batches():
        yield [(kernel, 3) for kernel in KERNELS]
        raise MemoryError

    before = set(threading.enumerate())
    with pytest.raises(MemoryError):
        cache.compile_missing(batches(), helpers=1)

    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_a_helper_starts_at_once_where_nothing_is_kept(empty, monkeypatch):
    begun = []
    monkeypatch.setattr(crew, "thread_count", lambda: 2)
    monkeypatch.setattr(crew.Helper, "start", lambda self: begun.append(self))
    monkeypatch.setattr(crew.Helper, "join", lambda self: None)

    cache.compile_missing([[(KERNELS[0], 3)]])
    cache.compile_missing([[(KERNELS[1], 3)]])

    assert len(begun) == 1
    assert cache.counts.compiled == 2
