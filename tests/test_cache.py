import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from kept_kernels import ADD, ALLOCATES, assert_adds, entries

from netlang.backend import cache, folder
from netlang.backend.compiler import ForeignCallError
from netlang.backend.features import UnknownTargetError
from netlang.primitives.launch import KernelText
from netlang.simd.products import ARITY, product_text

RAISES = KernelText(  # a step of 0 would be a ValueError
    "raises",
    """
from netlang.simd.vector import store_i64
def kernel(args, team, thread):
    for i in range(0, thread, team):
        store_i64(args, i)
""",
)
TWO_TYPES = KernelText(
    "two_types",
    """
from netlang.simd.vector import store_i64
def kernel(args, team, thread):
    at = args
    if team > 0:
        at = 0.5
    store_i64(args, 1)
""",
)
PRODUCT = f"""
from netlang.backend import cache
from netlang.primitives.launch import KernelText
cache.compiled(KernelText("product", {product_text("spread_f32_4x1")!r}), {ARITY})
print(cache.counts.compiled)
"""
PROGRAM = f"""
from netlang.backend import cache
from netlang.primitives.launch import KernelText
cache.compiled(KernelText("add", {ADD.text!r}))
print(cache.counts.compiled, cache.counts.loaded)
"""


def process():
    return subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)


def test_equal_texts_are_compiled_once(empty):
    first = cache.compiled(ADD)

    assert cache.compiled(KernelText("add", str(ADD.text))) == first
    assert (cache.counts.compiled, cache.counts.loaded) == (1, 0)
    assert_adds(first)


def test_a_second_process_compiles_nothing(empty):
    assert process().communicate()[0] == "1 0\n"

    assert process().communicate()[0] == "0 1\n"


def test_two_processes_that_compile_at_once_both_succeed(empty):
    outputs = [p.communicate()[0] for p in [process(), process()]]

    assert set(outputs) <= {"1 0\n", "0 1\n"}
    assert len(entries(empty)) == 1
    assert not entries(empty, ".part")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"ELF", b"FLE"),
        lambda data: bytes(len(data)),
        lambda data: b"\x80\x04N." + data,
    ],
)
def test_a_damaged_entry_is_made_again(empty, damage):
    cache.compiled(ADD)
    (entry,) = entries(empty)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    cache.forget()

    assert_adds(cache.compiled(ADD))
    assert cache.counts.compiled == 1
    cache.forget()
    assert_adds(cache.compiled(ADD))
    assert cache.counts.loaded == 1


def test_an_entry_without_its_symbol_is_made_again(empty):
    cache.compiled(ADD)
    (entry,) = entries(empty)
    _, code = folder.read(entry)
    folder.write(entry, "another", code)
    cache.forget()

    assert_adds(cache.compiled(ADD))
    assert cache.counts.compiled == 1


@pytest.mark.parametrize("place", ["/dev/null/netlang", "\0"])
def test_where_nothing_can_be_kept_there_is_one_warning_and_the_kernel_runs(empty, monkeypatch, place):
    if place != "\0":
        monkeypatch.setenv("NETLANG_CACHE", place)
    else:
        monkeypatch.delenv("NETLANG_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "expanduser", lambda self: (_ for _ in ()).throw(RuntimeError("there is no home")))

    with pytest.warns(folder.CacheWarning, match="will not be kept for the next run") as caught:
        addresses = [cache.compiled(kernel) for kernel in (ADD, KernelText("add", ADD.text + "\n"))]

    assert len(caught) == 1
    assert_adds(addresses[0])


def test_a_folder_of_somebody_else_is_not_used(empty, monkeypatch):
    empty.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)

    with pytest.warns(folder.CacheWarning, match="belongs to another user"):
        chosen = folder.folder()

    assert chosen != empty


def test_the_folder_is_for_its_owner_only(empty):
    empty.mkdir(mode=0o755)

    assert folder.folder() == empty
    assert empty.stat().st_mode & 0o777 == 0o700


def refused(self, *args, **kwargs):
    raise PermissionError(13, "Permission denied", str(self))


def test_a_damaged_entry_that_cannot_be_deleted_is_passed_over(empty, monkeypatch):
    cache.compiled(ADD)
    entries(empty)[0].write_bytes(b"garbage")
    cache.forget()
    monkeypatch.setattr(Path, "unlink", refused)

    assert_adds(cache.compiled(ADD))


def test_entries_that_nobody_may_look_at_are_missing(empty, monkeypatch):
    cache.compiled(ADD)
    cache._SHELF.forget()
    monkeypatch.setattr(Path, "stat", refused)

    assert cache.missing([(ADD, 3)]) == [(ADD, 3)]


def test_a_full_disk_is_a_warning_and_the_kernel_runs(empty, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.warns(folder.CacheWarning, match="No space left on device") as said:
        assert_adds(cache.compiled(ADD))
    assert len(said) == 1  # a kernel has two files, a net has dozens of kernels


def test_a_folder_that_can_only_be_read_is_read(empty, monkeypatch):
    cache.compiled(ADD)
    cache.forget()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **where: refused(where))
    monkeypatch.setattr(Path, "write_bytes", refused)
    monkeypatch.setattr(os, "utime", refused)

    assert_adds(cache.compiled(ADD))

    assert (cache.counts.compiled, cache.counts.loaded) == (0, 1)
    with pytest.warns(folder.CacheWarning, match="cannot be kept for the next run"):
        cache.compiled(KernelText("add", ADD.text + "\n"))


def test_a_file_in_place_of_a_folder_of_the_cache_is_a_warning_and_the_kernel_runs(empty):
    (folder.folder() / cache.environment()).touch()

    with pytest.warns(folder.CacheWarning, match="cannot be kept"):
        assert_adds(cache.compiled(ADD))


def test_what_others_keep_in_the_folder_is_left_alone(empty):
    photo = folder.folder() / "holidays" / "photo.o"
    photo.parent.mkdir()
    photo.write_bytes(bytes(100))
    cache.compiled(ADD)

    folder.trim(0)
    folder.clear()

    assert photo.exists()
    assert folder.summary().entries == 0


def test_a_folder_with_other_things_in_it_stays_open_to_others(empty):
    empty.mkdir(mode=0o755)
    (empty / "photo").touch()

    with pytest.warns(folder.CacheWarning, match="name a folder of its own"):
        chosen = folder.folder()

    assert chosen != empty
    assert empty.stat().st_mode & 0o777 == 0o755


def test_what_was_used_longest_ago_goes_first_beyond_the_limit(empty):
    files = [folder.folder() / cache.environment() / f"{i}.o" for i in range(4)]
    files[0].parent.mkdir()
    for age, file in enumerate(files):
        file.write_bytes(bytes(100))
        os.utime(file, (1000 - age, 1000 - age))

    folder.trim(250)

    assert [file.exists() for file in files] == [True, True, False, False]


def test_clearing_empties_the_cache_and_says_what_was_there(empty):
    cache.compiled(ADD)

    before = folder.clear()

    assert before.entries == 1
    assert before.size > len(ADD.text)
    assert folder.summary() == folder.Summary(empty, 0, 0)


@pytest.mark.parametrize(("kernel", "call"), [(ALLOCATES, "NRT_"), (RAISES, "PyErr")])
def test_a_kernel_that_would_touch_python_is_refused(empty, kernel, call):
    with pytest.raises(ForeignCallError, match=call):
        cache.compiled(kernel)

    assert any(name.startswith(call) for name in cache.foreign_calls(kernel))
    assert entries(empty) == []


def test_a_name_of_two_types_is_refused(empty):
    with pytest.raises(Exception, match="`at` is float64, and set to int64"):
        cache.compiled(TWO_TYPES)


def test_a_right_kernel_calls_nothing_foreign():
    assert cache.foreign_calls(ADD) == []


def test_kernels_are_optimised_whatever_numba_is_told(empty):
    said = subprocess.run(
        [sys.executable, "-c", PRODUCT],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_OPT": "0"},
    )

    assert said.stderr == ""
    assert said.stdout == "1\n"


def test_interpreted_kernels_compute_the_same():
    cell = np.array([40], np.int64)

    cache.interpreted(ADD)(cell.ctypes.data, 1, 1)

    assert cell[0] == 42


def test_every_stage_of_a_kernel_can_be_read():
    assert ADD.text in cache.source(ADD)
    assert "define" in cache.llvm(ADD)
    assert "ret" in cache.assembly(ADD)


def test_another_processor_or_generator_is_another_folder(empty, monkeypatch):
    here = cache.environment()

    monkeypatch.setenv("NETLANG_TARGET", "baseline")

    assert cache.environment() != here


def test_code_for_a_named_target_runs_without_wide_registers(empty):
    program = PROGRAM + "print('zmm' in cache.assembly(KernelText('copy', {!r})))".format(
        "from netlang.simd.vector import load_f32, store_f32\n"
        "def kernel(args, team, thread):\n    store_f32(args, load_f32(team))\n"
    )
    environment = {**os.environ, "NETLANG_TARGET": "baseline"}

    output = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True).stdout

    assert output.splitlines() == ["1 0", "False"]


def test_a_target_named_after_the_first_compilation_is_refused(empty, monkeypatch):
    cache.compiled(ADD)
    monkeypatch.setenv("NETLANG_TARGET", "baseline")

    with pytest.raises(UnknownTargetError, match="Numba already compiles for"):
        cache.llvm(ADD)


def test_an_unknown_target_is_named(monkeypatch):
    monkeypatch.setenv("NETLANG_TARGET", "cray")

    with pytest.raises(UnknownTargetError, match="'cray', but here it can only be one of: baseline"):
        cache.environment()
