"""CUDA kernels in Numba's simulator: the logic of their texts, on any machine; `test_cuda_ptx.py` compiles them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def simulated(what="", program="simulated.py"):
    """What a program prints: the faults, then how much it ran."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    command = [sys.executable, str(TESTS / program), what]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_kernel_gives_the_references_numbers_and_zeros_in_the_padding():
    found = re.fullmatch(r"(\d+) kernels\n", said := simulated("cases"))
    assert found, said
    assert int(found[1]) > 250


def test_any_number_of_blocks_gives_the_same_bits():
    assert simulated("blocks") == "20 kernels\n"


def test_products_on_tensor_cores_are_those_of_float32_where_the_factors_can_be_held():
    """By the maps of the PTX ISA (`test_cuda_fragments.py`), which stand for the instructions here."""
    assert simulated("tensor") == "30 products\n"


def test_sums_that_are_taken_on_the_way_are_those_of_the_numbers_that_are_stored():
    """Of whole and of cut products, and of sums in parts; squares also where the mean is far from zero."""
    assert simulated(program="simulated_sums.py") == "8 launches\n"


def test_kernels_of_operands_in_bf16_round_what_they_store_and_nothing_else():
    """Also a whole training step, whose large values and their weights lie in bf16."""
    assert simulated(program="simulated_halves.py") == "29 launches\n3 of 20 are weights\n"


def test_recurrences_on_tensor_cores_are_those_of_rounded_factors():
    """Also where several blocks have the units of the same examples, and wait for each other."""
    assert simulated(program="simulated_scans.py") == "7 recurrences\n"


@pytest.mark.parametrize(("net", "launches"), [("mlp", 21), ("lenet", 28), ("lstm", 47)])
def test_a_training_step_launched_kernel_by_kernel_agrees_with_the_interpreter(net, launches):
    assert simulated(net) == f"{launches} launches\n"


def test_gradients_of_generated_programs_agree_with_the_interpreter():
    """NETLANG_SIMULATED says how many."""
    lines = simulated("programs").splitlines()

    assert [line for line in lines if not line.startswith("seed ")] == [f"{len(lines) - 1} programs"]


def test_the_tests_of_a_gpu_run_in_the_simulator():
    """The quick ones, with one case of each layer; all of them where NETLANG_SIMULATED_GPU is set."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(TESTS.parent)}
    slow = "program_agrees or every_primitive or zoo or training or right_on_both or bench or bidirectional or -32"
    few = [] if os.environ.get("NETLANG_SIMULATED_GPU") else ["-k", f"not ({slow})"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", str(TESTS / "test_cuda_gpu.py"), *few]
    done = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 4
