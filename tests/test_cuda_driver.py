"""What a program asks of NVIDIA's driver, seen by a stand-in for its library that runs no kernel (`driver.c`)."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kept_kernels import entries

pytest.importorskip("numba_cuda", reason="needs the extra `cuda`")
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for the stand-in")

TESTS = Path(__file__).parent
PROGRAM = str(TESTS / "stood_in.py")
ROW = 3 * 5 * 4  # bytes of three examples, which get their padding on the GPU
LABELS = 3 * 4


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    command = ["cc", "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o", "libcuda.so.1", TESTS / "driver.c"]
    subprocess.run([*command, "-ldl"], cwd=folder, check=True)
    (folder / "libcuda.so").symlink_to("libcuda.so.1")
    return folder


def started(library, *command, **environment):
    path = {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    kept = {"NETLANG_CACHE": str(library / "cache"), "NETLANG_CHECK_MEMORY": "0"}
    environment = {**os.environ, **path, **kept, **environment}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(library):
    """What was said of each part, and what the driver was asked for."""
    parts = ("steps", "arrays", "words", "refusals", "recurrent", "memory")
    found = started(library, PROGRAM, *parts)
    assert found.returncode == 0, found.stderr[-3000:]
    asked = found.stderr.split("cu: == ")[1:]
    assert [part.split("\n")[0] for part in asked] == list(parts)
    return found.stdout, {part.partition("\n")[0]: part.splitlines()[1:] for part in asked}


def between(lines, first, last=None):
    lines = lines[lines.index(first) + 1 :]
    return lines[: lines.index(last)] if last else lines


def launches(lines):
    return [line for line in lines if line.startswith(("cu: launch", "cu: graph"))]


def moved(lines):
    return [line for line in lines if line.endswith(" bytes")]


def steps_of(lines):
    """The lines of each step: those before it is done."""
    return [part.splitlines() for part in "\n".join(lines).split("cu: step done")]


def of_step(lines, number):
    """From the moment a batch is asked for until the step on the one before is done."""
    return between(lines, f"cu: batch {number}", "cu: step done")


def test_the_second_step_is_recorded_whole_and_from_then_on_a_step_is_one_graph(done):
    steps = done[1]["steps"]
    first, second, third, _, _ = (launches(step)[2:] for step in steps_of(steps))  # behind the padding of a batch

    assert len(first) > 5
    assert first.index("cu: launch 1 x 1") == len(first) - 2  # whether weights may change; then the update
    assert second == [*(f"{line}, recorded" for line in first), "cu: graph"]
    assert third == ["cu: graph"]
    assert "while recording" not in "\n".join(steps)


def test_the_next_batch_is_on_its_way_on_a_stream_of_its_own_while_a_step_runs(done):
    third = of_step(done[1]["steps"], 3)

    sent = ["cu: 2 waits for event 3", f"cu: to device on 2, {ROW} bytes", f"cu: to device on 2, {LABELS} bytes"]
    measured = "cu: to host on 1, 72 bytes"  # the loss and the norm: the host waits for the first stream alone
    assert third == [*sent, "cu: event 4 behind 2", measured]


def test_a_step_reads_a_batch_that_has_come_and_hands_its_memory_back(done):
    lines = between(between(done[1]["steps"], "cu: batch 2"), "cu: step done", "cu: batch 3")

    padded = ["cu: launch 1 x 256"] * 2
    control = ["cu: to device on 1, 72 bytes"]
    assert lines == ["cu: 1 waits for event 4", *padded, "cu: event 3 behind 1", *control, "cu: graph"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bool"])
def test_arrays_of_other_libraries_are_read_and_answered_where_they_are(done, dtype):
    asked = done[1]["arrays"]
    call = between(asked, f"cu: array of {dtype}")
    call = call[: next(k for k, line in enumerate(call) if line.startswith("cu: array"))]

    assert done[0].splitlines()[0] == "(3, 3) <f4"
    assert [line for line in moved(call) if "on 1" not in line and not line.endswith(" 72 bytes")] == []


def test_a_step_on_an_array_of_another_library_moves_its_labels_alone(done):
    moves = moved(between(done[1]["arrays"], "cu: array to train on"))

    assert f"cu: to device on 2, {LABELS} bytes" in moves
    assert f"cu: to device on 2, {ROW} bytes" not in moves


def test_kernels_get_the_words_that_numba_gives_them(done):
    words = done[1]["words"]
    by_numba = [line for line in between(words, "cu: by numba", "cu: by us") if line.startswith("cu: ")]

    assert len(by_numba) == 1 + 3 * 7 + 1
    assert between(words, "cu: by us") == by_numba


@pytest.mark.parametrize("call", ["begin", "launch", "end", "graph", "graph launch"])
def test_what_the_driver_does_not_record_is_launched_one_by_one(done, call):
    tried = steps_of(between(done[1]["refusals"], f"cu: refuses {call}"))
    first = launches(steps_of(done[1]["steps"])[0])

    for number in range(4):
        assert [line for line in launches(tried[number]) if not line.endswith("recorded")] == first
    assert not any("record" in line for line in tried[3])


def test_blocks_that_wait_for_each_other_are_launched_as_such_and_recorded_with_the_others(done):
    first, second, third, _ = (launches(step) for step in steps_of(done[1]["recurrent"]))

    together = [line for line in first if "together" in line]
    assert together == ["cu: launch 4 x 256 together"] * 2  # 20 units are 4 columns of 8; forward and backward
    assert [line for line in second if "together" in line] == [f"{line}, recorded" for line in together]
    assert third[-1] == "cu: graph"
    assert not any("together" in line for line in third)


def test_that_steps_are_not_recorded_is_told_once(done):
    (told,) = [line for line in done[0].splitlines() if "Graph" in line]

    assert told.count("GraphWarning: kernels are launched one by one") == 1


def test_memory_that_the_driver_does_not_give_is_told(done):
    told = done[0].splitlines()[-2:]

    assert told[0].startswith("storing the weights on the GPU: the driver does not give 192 B at once; 8.0 GiB of ")
    assert told[1].startswith("page-locked memory for `input`: the driver does not give 128 B at once; 8.0 GiB of ")


def test_a_second_process_compiles_nothing_but_what_is_damaged(library, done):
    kept = entries(library / "cache")
    first = started(library, PROGRAM, "kept").stdout.split()
    for entry in kept[:2]:
        entry.write_bytes(entry.read_bytes()[:-100])
    kept[2].unlink()

    second = started(library, PROGRAM, "kept").stdout.split()

    assert first[0] == "0"
    assert int(first[1]) > 10
    assert int(second[0]) >= 1
    assert sum(map(int, second)) == int(first[1])
    assert (library / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("options", "told"), [
    ((), r"a training step on 32 examples needs [\d.]+ MiB of the GPU's memory, but only 97.7 KiB are free there"),
    (("--batch", "fit"), r"a training step on 1 example, and evaluation beside it, need [\d.]+ MiB, and 87.9 KiB may"),
])  # fmt: skip
def test_too_large_a_plan_is_told_before_anything_is_compiled(library, options, told):
    arguments = ["-m", "netlang", "train", "examples/lenet.net", "--device", "cuda", "--quiet", *options]
    done = started(library, *arguments, STAND_IN_FREE="100000", NETLANG_CACHE=str(library / "empty"))

    assert done.returncode == 1
    assert re.match(f"error: {told}", done.stderr.splitlines()[-1])
    assert not entries(library / "empty")


def test_the_largest_batch_is_the_one_whose_step_the_gpu_can_hold(library):
    asked = started(library, PROGRAM, "fit", STAND_IN_FREE=str(1 << 20))

    batch, size, one_more = map(int, asked.stdout.split())
    assert batch > 64
    assert size <= 0.9 * (1 << 20) < one_more
