import os

import numpy as np
import pytest

from netlang.backend import cpu
from netlang.backend.arena import LINE, arena
from netlang.backend.cpu import bind, host_target, scratch_sizes
from netlang.backend.executor import Team
from netlang.backend.limits import (
    ControlGroups,
    OutOfMemoryError,
    ThreadsError,
    free_memory,
    refuse_beyond_memory,
    second_cache,
    thread_count,
)
from netlang.primitives.contraction.tiles import for_streams
from netlang.primitives.launch import ROW, Address, Draft, KernelText, Product, Target
from netlang.simd import products

REGISTERS = {"avx512": (32, 64), "avx2": (16, 32), "neon": (32, 16), "baseline": (16, 16)}  # number, bytes each
HEADER = "from netlang.simd import *\n"
FILL = KernelText(
    "fill",
    HEADER
    + """
def kernel(args, team, thread):
    # vectors of ones from out on
    out = load_i64(args)
    lo, hi = split(load_i64(args + 8), thread, threads(team))
    for i in range(lo, hi):
        store_f32(out + 64 * i, splat_f32(1.0))
""",
)
SCRATCH = KernelText(
    "scratch",
    HEADER
    + """
def kernel(args, team, thread):
    # every thread fills its own scratch, thread 0 the shared one; then each sums both of them
    out = load_i64(args)
    bytes_per_thread = load_i64(args + 8)
    shared = load_i64(args + 16)
    mine = load_i64(args + 24) + thread * bytes_per_thread
    store_f32(mine, splat_f32(thread + 1.0))
    if thread == 0:
        store_f32(shared, splat_f32(100.0))
    barrier(team, thread)
    store_f32(out + 64 * thread, load_f32(shared) + load_f32(mine))
""",
)


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return ControlGroups(root)


V2 = {
    "proc/self/cgroup": "0::/a/b\n",
    "proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n",
    "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
    "sys/fs/cgroup/a/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/a/b/memory.max": "max\n",
    "sys/fs/cgroup/a/memory.max": "5000000\n",
    "sys/fs/cgroup/a/memory.current": "4000000\n",
    "sys/fs/cgroup/a/memory.stat": "anon 1\ninactive_file 500000\n",
}
V1 = {
    "proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n",
    "proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 8000 kB\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",  # a container sees its own group at the mount
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1\n",
}


@pytest.mark.parametrize(("files", "quota", "free"), [(V2, 1.5, 1500000), (V1, 3.0, 8192000), ({}, None, None)])
def test_limits_of_control_groups_are_found(tmp_path, files, quota, free):
    groups = tree(tmp_path, files)

    assert groups.processors() == quota
    if free:
        assert free_memory(groups) == free


@pytest.mark.parametrize(
    ("level", "size", "found"), [("2", "2048K", 2 << 20), ("3", "32768K", 1 << 20), ("2", "2M", 1 << 20)]
)
def test_the_second_cache_is_found_or_taken_for_one_megabyte(tmp_path, level, size, found):
    folder = "sys/devices/system/cpu/cpu0/cache"
    tree(tmp_path, {f"{folder}/index0/level": "1\n", f"{folder}/index2/level": level, f"{folder}/index2/size": size})

    assert second_cache(tmp_path) == found


def test_threads_are_the_smaller_of_affinity_and_quota(tmp_path, monkeypatch):
    monkeypatch.delenv("NETLANG_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(5)), raising=False)

    assert thread_count(groups=tree(tmp_path, V1)) == 3
    assert thread_count(groups=ControlGroups(tmp_path / "none")) == 5
    assert thread_count(groups=tree(tmp_path, V2)) == 1
    assert thread_count(7) == 7
    monkeypatch.setenv("NETLANG_THREADS", "9")
    assert thread_count() == 9


@pytest.mark.parametrize("asked", [0, -1, 2000])
def test_a_number_of_threads_that_cannot_be_is_named(asked):
    with pytest.raises(ThreadsError, match=f"the number of threads is '{asked}'; it must be a whole number from 1 to"):
        thread_count(asked)


@pytest.mark.parametrize("text", ["two", "1.5", "0", "-2", "²"])
def test_a_wrong_netlang_threads_is_named(monkeypatch, text):
    monkeypatch.setenv("NETLANG_THREADS", text)

    with pytest.raises(ThreadsError, match=f"NETLANG_THREADS is '{text}'"):
        thread_count()


def test_sizes_beyond_memory_are_refused_before_allocating():
    with pytest.raises(OutOfMemoryError, match=r"training at batch 8 needs 3.0 GiB of memory, but only 512.0 MiB"):
        refuse_beyond_memory(3 << 30, "training at batch 8", 512 << 20)
    with pytest.raises(OutOfMemoryError, match=r"this plan needs 1048576.0 GiB"):
        arena({"x": 1 << 50})


@pytest.mark.parametrize("guarded", [False, True])
def test_buffers_are_aligned_and_do_not_overlap(guarded):
    memory = arena({"a": 64, "b": 4, "c": 0, "d": 100}, guarded)
    memory.poison()

    assert all(address % (LINE if guarded else ROW) == 0 for address in memory.addresses.values())
    assert [memory.view(name).size for name in "abcd"] == [16, 1, 0, 25]
    assert all(np.isnan(memory.view(name)).all() for name in "abcd")
    memory.view("b")[:] = 2
    assert np.isnan(memory.view("a")).all()
    assert np.isnan(memory.view("d")).all()
    assert memory.damaged() == []


@pytest.mark.parametrize(("vectors", "damaged"), [(4, []), (5, ["y"])])
def test_canaries_catch_a_kernel_that_writes_one_vector_too_far(vectors, damaged):
    memory = arena({"x": 64, "y": 4 * 64, "z": 64}, guarded=True)
    table = bind([(Draft(FILL, (Address("y"), vectors)), True)], memory.addresses, 0, 0)
    found = []

    with Team(2) as team:
        team.run(table, each=lambda i: found.append(memory.damaged()))

    assert found == [damaged]
    assert (memory.view("y") == 1).all()


def test_a_canary_in_front_catches_a_write_before_the_first_buffer():
    memory = arena({"x": 64}, guarded=True)

    memory.memory[LINE - 1] ^= 1

    assert memory.damaged() == [""]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_thread_has_scratch_of_its_own_and_all_have_the_shared_one(threads):
    draft = Draft(SCRATCH, (Address("out"), 128), (128, 64))
    own, shared = scratch_sizes([draft, Draft(FILL, ())], threads)
    memory = arena({"out": 64 * threads, "own": own, "shared": shared}, guarded=True)
    memory.poison()
    where = memory.addresses
    table = bind([(draft, False)], where, where["own"], where["shared"])

    with Team(threads) as team:
        team.run(table)

    np.testing.assert_array_equal(memory.view("out"), np.repeat(101.0 + np.arange(threads), 16))
    assert memory.damaged() == []


def test_tables_hold_their_argument_blocks_at_cache_lines():
    table = bind([(Draft(FILL, (Address("x"), -5)), True), (Draft(FILL, (7, 8)), False)], {"x": 11}, 22, 33)

    assert table.shape == (2, 3)
    assert table[:, 2].tolist() == [1, 0]
    assert all(table[:, 1] % LINE == 0)
    blocks = [np.ctypeslib.as_array((np.ctypeslib.ctypes.c_int64 * 4).from_address(int(at))) for at in table[:, 1]]
    assert [block.tolist() for block in blocks] == [[11, -5, 33, 22], [7, 8, 33, 22]]


def test_a_product_is_an_argument_by_its_address():
    table = bind([(Draft(FILL, (Product("spread_f32_1x1"),)), True)], {}, 0, 0)

    assert np.ctypeslib.ctypes.c_int64.from_address(int(table[0, 1])).value == cpu.product("spread_f32_1x1")


@pytest.mark.parametrize(("family", "dtype"), cpu.TILES)
def test_tiles_are_products_that_fit_the_registers(family, dtype):
    number, size = REGISTERS[family]
    each = 16 * products.SIZES[dtype] // size

    for rows, vectors in for_streams(Target(family, dtype, cpu.TILES[family, dtype], 2)).tiles:
        assert (rows, vectors) in products.TILES
        assert (rows * vectors + vectors) * each + 1 <= number or (rows, vectors) == (1, 1)


@pytest.mark.parametrize("name", ["baseline", "avx2"])
def test_a_named_target_takes_its_tiles(monkeypatch, name):
    if name == "avx2" and not cpu.features.X86:
        name = "baseline"
    monkeypatch.setenv("NETLANG_TARGET", name)

    target = host_target("f32", threads=2)

    assert (target.name, target.threads, target.tiles) == (name, 2, cpu.TILES[name, "f32"])


def test_the_host_has_tiles_for_both_dtypes():
    assert host_target("f32").tiles
    assert host_target("f64").tiles
