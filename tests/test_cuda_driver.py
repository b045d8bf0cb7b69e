"""What a program asks of NVIDIA's driver, seen by a stand-in for its library that runs no kernel (`driver.c`)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba_cuda", reason="needs the extra `cuda`")
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler for the stand-in")

TESTS = Path(__file__).parent
PROGRAM = """
import sys
import numpy as np
from numba import cuda
import netlang

net = netlang.from_text("input 5\\nFC-3, soft-max\\ntrain: lr=0.1 optimizer=sgd")
program = net.compile(4, device="cuda", training=True)
x, y = np.ones((3, 5), np.float32), np.zeros(3, int)
for step in range(4):
    print(f"cu: step {step}", file=sys.stderr, flush=True)
    program.step(x, y)
print("cu: output", file=sys.stderr, flush=True)
print(type(program(cuda.to_device(x))).__name__)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    command = ["cc", "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o", "libcuda.so.1", TESTS / "driver.c"]
    subprocess.run([*command, "-ldl"], cwd=folder, check=True)
    (folder / "libcuda.so").symlink_to("libcuda.so.1")
    return folder


def started(library, *command, **environment):
    path = {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(TESTS.parent), "NETLANG_CHECK_MEMORY": "0"}
    environment = {**os.environ, **path, **environment}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(library):
    return started(library, "-c", PROGRAM)


def test_the_second_step_is_recorded_and_from_then_on_a_step_is_two_graphs(done):
    assert (done.returncode, done.stdout) == (0, "DeviceNDArray\n"), done.stderr[-3000:]
    steps = [part.splitlines()[1:] for part in done.stderr.split("cu: step ")[1:]]
    alone = [line for line in steps[0] if line.startswith("cu: launch")]
    assert len(alone) > 5
    assert [f"{line}, recorded" for line in alone] == [line for line in steps[1] if line.endswith(", recorded")]
    assert "while recording" not in done.stderr
    last = steps[3][: steps[3].index("cu: output")]
    assert [line for line in last if "launch" in line or "graph" in line] == ["cu: graph", "cu: graph"]  # step, update


def test_a_step_moves_its_batch_and_what_changes_and_brings_back_the_loss_and_the_norm(done):
    last = done.stderr.split("cu: step 2\n")[1].split("cu: step 3\n")[0]

    moved = [line for line in last.splitlines() if " bytes" in line]

    rows = 3 * 16 * 4  # bytes of three examples, or of their labels: rows of 16 float32
    control = ["cu: to device, async, 32 bytes", "cu: to device, async, 4 bytes"]
    scalar = "cu: to host 64 bytes"
    assert moved == [*[f"cu: to device, async, {rows} bytes"] * 2, *control, scalar, scalar]


def test_too_large_a_plan_is_told_before_the_first_step(library):
    arguments = ["-m", "netlang", "train", "examples/lenet.net", "--device", "cuda", "--quiet"]
    done = started(library, *arguments, STAND_IN_FREE="100000")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: storing the weights needs 0.8 MiB of the GPU's memory, but")
