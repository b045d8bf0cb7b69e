"""`netlang train`, `evaluate` and `run`, on a small net in NumPy."""

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from logistic import LogisticNet, LogisticProgram

from netlang.backend.cuda import machine
from netlang.checkpoint import Checkpoint, load, save
from netlang.cli import evaluate, run, train
from netlang.train import data
from netlang.train.loop import Progress


@pytest.fixture(autouse=True)
def net(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LogisticNet:
    made = LogisticNet(shift=0)
    for module in (train, evaluate, run):
        monkeypatch.setattr(module, "opened", lambda file, settings=(): made)
    monkeypatch.chdir(tmp_path)
    return made


def invoke(module: Any, *args: object) -> Result:
    return CliRunner().invoke(module.command, ["net.net", *map(str, args)])


def succeeded(module: Any, *args: object) -> Result:
    result = invoke(module, *args)
    assert result.exit_code == 0, result.output
    return result


def trained() -> Path:
    succeeded(train, "--quiet")
    return Path("runs/logistic-1/weights.safetensors")


def test_train_ends_with_one_line_of_json():
    result = succeeded(train, "--json", "--epochs", 2)

    summary = json.loads(result.stdout)
    assert summary["net"] == "logistic"
    assert summary["epochs"] == 2
    assert summary["train_loss"] > 0
    assert 0.5 < summary["test_accuracy"] <= 1
    assert summary["seconds"] > 0
    assert Path(summary["weights"]).is_file()
    assert "epoch 2/2" in result.stderr


def test_without_a_terminal_each_epoch_is_a_plain_line():
    lines = succeeded(train).stdout.splitlines()

    assert [line[:9] for line in lines[:3]] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert all("test accuracy" in line and "examples/s" in line for line in lines[:3])
    assert lines[-1] == "weights: runs/logistic-1/weights.safetensors"


def test_a_second_run_gets_its_own_folder():
    trained()
    succeeded(train, "--quiet")

    assert sorted(p.name for p in Path("runs").iterdir()) == ["logistic-1", "logistic-2"]


@pytest.mark.parametrize(
    ("number", "status", "name"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP")],
)
def test_a_signal_ends_training_with_its_weights_kept_and_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, net: LogisticNet, number: int, status: int, name: str
):
    compiled = net.compile

    def interrupted(**options: Any) -> LogisticProgram:
        program = compiled(**options)
        program.before_step = lambda step: os.kill(os.getpid(), number) if step == 2 else None
        return program

    monkeypatch.setattr(net, "compile", interrupted)
    result = invoke(train)

    assert result.exit_code == status
    assert f"stopped by {name} after 0 epochs; go on with --resume runs/logistic-1" in result.stdout
    assert Path("runs/logistic-1/weights.safetensors").is_file()


def test_resume_goes_on_in_the_same_folder():
    trained()

    summary = json.loads(succeeded(train, "--resume", "runs/logistic-1", "--epochs", 5, "--json").stdout)

    assert summary["epochs"] == 5
    assert summary["weights"] == "runs/logistic-1/weights.safetensors"
    log = Path("runs/logistic-1/log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [1, 2, 3, 4, 5]


def test_a_run_of_another_net_is_not_resumed(net: LogisticNet):
    before = trained().read_bytes()
    net.identity = "other"

    result = invoke(train, "--resume", "runs/logistic-1")

    assert result.exit_code == 1
    assert "is a training of another net" in result.stderr
    assert Path("runs/logistic-1/weights.safetensors").read_bytes() == before


def test_evaluate_gives_the_accuracy_training_reported():
    reported = json.loads(succeeded(train, "--json").stdout)["test_accuracy"]

    summary = json.loads(succeeded(evaluate, "--weights", "runs/logistic-1/weights.safetensors", "--json").stdout)

    assert summary["accuracy"] == reported
    assert summary["examples"] == 360


def test_run_prints_the_top_classes_and_stores_the_answers():
    weights = trained()
    digits = data.load("digits", "last")
    np.save("x.npy", digits.x_test[:5])

    result = succeeded(run, "--weights", weights, "--input", "x.npy", "--output", "y.npy", "--top", 2, "--json")

    y = np.load("y.npy")
    rows = json.loads(result.stdout)["rows"]
    assert y.shape == (5, 10)
    assert [row["top"][0]["class"] for row in rows] == y.argmax(1).tolist()
    assert [len(row["top"]) for row in rows] == [2] * 5
    assert (y.argmax(1) == digits.y_test[:5]).sum() >= 4


def test_run_reads_pictures_as_gray_values_in_the_size_of_the_net():
    from PIL import Image

    weights = trained()
    digit = data.load("digits", "last").x_test[:1]
    pixels = (digit[0, :, :, 0] * (255 / 16)).astype(np.uint8)
    Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST).save("digit.png")
    np.save("x.npy", digit)
    succeeded(run, "--weights", weights, "--input", "x.npy", "--output", "array.npy")

    result = succeeded(run, "--weights", weights, "--input", "digit.png", "--output", "picture.npy")

    assert np.allclose(np.load("picture.npy"), np.load("array.npy"), atol=0.05)  # 8-bit pixels
    assert result.stdout.startswith("digit.png: ")


def test_run_reads_pictures_of_16_bits_as_those_of_8():
    from PIL import Image

    weights = trained()
    pixels = (data.load("digits", "last").x_test[0, :, :, 0] * (255 / 16)).astype(np.uint8)
    Image.fromarray(pixels).save("8.png")
    Image.fromarray(pixels.astype(np.uint16) * 257).save("16.png")
    Image.fromarray(pixels.astype(np.float32) / 255).save("float.tiff")

    for name in ("8", "16"):
        succeeded(run, "--weights", weights, "--input", f"{name}.png", "--output", f"{name}.npy")
    refused = invoke(run, "--weights", weights, "--input", "float.tiff")

    assert np.array_equal(np.load("8.npy"), np.load("16.npy"))
    assert (refused.exit_code, "store it as .npy" in refused.stderr) == (1, True)


def npy(name: str, array: np.ndarray) -> str:
    np.save(name, array)
    return name


def test_an_input_of_the_wrong_shape_or_kind_is_refused_and_nothing_written():
    weights = trained()
    Path("y.npy").write_text("former")
    Path("text.png").write_text("no picture")
    wrong = {
        npy("flat.npy", np.zeros((2, 10))): "the examples are 10, the net's input is 8x8x1",
        npy("one.npy", np.zeros(3)): "the array is 3, the net takes nx8x8x1",
        npy("empty.npy", np.zeros((2, 0, 8, 1))): "the array is 2x0x8x1",
        npy("nan.npy", np.full((2, 8, 8), np.nan)): "holds NaN or infinity: first in example 0",
        npy("words.npy", np.full((2, 8, 8), "a")): "holds <U1; numbers are needed",
        "gone.npy": "there is no such file",
        "text.png": "nor a picture that can be read",
    }

    for name, message in wrong.items():
        result = invoke(run, "--weights", weights, "--input", name, "--output", "y.npy")
        assert (result.exit_code, message in result.stderr) == (1, True), result.stderr

    assert Path("y.npy").read_text() == "former"


@pytest.mark.parametrize("module", [evaluate, run])
def test_wrong_weights_are_refused(module: Any):
    from safetensors.numpy import save_file

    whole = trained().read_bytes()
    Path("cut").write_bytes(whole[:-10])
    save_file({"fc1.w": np.zeros((2, 2), np.float32)}, "other")
    extra = ("--input", npy("x.npy", np.zeros((1, 8, 8)))) if module is run else ()

    said = {name: invoke(module, "--weights", name, *extra) for name in ("gone", "cut", "other")}

    assert {result.exit_code for result in said.values()} == {1}
    assert "cannot read gone: there is no such file" in said["gone"].stderr
    assert "cut is not a whole safetensors file" in said["cut"].stderr
    assert "lacks `fc1.b`; `fc1.w` is 2x2 there and 64x10 in the net" in said["other"].stderr


def remarked(name: str, **about: Any) -> str:
    """The weights of a training with other remarks."""
    found = load(Path("runs/logistic-1/weights.safetensors"))
    save(Path(name), Checkpoint(found.weights, found.state, {**found.about, **about}))
    return name


@pytest.mark.parametrize(("about", "message"), [
    ({"settings": "hello"}, "the settings of the training stored with the weights cannot be read"),
    ({"settings": {"batch": "many"}}, "`batch=many`"),
    ({"settings": {"batch": 0}}, "`batch` is 0"),
    ({"statistics": {"mean": [0, 0], "std": [1, 1], "peak": 1}}, "of 2 channels or features, the examples have 1"),
    ({"statistics": {"mean": [0], "std": [0], "peak": 1}}, "statistics of the data stored with the weights cannot be"),
])  # fmt: skip
def test_remarks_of_others_in_a_weights_file_are_refused(about: dict[str, Any], message: str):
    trained()
    weights = remarked("strange", **about)

    result = invoke(evaluate, "--weights", weights)

    assert (result.exit_code, message in result.stderr) == (1, True), result.output


@pytest.mark.parametrize("about", [
    {"steps": "x"}, {"progress": 5}, {"progress": {"epoch": 1}}, {"progress": {**asdict(Progress()), "epoch": -1}},
])  # fmt: skip
def test_a_run_whose_progress_cannot_be_read_is_not_resumed(about: dict[str, Any]):
    trained()
    Path("copy").mkdir()
    remarked("copy/weights.safetensors", **about)

    result = invoke(train, "--resume", "copy", "--quiet")

    assert (result.exit_code, "how far training was cannot be read" in result.stderr) == (1, True), result.output


@pytest.mark.parametrize("arguments", [
    (train, "--data", "gone.npz"), (evaluate, "--weights", "gone"), (run, "--weights", "gone", "--input", "gone.npy"),
])  # fmt: skip
def test_a_problem_is_one_json_object_for_programs(arguments: Any):
    result = invoke(*arguments, "--json")

    (problem,) = json.loads(result.stdout)["errors"]
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (1, False)
    assert "cannot read gone" in problem["title"]


def test_a_gpu_that_is_not_there_is_told_in_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "missing", lambda: ["the NVIDIA driver finds no GPU on this machine"])

    result = invoke(train, "--device", "cuda")

    assert result.exit_code == 1
    assert result.stderr == "error: CUDA cannot be used here: the NVIDIA driver finds no GPU on this machine\n"


def test_wrong_data_leaves_no_run_folder():
    result = invoke(train, "--data", "gone.npz")

    assert result.exit_code == 1
    assert "cannot read gone.npz" in result.stderr
    assert not Path("runs").exists()
