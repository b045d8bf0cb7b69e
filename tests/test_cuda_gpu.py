"""On a GPU: `pytest -m cuda`. Where there is none, these tests are not collected; none of them has run on one yet.

NUMBA_ENABLE_CUDASIM=1 takes Numba's simulator for the GPU: the same tests of the smallest nets. test_cuda_simulator.py
runs a few of them so, and NETLANG_SIMULATED_GPU=1 all.
"""

import json
import os
from dataclasses import replace

import agreement
import cases
import numpy as np
import pytest
import simulated
import simulated_programs
from click.testing import CliRunner

import netlang
from netlang.backend.cuda.target import simulated as in_simulator
from netlang.cli import main
from netlang.gradcheck.point import small
from netlang.net import Net

pytestmark = pytest.mark.cuda
IN_SIMULATOR = in_simulator()
ZOO = ["xor-mlp", "xor-perceptron"] if IN_SIMULATOR else sorted(path.stem for path in agreement.EXAMPLES.glob("*.net"))
FAMILIAR = "xor-mlp" if IN_SIMULATOR else "lenet"
TRAINED = ["xor-mlp"] if IN_SIMULATOR else ["lenet", "digits-resnet"]
CASES = [*cases.LAYERS, *cases.LOSSES]
if IN_SIMULATOR and not os.environ.get("NETLANG_SIMULATED_GPU"):  # the first of each layer
    CASES = list({case.what.word: case for case in reversed(CASES)}.values())
BATCH = 2
FACTOR = 3  # times what float32 on the CPU is off, all gradients together
ANSWERS = 1e-4
TWO_PICTURES = 0.006  # of the 359 or 360 of the test part


def example(name):
    return str(agreement.EXAMPLES / f"{name}.net")


def said(*arguments):
    """The last line of a command, as JSON."""
    done = CliRunner().invoke(main, [*map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", simulated_programs.NETS)
def test_a_program_agrees_with_the_cpu_at_strict_precision(name, capsys):
    simulated_programs.beside_cpu(netlang.from_text(simulated_programs.NETS[name]), precision="strict")

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_layer_and_loss_agrees_with_the_cpu_forward_and_backward(case, capsys):
    loss = case.what.word if case in cases.LOSSES else {"step": "perceptron"}.get(case.what.word)
    checked = replace(cases.net(case), train={"loss": loss} if loss else {})
    x, target = agreement.batch_of(checked, BATCH, 0)
    gpu, cpu = (Net(checked).compile(BATCH, device=device, precision="strict", seed=1) for device in ("cuda", "cpu"))

    (found, grads), (right, wanted) = gpu.gradients(x, target), cpu.gradients(x, target)

    simulated_programs.compare("the output", gpu(x), cpu(x))
    simulated_programs.compare("the loss", found, right)
    for name, grad in wanted.items():
        simulated_programs.compare(f"the gradient by {name}", grads[name], grad)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("optimizer", [each.word for each in cases.OPTIMIZERS])
def test_every_optimizer_steps_as_on_the_cpu(optimizer, capsys):
    net = netlang.from_text(f"input 5\nFC-3, soft-max\ntrain: optimizer={optimizer} lr=0.1")
    simulated_programs.beside_cpu(net, precision="strict")

    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of what CUDA does in silence: 1/0 in a padding lane
def test_every_primitive_gives_the_references_numbers_and_zeros_in_the_padding(capsys):
    simulated.all_cases()

    assert capsys.readouterr().out.endswith(" kernels\n")


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_agrees_with_float64_as_the_cpu_does(name):
    net = small(netlang.load(example(name)).checked, None, BATCH)
    gpu, cpu = (agreement.compiled(net, BATCH, device=device, precision="strict") for device in ("cuda", "cpu"))
    exact = agreement.compiled(net, BATCH, dtype="f64")
    ratios = []
    for seed in range(agreement.BATCHES):
        x, target = agreement.batch_of(net, BATCH, seed)
        wanted = exact.gradients(x, target)[1]
        ours, theirs = (agreement.whole(program.gradients(x, target)[1], wanted) for program in (gpu, cpu))
        ratios.append(ours / max(theirs, agreement.NOISE))
        for key, answer in agreement.outputs(exact, {}, x).items():
            assert agreement.error(agreement.outputs(gpu, {}, x)[key], answer) <= ANSWERS, key

    assert np.median(ratios) <= FACTOR


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("precision", ["strict"] if IN_SIMULATOR else ["strict", "fast", "bf16"])
def test_training_comes_to_the_accuracy_of_the_cpu(name, precision, tmp_path):
    arguments = ["train", example(name), "--quiet", "--out", tmp_path, *(["--epochs", 20] if IN_SIMULATOR else [])]
    cpu = said(*arguments, "--precision", "strict")

    gpu = said(*arguments, "--device", "cuda", "--precision", precision)

    assert gpu["test_accuracy"] == pytest.approx(cpu["test_accuracy"], abs=TWO_PICTURES)
    assert said("evaluate", example(name), "--weights", gpu["weights"])["accuracy"] == pytest.approx(
        gpu["test_accuracy"], abs=TWO_PICTURES
    )


@pytest.mark.parametrize(("precision", "tolerance"), [("fast", 5e-3), ("bf16", 5e-2)])
def test_tensor_cores_stay_near_strict_products(precision, tolerance):
    """tf32 keeps 10 bits of a factor and bf16 7: 5e-4 and 4e-3 a product, a few times that behind several layers."""
    net = netlang.load(example(FAMILIAR))
    x, target = agreement.batch_of(net.checked, 8, 0)
    strict, other = (net.compile(8, device="cuda", seed=1, precision=p) for p in ("strict", precision))

    wanted, found = strict.gradients(x, target)[1], other.gradients(x, target)[1]

    for name, grad in wanted.items():
        assert np.linalg.norm(found[name] - grad) <= tolerance * np.linalg.norm(grad), name


def test_recorded_steps_are_those_launched_one_by_one(monkeypatch):
    monkeypatch.setenv("NETLANG_CHECK_MEMORY", "0")  # what is checked is launched one by one
    net = netlang.from_text(simulated_programs.NETS["residual"])
    x, y, _ = simulated_programs.examples(net)
    recorded, alone = (net.compile(4, device="cuda", training=True, seed=2, check_nan=nan) for nan in (False, True))

    losses = list(zip(recorded.train([(x, y)] * 4), alone.train([(x, y)] * 4), strict=True))

    assert bool(recorded.loaded("train")._queues["train"].graph) == (not IN_SIMULATOR)
    assert all(one == other for one, other in losses)


def test_the_next_batch_does_not_reach_the_step_under_way():
    net = netlang.from_text(simulated_programs.NETS["conv"])
    x, y, _ = simulated_programs.examples(net)
    batches = [(x * scale, y) for scale in (1, -2, 0.5, 3)]
    ahead, alone = (net.compile(4, device="cuda", training=True, seed=2) for _ in range(2))

    assert list(ahead.train(batches)) == [alone.step(*batch) for batch in batches]


def test_gradients_are_right_on_both_devices():
    rows = CliRunner().invoke(main, ["gradcheck", example(FAMILIAR), "--device", "cpu,cuda"])

    assert rows.exit_code == 0, rows.output


def test_bench_measures_beside_pytorch():
    pytest.importorskip("torch", reason="the extra `reference` is not installed")
    options = ["--device", "cuda", "--against", "torch", "--batch", 8, "--repeat", 3]
    found = said("bench", example(FAMILIAR), *options)

    assert [result["mode"] for result in found["results"]] == ["train", "infer"]
    assert IN_SIMULATOR or all(result["ratio"] > 0 for result in found["results"])


def test_doctor_misses_nothing():
    found = said("doctor")["cuda"]

    assert found["missing"] == []
    assert found["gpu"]
