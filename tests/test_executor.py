import gc
import os
import platform
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from netlang.backend import cache, executor
from netlang.backend.cpu import bind
from netlang.backend.exclusive import BusyError
from netlang.backend.executor import Outcome, Team
from netlang.backend.limits import OutOfThreadsError
from netlang.primitives.launch import Address, Draft, KernelText
from netlang.simd import block as fields

HEADER = "from netlang.simd import *\n"
SQUARE = KernelText(
    "square",
    HEADER
    + """
def kernel(args, team, thread):
    # y[i] = x[i]**2 for i < examples
    x = load_i64(args)
    y = load_i64(args + 8)
    lo, hi = split(examples(team), thread, threads(team))
    for i in range(lo, hi):
        value = load_i64(x + 8 * i)
        store_i64(y + 8 * i, value * value)
""",
)
COUNT = KernelText(
    "count",
    HEADER
    + """
def kernel(args, team, thread):
    # thread 0 counts launches; an inner barrier, so that nobody runs ahead
    barrier(team, thread)
    if thread == 0:
        store_i64(load_i64(args), load_i64(load_i64(args)) + 1)
    report(team, 7)
""",
)
ENDLESS = KernelText(
    "endless",
    HEADER
    + """
def kernel(args, team, thread):
    while not stopped(team):
        store_i64(load_i64(args), 1)
        barrier(team, thread)
""",
)

HALVE = KernelText(
    "halve",
    HEADER
    + """
def kernel(args, team, thread):
    # each thread has a line of its own
    x = load_i64(args) + 64 * thread
    store_f32(load_i64(args + 8) + 64 * thread, load_f32(x) * splat_f32(0.5))
""",
)


def table(*launches):
    """Launches of (text, barrier, arrays)."""
    names = {id(a): (f"b{id(a)}", a) for _, _, arrays in launches for a in arrays}
    drafts = [
        (Draft(text, tuple(Address(names[id(a)][0]) for a in arrays)), barrier) for text, barrier, arrays in launches
    ]
    return bind(drafts, {name: a.ctypes.data for name, a in names.values()}, 0, 0)


@pytest.fixture(params=[1, 2, 3])
def team(request):
    with Team(request.param) as team:
        yield team


@pytest.fixture
def pair():
    with Team(2) as team:
        yield team


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("examples", [0, 1, 1000])
def test_a_launch_sees_what_all_threads_wrote_before_the_barrier(team, examples, long):
    x, y, z = np.arange(examples + 1), np.full(examples + 1, -1), np.full(examples + 1, -1)
    launches = table((SQUARE, True, (x, y)), (SQUARE, False, (y, z)))

    outcome = team.run(launches, examples, long=long)

    assert outcome == Outcome(2, 0)
    np.testing.assert_array_equal(z[:examples], x[:examples] ** 4)
    assert z[examples] == -1


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"), reason="no such register known")
def test_denormal_numbers_are_zero_in_kernels_and_numbers_to_the_caller(team, long):
    least = np.finfo(np.float32).smallest_normal
    x = np.full((team.threads, 16), least)
    x[:, ::2] = least / 2  # denormal as it is read, the others as they are written
    x[:, -1] = 4 * least
    y = np.full_like(x, np.nan)

    for _ in range(2):
        team.run(table((HALVE, False, (x, y))), long=long)

    assert (y[:, :-1] == 0).all()
    assert (y[:, -1] == 2 * least).all()
    assert ((x[:, :-1] * np.float32(0.5)) > 0).all()


def test_runs_follow_each_other_and_reports_do_not_outlive_their_run(team):
    cell = np.zeros(1, np.int64)
    counting, nothing = table(*[(COUNT, True, (cell,))] * 10), table()

    outcomes = [team.run(rows) for _ in range(50) for rows in (counting, nothing)]

    assert outcomes == [Outcome(10, 7), Outcome(0, 0)] * 50
    assert cell[0] == 500


def test_one_launch_at_a_time_calls_back_after_each(team):
    cell, seen = np.zeros(1, np.int64), []

    outcome = team.run(table(*[(COUNT, False, (cell,))] * 4), each=lambda i: seen.append((i, int(cell[0]))))

    assert seen == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert outcome == Outcome(4, 7)


def test_stop_ends_a_run_at_a_barrier_inside_a_kernel(team):
    cell, after = np.zeros(1, np.int64), np.zeros(1, np.int64)
    launches = table((COUNT, True, (after,)), (ENDLESS, True, (cell,)), (COUNT, True, (after,)))

    def stop_once_begun():
        while not cell[0]:
            pass
        team.stop()

    stopper = threading.Thread(target=stop_once_begun)
    stopper.start()

    outcome = team.run(launches)
    stopper.join()

    assert outcome.launches == 1
    assert after[0] == 1
    assert team.run(table((COUNT, True, (after,)))).launches == 1


def test_an_interrupt_ends_a_long_run_at_its_next_barrier(pair):
    cell = np.zeros(1, np.int64)
    launches = table((ENDLESS, True, (cell,)))

    def interrupt():
        while not cell[0]:
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    killer = threading.Thread(target=interrupt)
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        pair.run(launches, long=True)
    killer.join()

    assert pair.run(table((COUNT, True, (cell,)))) == Outcome(1, 7)


def test_a_second_caller_is_refused_while_the_first_one_runs(pair):
    cell = np.zeros(1, np.int64)
    launches = table((ENDLESS, True, (cell,)))
    first = threading.Thread(target=pair.run, args=(launches,))
    first.start()
    while not cell[0]:
        pass

    with pytest.raises(BusyError, match="running in another thread"):
        pair.run(launches)

    pair.stop()
    first.join()


def test_a_closed_team_says_so():
    team = Team(2)
    team.run(table())

    team.close()
    team.close()

    with pytest.raises(RuntimeError, match="it was closed"):
        team.run(table())


@pytest.fixture
def few_threads(monkeypatch):
    """A system that starts one more thread, and none after it; it returns what ends that."""
    start, started = threading.Thread.start, []

    def once(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", once)
    return monkeypatch.undo


@pytest.mark.parametrize("long", [False, True])
def test_threads_that_cannot_be_started_are_an_error_and_a_later_run_starts_them(few_threads, long):
    x, y = np.arange(8), np.full(8, -1)
    launches, before = table((SQUARE, True, (x, y))), threading.active_count()
    with Team(4) as team:
        with pytest.raises(OutOfThreadsError, match=r"2 of 4 threads.*--threads"):
            team.run(launches, 8, long=long)
        assert (y == -1).all()
        assert threading.active_count() == before  # the one that was started went home

        few_threads()
        team.run(launches, 8, long=long)

    assert (y == x**2).all()


def test_a_long_run_is_led_here_where_no_thread_can_be_started(pair, few_threads):
    x, y = np.arange(8), np.full(8, -1)

    pair.run(table((SQUARE, True, (x, y))), 8, long=True)  # its worker is the one that there is

    assert (y == x**2).all()


def test_threads_end_with_their_team():
    gc.collect()  # teams of other tests
    before = threading.active_count()
    team = Team(3)
    team.run(table())
    gone = weakref.ref(team)
    assert threading.active_count() == before + 2

    del team
    gc.collect()

    assert gone() is None
    assert threading.active_count() == before


def test_idle_workers_sleep(pair):
    pair.run(table())
    worker = Path(f"/proc/self/task/{pair._workers[0].native_id}/stat")

    def state():
        return worker.read_text().rpartition(")")[2].split()[0]

    assert "S" in (state() for _ in range(10**6))  # it falls asleep 1 ms after the run, and nothing wakes it
    assert state() == "S"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # of Python 3.12: that is what is tested
def test_the_child_of_a_fork_has_threads_of_its_own(pair):
    x, y = np.arange(8), np.zeros(8, np.int64)
    launches = table((SQUARE, True, (x, y)))
    pair.run(launches, 8)
    y[:] = -1

    child = os.fork()
    if child == 0:
        pair.run(launches, 8)
        os._exit(0 if (y == x**2).all() and pair._workers[0].is_alive() else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (y == -1).all()
    pair.run(launches, 8)
    assert (y == x**2).all()


LEAVES = """
import sys
from netlang.backend.executor import Team
import numpy as np
team = Team(2)
team.run(np.zeros((0, 3), np.int64))
print("numba" in sys.modules)
{end}
"""


@pytest.mark.parametrize(("end", "code"), [("", 0), ("raise ValueError", 1), ("sys.exit(3)", 3), ("del team", 0)])
def test_a_process_ends_cleanly_with_idle_workers_and_a_warm_one_never_loads_numba(end, code):
    with Team(2) as team:
        team.run(table())  # fills the cache

    done = subprocess.run([sys.executable, "-c", LEAVES.format(end=end)], capture_output=True, text=True)

    assert done.returncode == code
    assert done.stdout == "False\n"


def test_the_loops_do_not_touch_python():
    assert cache.foreign_calls(executor.MEET) == []


def test_every_thread_says_which_core_it_began_on():
    with Team(3) as team:
        team._block[fields.CORES :: fields.EACH] = -1
        team.run(table())
        assert (team._block[fields.CORES :: fields.EACH] >= 0).all()


def _shares_as_its_cores_say(team):
    team.run(table())
    cores = team._block[fields.CORES :: fields.EACH].tolist()
    return team._block[fields.SHARES :: fields.EACH].tolist() == [int(cores.count(core) > 1) for core in cores]


def test_a_thread_knows_whether_it_shares_its_core_with_another():
    """Of threads more than there are cores some do; the only thread of a team does not."""
    with Team(2 * (os.cpu_count() or 1) + 1) as team:
        assert any(_shares_as_its_cores_say(team) for _ in range(100))  # a thread may move to another core meanwhile
    with Team(1) as team:
        team.run(table())
        assert team._block[fields.SHARES] == 0


INTERRUPTED = """
import random, signal
import numpy as np
import netlang

program = netlang.from_text("input 4\\nFC-3, softmax\\n").compile(batch=2, threads=2)
x = np.zeros((2, 4), np.float32)
program(x)
signal.signal(signal.SIGALRM, signal.default_int_handler)
heard = 0
for _ in range(600):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 1e-3))
        while True:
            program(x)
    except KeyboardInterrupt:
        heard += 1
program(x)
program.close()
print(heard)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such clock")
def test_interrupts_at_any_moment_leave_the_program_free():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "600\n"
