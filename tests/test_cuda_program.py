"""Programs on CUDA, run whole by Numba's simulator; nothing here has run on a GPU."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def simulated(*names):
    """What `simulated_programs.py` prints, behind the names of what it did."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path, "NETLANG_CHECK_MEMORY": "0"}
    command = [sys.executable, str(TESTS / "simulated_programs.py"), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_outputs_gradients_and_training_steps_agree_with_the_interpreter():
    """NETLANG_SIMULATED_CPU=1 compares with the CPU at precision=strict instead."""
    names = ["conv", "norms", "residual", "lstm", "gru"]

    assert simulated(*names) == names


def test_every_loss_and_every_optimizer_agrees():
    assert simulated("losses") == ["losses"]


def test_gradients_agree_with_central_differences_taken_on_the_device():
    assert simulated("gradients") == ["gradients", "3 gradients, right"]


def test_arrays_on_the_gpu_are_read_and_answered_there():
    assert simulated("arrays") == [
        "arrays",
        "this array on the GPU is not contiguous: copy it first, as with `.contiguous()`",
        "`input` takes examples of 5x5x3, that is an array of nx5x5x3; got 2x6x5x3",
    ]


def test_what_goes_wrong_is_told_and_leaves_the_weights():
    not_finite = "error[not-finite]: the loss or a gradient is not finite; the weights are those before this step"

    assert simulated("refused") == [
        "refused",
        not_finite,
        not_finite,
        "error[not-finite]: at a learning rate of 1e+30 this step would lose the weights; they are those before it",
        "kept: True",
        "goes on: True",
        "behind the end",
        "this program was closed",
    ]


def test_whether_weights_may_change_is_found_on_the_gpu_as_the_host_would_find_it():
    """Behind a step there stand an ordinary one, NaN, one that goes far, one that goes too far, infinity, another."""
    counts = (1, 1, 2, 2, 2, 3)

    assert simulated("looked") == [
        "looked",
        *(f"True True {count} {count}" for count in counts),
        "no more: 4 False",  # what was under way came to its end
    ]
